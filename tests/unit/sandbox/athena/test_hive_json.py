import json
from typing import Any

import pytest

from clickstream_lake.sandbox.athena.hive_json import JsonReader
from clickstream_lake.sandbox.athena.tables import Column
from clickstream_lake.sandbox.errors import QueryError


def read(data: bytes, **types: str) -> list[dict[str, Any]]:
    columns = [Column(name, kind, place) for place, (name, kind) in enumerate(types.items())]
    return JsonReader(columns).read(data, "s3://lake/x.json").to_pylist()


def test_takes_keys_without_regard_to_case() -> None:
    assert read(b'{"Event_Type":"a"}\n{"EVENT_TYPE":"b"}\n', event_type="string") == [
        {"event_type": "a"},
        {"event_type": "b"},
    ]


def test_ignores_undeclared_keys_whatever_they_hold() -> None:
    assert read(b'{"a":"x","b":{"deep":[1]},"c":null}', a="string") == [{"a": "x"}]


def test_the_last_of_several_equal_keys_wins() -> None:
    assert read(b'{"a":"1","a":"2"}', a="string") == [{"a": "2"}]
    assert read(b'{"a":"1","A":"2","a":"3"}', a="string") == [{"a": "3"}]
    assert read(b'{"a":"1","\\u0041":"2"}', a="string") == [{"a": "2"}]


def test_takes_col_n_for_column_n() -> None:
    assert read(b'{"_col1":"y"}', a="string", b="string") == [{"a": None, "b": "y"}]
    assert read(b'{"a":"x","_col0":"z"}', a="string") == [{"a": "z"}]


def test_col_n_of_no_column_fails() -> None:
    with pytest.raises(QueryError, match="_col7 names no column"):
        read(b'{"_col7":1}', a="string")


def test_a_string_column_shows_numbers_and_booleans_as_they_stand() -> None:
    lines = (
        b'{"a":1.50}\n{"a":1e5}\n{"a":12345678901234567890123}\n{"a":true}\n{"a":"t"}\n{"a":null}'
    )
    values = [row["a"] for row in read(lines, a="string")]
    assert values == ["1.50", "1e5", "12345678901234567890123", "true", "t", None]


def test_an_integer_column_cuts_the_fraction_off() -> None:
    values = [row["a"] for row in read(b'{"a":5.9}\n{"a":-5.9}\n{"a":7}\n{"a":1e3}', a="bigint")]
    assert values == [5, -5, 7, 1000]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"{}", "string"),
        (b"[1]", "string"),
        (b"{}", "double"),
        (b'"5"', "double"),
        (b'"5"', "bigint"),
        (b"true", "double"),
        (b"true", "bigint"),
        (b"9223372036854775808", "bigint"),
        (b"1e400", "bigint"),
        (b"2147483648", "int"),
        (b'"2025-11-26T10:00:00"', "timestamp"),
        (b'"yesterday"', "date"),
        (b"NaN", "double"),
    ],
)
def test_a_value_that_does_not_fit_its_column_fails_the_query(value: bytes, kind: str) -> None:
    line = b'{"a":' + value + b"}"
    with pytest.raises(QueryError, match=r"HIVE_BAD_DATA: s3://lake/x.json, line 2"):
        read(b'{"a":null}\n' + line, a=kind)


@pytest.mark.parametrize(
    "line", [b"", b"[1]", b'"text"', b"17", b"null", b'{"a":', b"{a:1}", b"\xff"]
)
def test_a_line_that_is_no_json_object_fails_the_query(line: bytes) -> None:
    with pytest.raises(QueryError, match="line 1: Invalid JSON"):
        read(line + b"\n{}\n", a="string")


def test_what_follows_an_object_on_its_line_is_lost() -> None:
    assert read(b'{"a":"1"}{"a":"2"}\n', a="string") == [{"a": "1"}]


def test_lines_end_at_lf_cr_or_both() -> None:
    assert len(read(b"{}\r\n{}\r{}\n{}", a="string")) == 4


def test_skips_a_bom_at_the_start_of_the_file() -> None:
    assert read(b'\xef\xbb\xbf{"a":"x"}', a="string") == [{"a": "x"}]


def test_decodes_other_types() -> None:
    line = {
        "b": True,
        "i": 5,
        "d": "2025-11-26",
        "t": "2025-11-26 10:00:00.5",
        "n": "1.255",
        "f": 2,
    }
    (row,) = read(
        json.dumps(line).encode(),
        b="boolean", i="int", d="date", t="timestamp", n="decimal(10,2)", f="double",
    )  # fmt: skip
    shown = {name: str(value) for name, value in row.items()}
    assert shown == {
        "b": "True", "i": "5", "d": "2025-11-26", "t": "2025-11-26 10:00:00.500000",
        "n": "1.26", "f": "2.0",
    }  # fmt: skip


def test_text_in_a_boolean_column_is_true_only_if_it_says_so() -> None:
    values = [row["a"] for row in read(b'{"a":"TRUE"}\n{"a":"yes"}\n{"a":1}', a="boolean")]
    assert values == [True, False, False]


def test_an_integer_too_large_for_a_double_is_infinite() -> None:
    assert read(b'{"a":1' + b"0" * 400 + b"}", a="double") == [{"a": float("inf")}]


@pytest.mark.parametrize(
    ("number", "value"), [(b"-0", 0.0), (b"-0.0", -0.0), (b"-0e0", -0.0), (b"-0E5", -0.0)]
)
@pytest.mark.parametrize("beside", [b"", b'{"x":1.5}\n', b'{"x":1}\n'])
def test_minus_nought_has_its_sign_only_where_it_is_no_whole_number(
    number: bytes, value: float, beside: bytes
) -> None:
    row = read(beside + b'{"x":' + number + b"}", x="double")[-1]
    assert str(row["x"]) == str(value)


def test_a_lone_surrogate_is_a_question_mark() -> None:
    assert read(b'{"a":"x\\ud800"}', a="string") == [{"a": "x?"}]


def test_counts_lines_where_no_column_is_read_but_still_wants_objects() -> None:
    assert JsonReader([]).read(b"{}\n{}\n", "x").num_rows == 2
    with pytest.raises(QueryError, match="HIVE_BAD_DATA"):
        JsonReader([]).read(b"{}\nx\n", "x")


def test_reads_alike_across_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(b'{"a":%d}\n' % number for number in range(10))
    whole = read(data, a="bigint")
    monkeypatch.setattr("clickstream_lake.sandbox.athena.hive_json._BATCH_LINES", 3)
    assert read(data, a="bigint") == whole

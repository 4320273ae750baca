import json
import random

import pyarrow as pa
import pytest

from clickstream_lake.compact.merge.sketch import STEP, Sketcher
from clickstream_lake.lake.undeclared import MOST_NAMES, Undeclared


def sketch(*files: list[object], columns: frozenset[str] = frozenset()) -> Undeclared:
    sketcher = Sketcher(columns)
    for rows in files:
        texts = [None if row is None else json.dumps(row) for row in rows]
        sketcher.add(pa.chunked_array([pa.array(texts, pa.string())]))
    return sketcher.account()


def test_a_small_file_is_counted_whole() -> None:
    found = sketch([{"coupon": "A"}, {"coupon": "BCD", "score": 1.5}, None, {"score": 2}])
    assert (found.rows, found.sampled, found.short) == (4, 4, 0)
    assert found.fields["coupon"].events == 2
    assert found.fields["coupon"].longest == 3
    assert found.fields["score"].kinds == {"number": 1, "whole": 1}


@pytest.mark.parametrize(
    ("value", "kind", "longest"),
    [
        (None, "null", 0),
        (True, "boolean", 4),
        (-12, "whole", 3),
        (9223372036854775808, "number", 19),
        (1.0, "number", 3),
        (1e300, "number", 6),
        ("text", "text", 4),
        ("2025", "text", 4),
        ("12345678", "text", 8),
        ("2025-11-26", "iso", 10),
        ("2025-11-26T10:00:00+01:00", "iso", 25),
        ("2025-11-26 10:00:00", "sql", 19),
        ("2025-13-26", "text", 10),
        ({"a": 1}, "object", 8),
        ([1, 2], "array", 6),
        ("é\n", "text", 2),
    ],
)
def test_the_kind_and_length_of_a_value(value: object, kind: str, longest: int) -> None:
    field = sketch([{"a": value}] * 2).fields["a"]
    assert (field.kinds, field.longest) == ({kind: 2}, longest)


def test_values_that_look_like_a_persons_are_counted_and_not_kept() -> None:
    rows = [{"a": "ann@example.com", "b": {"x": "10.0.13.7"}}, {"a": "none", "b": [0]}]
    found = sketch(rows)
    assert found.fields["a"].shapes == {"e-mail": 1}
    assert found.fields["b"].shapes == {"ip": 1}
    assert "ann" not in repr(found)
    assert "10.0" not in repr(found)


def test_a_value_that_did_not_fit_its_column_is_no_undeclared_field() -> None:
    assert sketch([{"price": "free"}] * 3, columns=frozenset({"price"})).fields == {}


def test_names_that_are_ids_are_one_pattern_and_count_each_event_once() -> None:
    rows: list[object] = [{f"item_{row}{n}": n for n in range(10, 12)} for row in range(20)]
    found = sketch(rows)
    assert found.fields.keys() == {"item_<n>"}
    assert found.fields["item_<n>"].events == found.rows == 20


def test_a_name_that_came_once_is_not_written() -> None:
    assert sketch([{"ann": 1, "coupon": 1}, {"coupon": 2}]).fields.keys() == {"coupon"}


def test_large_files_are_sampled_and_the_counts_stand_for_all_rows() -> None:
    chance = random.Random(3)  # noqa: S311 - a fixed one
    files: list[list[object]] = [
        [{"coupon": "A"} if chance.random() < 0.3 else None for _ in range(size)]
        for size in (50_000, 30_000, 20_000, 100, 100)
    ]
    found = sketch(*files)
    assert found.rows == 100_200
    assert found.rows / STEP < found.sampled < found.rows / STEP + 80
    assert 0.2 < found.fields["coupon"].events / found.rows < 0.4


def test_rows_of_many_fields_are_looked_at_less_often() -> None:
    large = {f"field_{letter}": "text" * 8 for letter in "abcdefghijklmnopqrst"}
    few = sketch([{"a": 1}] * 20_000, [{"a": 1}] * 20_000)
    many = sketch([large] * 20_000, [{"a": 1}] * 20_000)
    assert many.sampled < few.sampled * 0.8


def test_of_a_row_of_thousands_of_names_some_are_looked_at() -> None:
    letters = "abcdefghij"
    row = {f"{a}{b}{c}": 1 for a in "abc" for b in letters for c in letters}
    assert len(sketch(*[[row] * 8] * 100).fields) == 200


def test_so_many_names_are_written_and_no_more() -> None:
    letters = "abcdefghij"
    names = [f"{a}{b}{c}" for a in letters for b in letters for c in letters]
    sketcher = Sketcher(frozenset())
    for at in range(0, 1000, 10):
        row = dict.fromkeys(names[at : at + 10], 1) | {"coupon": 1}
        sketcher.add(pa.chunked_array([pa.array([json.dumps(row)] * 8)]))
    found = sketcher.account()
    assert "coupon" in found.fields
    assert len(found.fields) <= MOST_NAMES


def test_what_cannot_be_read_costs_no_merge() -> None:
    sketcher = Sketcher(frozenset())
    texts = ["[]", "{", '{"a":1}', '{"a":1}', '{"a":"\\ud83d"}', ""]
    sketcher.add(pa.chunked_array([pa.array(texts)]))
    assert sketcher.account().fields["a"].kinds["whole"] == 2


def test_a_dictionary_encoded_column_is_read_too() -> None:
    sketcher = Sketcher(frozenset())
    column = pa.chunked_array([pa.array(['{"a":1}', None, '{"a":2}'])]).dictionary_encode()
    sketcher.add(column)
    assert sketcher.account().fields["a"].events == 2


def test_no_rows_are_no_account() -> None:
    assert sketch([], [None] * 5) == Undeclared(5, 5, {})

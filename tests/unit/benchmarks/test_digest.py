import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from benchmarks.digest import Digest, answer, events, whole_rows

EVENT = {
    "event_id": "1",
    "event_type": "click",
    "event_ts": "2025-11-26T10:00:00.000Z",
    "session_id": None,
    "page_url": "p",
    "referrer": "r",
    "user_agent": "u",
    "device_type": "d",
    "country": "c",
    "product_id": None,
    "price": 1.5,
    "quantity": 2,
    "properties": {"experiment": "a", "scroll": 0.8},
    "processed_ts": "2025-11-26T12:00:00.000Z",
}


def written(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": "2"},
        {"price": 1.25},
        {"quantity": None},
        {"event_ts": "2025-11-26T10:00:00.001Z"},
        {"properties": {"experiment": "b", "scroll": 0.8}},
        {"country": None},
    ],
)
def test_one_changed_value_changes_the_digest(tmp_path: Path, change: dict[str, Any]) -> None:
    same = events(written(tmp_path / "a.json", EVENT, EVENT | {"event_id": "0"}))
    swapped = events(written(tmp_path / "b.json", EVENT | {"event_id": "0"}, EVENT))
    other = events(written(tmp_path / "c.json", EVENT | change, EVENT | {"event_id": "0"}))
    assert same == swapped
    assert same != other


def test_another_spelling_of_the_same_value_is_the_same(tmp_path: Path) -> None:
    spelt = EVENT | {"event_ts": "2025-11-26T11:00:00+01:00", "price": 1.50}
    plain = events(written(tmp_path / "a.json", EVENT))
    assert plain == events(written(tmp_path / "b.json", spelt))


def test_pii_that_is_left_is_no_equal_output(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="user_id"):
        events(written(tmp_path / "a.json", EVENT | {"user_id": "u"}))


def test_a_parquet_file_without_a_column_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS event_id) TO '{path}' (FORMAT parquet)")
    with pytest.raises(duckdb.Error):
        events(path)


def test_the_order_of_lines_does_not_matter_but_each_byte_does(tmp_path: Path) -> None:
    def digest(*texts: bytes) -> Digest:
        paths = []
        for at, text in enumerate(texts):
            paths.append(tmp_path / f"{at}.json")
            paths[-1].write_bytes(text)
        return whole_rows("json", paths)

    a, b, c = b'{"a":1}\n', b'{"b":1.0}\n', b'{"c":"\\u0041"}\n'
    assert digest(a + b, c) == digest(c + b + a)
    assert digest(a + b) != digest(a + b.replace(b"1.0", b"1"))
    assert digest(a) != digest(a.replace(b":", b": "))
    assert digest(c) != digest(c.replace(b"\\u0041", b"A"))
    assert digest(a + a) != digest(a)


def test_every_column_of_parquet_counts(tmp_path: Path) -> None:
    def digest(**columns: list[Any]) -> Digest:
        path = tmp_path / "rows.parquet"
        with duckdb.connect() as connection:
            connection.register("rows", pa.table(columns))
            connection.execute(f"COPY rows TO '{path}' (FORMAT parquet)")
        return whole_rows("parquet", [path])

    assert digest(a=[1, 2], b=["x", None]) == digest(a=[2, 1], b=[None, "x"])
    assert digest(a=[1, 2], b=["x", None]) != digest(a=[1, 2], b=["x", "y"])


def rows(**columns: list[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_the_order_of_an_answer_does_not_matter() -> None:
    assert answer(rows(a=["1", "2"], b=["x", None])) == answer(rows(a=["2", "1"], b=[None, "x"]))


def test_any_other_value_is_a_difference() -> None:
    assert answer(rows(a=["1", "2"])) != answer(rows(a=["1", "3"]))
    assert answer(rows(a=["1"], b=[None])) != answer(rows(a=["1"], b=[""]))
    assert answer(rows(a=["1", "1"])) != answer(rows(a=["1"]))
    assert answer(rows(a=["1"], b=["2"])) != answer(rows(a=["2"], b=["1"]))


def test_times_are_compared_as_instants() -> None:
    text = rows(event_ts=["2025-11-26T10:00:00.5Z"])
    assert answer(text) == answer(rows(event_ts=["2025-11-26 10:00:00.500"]))
    assert answer(text) != answer(rows(event_ts=["2025-11-26 10:00:00.501"]))


def test_compares_only_the_columns_that_both_have() -> None:
    assert answer(rows(a=["1"], extra=["x"]), ["a"]) == answer(rows(a=["1"]))

from __future__ import annotations

import pyarrow as pa

from benchmarks.scan.run import digest


def rows(**columns: list[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_the_order_of_rows_does_not_matter() -> None:
    assert digest(rows(a=["1", "2"], b=["x", None])) == digest(rows(a=["2", "1"], b=[None, "x"]))


def test_any_other_value_is_a_difference() -> None:
    assert digest(rows(a=["1", "2"])) != digest(rows(a=["1", "3"]))
    assert digest(rows(a=["1"], b=[None])) != digest(rows(a=["1"], b=[""]))
    assert digest(rows(a=["1", "1"])) != digest(rows(a=["1"]))


def test_times_are_compared_as_instants() -> None:
    text = rows(event_ts=["2025-11-26T10:00:00.5Z"])
    assert digest(text) == digest(rows(event_ts=["2025-11-26 10:00:00.500"]))
    assert digest(text) != digest(rows(event_ts=["2025-11-26 10:00:00.501"]))


def test_compares_only_the_columns_that_both_have() -> None:
    assert digest(rows(a=["1"], extra=["x"]), ["a"]) == digest(rows(a=["1"]))

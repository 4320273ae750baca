import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream_lake.compact.merge.dedupe import find_duplicates
from clickstream_lake.compact.merge.json import merge_json
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import merge_parquet
from clickstream_lake.lake.catalog import Catalog

Newer = Callable[..., Catalog]
Row = dict[str, Any]
START = datetime(2025, 11, 26, tzinfo=UTC)


@pytest.fixture
def deduping(newer: Newer) -> Catalog:
    return newer(dedupe_on="event_id")


def row(key: str | None, ts: int | None = 0, processed: int = 0, **fields: object) -> Row:
    """An event as both formats know it; times in seconds."""
    times = {"event_ts": ts, "processed_ts": processed}
    moments = {k: START + timedelta(seconds=v) for k, v in times.items() if v is not None}
    return {"event_id": key, **moments, **fields}


def parquet(rows: list[Row], catalog: Catalog) -> Input:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=catalog.arrow_schema()), sink)
    return Input(lambda: io.BytesIO(sink.getvalue()))


def ndjson(rows: list[Row], catalog: Catalog) -> Input:
    text = "".join(
        json.dumps({k: v.isoformat() if isinstance(v, datetime) else v for k, v in r.items()})
        + "\n"
        for r in rows
    )
    return Input(lambda: io.BytesIO(text.encode()), catalog=catalog.sha256)


def dropped(files: list[list[Row]], catalog: Catalog, workdir: Path) -> list[list[int]]:
    """Rows dropped of each file, the same in both formats."""
    answers = []
    for fmt, make in (("parquet", parquet), ("json", ndjson)):
        inputs = [make(rows, catalog) for rows in files]
        found = find_duplicates(fmt, inputs, catalog=catalog, workdir=workdir)  # type: ignore[arg-type]  # the tuple widens it
        answers.append(
            [
                [] if drop is None else [at for at in range(len(rows)) if at in drop]
                for drop, rows in zip(found, files, strict=True)
            ]
        )
    assert answers[0] == answers[1]
    return answers[0]


def test_nothing_is_dropped_while_the_catalog_names_no_key(
    catalog: Catalog, tmp_path: Path
) -> None:
    assert dropped([[row("a"), row("a")]], catalog, tmp_path) == [[]]


def test_the_earliest_event_stays(deduping: Catalog, tmp_path: Path) -> None:
    files = [[row("a", 5), row("b", 1), row("a", 3)], [row("a", 4), row("c", 1)]]
    assert dropped(files, deduping, tmp_path) == [[0], [0]]


def test_among_equal_events_the_earliest_processed_stays(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row("a", 1, 9)], [row("a", 1, 8)]], deduping, tmp_path) == [[0], []]


def test_an_event_without_a_time_comes_last(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row("a", None), row("a", 9)]], deduping, tmp_path) == [[0]]


def test_rows_without_a_key_repeat_nothing(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row(None), row(None)]], deduping, tmp_path) == [[]]


def test_of_identical_rows_one_stays(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row("a"), row("a")], [row("a")]], deduping, tmp_path) == [[1], [0]]


def test_a_tie_is_broken_by_content_wherever_the_rows_stand(
    deduping: Catalog, tmp_path: Path
) -> None:
    low, high = row("a", country="AT"), row("a", country="DE")
    assert dropped([[low], [high]], deduping, tmp_path) == [[], [0]]
    assert dropped([[high], [low]], deduping, tmp_path) == [[0], []]
    assert dropped([[high, row("x"), low]], deduping, tmp_path) == [[0]]


def test_another_offset_is_the_same_instant(deduping: Catalog, tmp_path: Path) -> None:
    lines = [
        b'{"event_id":"a","event_ts":"2025-11-26T12:00:00+02:00"}\n',
        b'{"event_id":"a","event_ts":"2025-11-26T10:30:00Z"}\n',
    ]
    inputs = [Input(lambda: io.BytesIO(lines[0])), Input(lambda: io.BytesIO(lines[1]))]
    found = find_duplicates("json", inputs, catalog=deduping, workdir=tmp_path)
    assert found[0] is None
    assert found[1] is not None
    assert 0 in found[1]


def test_many_keys_go_to_disk_in_parts(
    deduping: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)  # noqa: S311 - test data
    files = [
        [
            row(str(chance.randrange(300)), chance.randrange(5), chance.randrange(3))
            for _ in range(50)
        ]
        for _ in range(20)
    ]
    in_memory = dropped(files, deduping, tmp_path)
    monkeypatch.setattr("clickstream_lake.compact.merge.dedupe.HELD_ROWS", 60)
    assert dropped(files, deduping, tmp_path) == in_memory
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fmt", ["json", "parquet"])
def test_merging_leaves_the_dropped_rows_out(deduping: Catalog, tmp_path: Path, fmt: str) -> None:
    files = [[row("a", 5), row("b", 1)], [row("a", 4), row("b", 2)]]
    make, merge = (parquet, merge_parquet) if fmt == "parquet" else (ndjson, merge_json)
    inputs = [make(rows, deduping) for rows in files]
    drops = find_duplicates(fmt, inputs, catalog=deduping, workdir=tmp_path)  # type: ignore[arg-type]  # a parametrised str
    result = merge(
        [Input(i.source, i.catalog, drop) for i, drop in zip(inputs, drops, strict=True)],
        tmp_path,
        catalog=deduping,
    )
    counters = result.counters
    assert (counters.rows_in, counters.rows_out, counters.duplicates) == (4, 2, 2)


ROWS = st.builds(
    row,
    st.none() | st.sampled_from("abc"),
    st.none() | st.integers(0, 2),
    st.integers(0, 1),
    country=st.none() | st.sampled_from(["AT", "DE"]),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(st.lists(st.lists(ROWS, max_size=6), max_size=4))
def test_one_row_of_each_key_stays_and_it_is_the_first(
    deduping: Catalog, tmp_path: Path, files: list[list[Row]]
) -> None:
    gone = dropped(files, deduping, tmp_path)
    everything = [r for rows in files for r in rows]
    kept = [
        r for rows, at in zip(files, gone, strict=True) for n, r in enumerate(rows) if n not in at
    ]

    def rank(r: Row) -> tuple[bool, Any, Any]:
        return ("event_ts" not in r, r.get("event_ts", START), r["processed_ts"])

    for key in {r["event_id"] for r in everything} - {None}:
        (survivor,) = [r for r in kept if r["event_id"] == key]
        assert rank(survivor) == min(rank(r) for r in everything if r["event_id"] == key)
    assert sum(r["event_id"] is None for r in kept) == sum(
        r["event_id"] is None for r in everything
    )

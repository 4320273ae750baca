import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream_lake.compact.merge.dedupe import Repeats, find_duplicates
from clickstream_lake.compact.merge.json import merge_json
from clickstream_lake.compact.merge.merging import Bitmap, Input
from clickstream_lake.compact.merge.parquet import merge_parquet
from clickstream_lake.lake.catalog import Catalog

Newer = Callable[..., Catalog]
Row = dict[str, Any]
START = datetime(2025, 11, 26, tzinfo=UTC)


@pytest.fixture
def deduping(newer: Newer) -> Catalog:
    return newer(dedupe_on="event_id")


@pytest.fixture
def lenient(newer: Newer) -> Catalog:
    """Rows may differ in their time and their country."""
    return newer(dedupe_on="event_id", dedupe_ignore=["event_ts", "country"])


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


def found(files: list[list[Row]], catalog: Catalog, workdir: Path) -> Repeats:
    """What repeats, the same in both formats."""
    answers = []
    for fmt, make in (("parquet", parquet), ("json", ndjson)):
        inputs = [make(rows, catalog) for rows in files]
        answers.append(find_duplicates(fmt, inputs, catalog=catalog, workdir=workdir))
    assert list(map(bits, answers[0].drops)) == list(map(bits, answers[1].drops))
    assert answers[0].repeated_ids == answers[1].repeated_ids
    return answers[0]


def bits(drop: Bitmap | None) -> list[int]:
    return [] if drop is None else [at for at in range(8 * len(drop.bits)) if at in drop]


def dropped(files: list[list[Row]], catalog: Catalog, workdir: Path) -> list[list[int]]:
    """Rows dropped of each file, the same in both formats."""
    return [bits(drop) for drop in found(files, catalog, workdir).drops]


def test_nothing_is_dropped_while_the_catalog_names_no_key(
    catalog: Catalog, tmp_path: Path
) -> None:
    assert dropped([[row("a"), row("a")]], catalog, tmp_path) == [[]]


def test_rows_of_one_id_that_hold_something_else_stay_and_are_counted(
    deduping: Catalog, tmp_path: Path
) -> None:
    files = [
        [row("a", country="AT"), row("a", country="DE"), row("b")],
        [row("a", country="AT", processed=1), row("a", 1, country="AT"), row("c")],
    ]
    repeats = found(files, deduping, tmp_path)
    assert list(map(bits, repeats.drops)) == [[], [0]]
    assert repeats.repeated_ids == 2


def test_what_is_ignored_makes_no_other_row(lenient: Catalog, tmp_path: Path) -> None:
    repeats = found([[row("a", 1, country="AT"), row("a", 0, country="DE")]], lenient, tmp_path)
    assert (list(map(bits, repeats.drops)), repeats.repeated_ids) == ([[0]], 0)


def test_a_field_that_is_no_column_is_content_unless_it_is_ignored(
    newer: Newer, tmp_path: Path
) -> None:
    lines = [b'{"event_id":"a","try":%d,"price":"x"}\n' % n for n in (1, 2)]
    ignoring = newer(dedupe_on="event_id", dedupe_ignore=["try", "price"])
    for catalog, answer in ((newer(dedupe_on="event_id"), [[], []]), (ignoring, [[], [0]])):
        assert of_lines(lines, catalog, tmp_path) == answer


def test_the_earliest_event_stays(lenient: Catalog, tmp_path: Path) -> None:
    files = [[row("a", 5), row("b", 1), row("a", 3)], [row("a", 4), row("c", 1)]]
    assert dropped(files, lenient, tmp_path) == [[0], [0]]


def test_among_equal_events_the_earliest_processed_stays(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row("a", 1, 9)], [row("a", 1, 8)]], deduping, tmp_path) == [[0], []]


def test_an_event_without_a_time_comes_last(lenient: Catalog, tmp_path: Path) -> None:
    assert dropped([[row("a", None), row("a", 9)]], lenient, tmp_path) == [[0]]


def test_rows_without_a_key_repeat_nothing(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row(None), row(None)]], deduping, tmp_path) == [[]]


def test_of_identical_rows_one_stays(deduping: Catalog, tmp_path: Path) -> None:
    assert dropped([[row("a"), row("a")], [row("a")]], deduping, tmp_path) == [[1], [0]]


def test_a_tie_is_broken_by_what_is_ignored_wherever_the_rows_stand(
    lenient: Catalog, tmp_path: Path
) -> None:
    one, other = row("a", country="AT"), row("a", country="DE")
    (first,), (second,) = (
        dropped([[one, other]], lenient, tmp_path),
        dropped([[other, row("x"), one]], lenient, tmp_path),
    )
    assert (first, second) in [([0], [2]), ([1], [0])]


def of_lines(lines: list[bytes], catalog: Catalog, workdir: Path) -> list[list[int]]:
    """Rows dropped of JSON files with a line each."""
    inputs = [Input(partial(io.BytesIO, line), catalog=catalog.sha256) for line in lines]
    repeats = find_duplicates("json", inputs, catalog=catalog, workdir=workdir)
    return [bits(drop) for drop in repeats.drops]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'"event_ts":"2025-11-26T12:00:00+02:00"', b'"event_ts":"2025-11-26T10:00:00.000Z"'),
        (b'"price":10', b'"price":1e1'),
        (b'"price":-0.0', b'"price":0'),
        (b'"price":0.1', b'"price":0.1000000000000000055'),
        (b'"country":"\\u00e9"', '"country":"é"'.encode()),
        (b'"zz":{"a":1,"b":[2.50]}', b'"zz":{"b":[25e-1],"a":1.0}'),
        (b'"properties":{"a":1,"b":2}', b'"properties":{"b":2, "a":1.00}'),
        (b'"zz":null', b'"country":null'),
        (b'"price":null,"extra":{"price":"x","a":1}', b'"extra":{"a":10e-1,"price":"x"}'),
    ],
)
def test_content_is_the_same_however_it_is_written(
    deduping: Catalog, tmp_path: Path, one: bytes, other: bytes
) -> None:
    lines = [b'{"event_id":"a",%s}\n' % fields for fields in (one, other)]
    assert of_lines(lines, deduping, tmp_path) == [[], [0]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'"zz":9007199254740993', b'"zz":9007199254740992'),
        (b'"zz":0.1', b'"zz":0.1000000000000000055'),
        (b'"zz":"1"', b'"zz":1'),
        (b'"zz":[1,2]', b'"zz":[2,1]'),
        (b'"zz":{"a":null}', b'"zz":{}'),
        (b'"zz":true', b'"zz":1'),
        (b'"properties":9007199254740993', b'"properties":9007199254740993.5'),
        (b'"country":""', b'"country":null'),
        (b'"price":null,"extra":{"price":"1"}', b'"price":1'),
    ],
)
def test_content_that_differs_is_never_the_same(
    deduping: Catalog, tmp_path: Path, one: bytes, other: bytes
) -> None:
    lines = [b'{"event_id":"a",%s}\n' % fields for fields in (one, other)]
    assert of_lines(lines, deduping, tmp_path) == [[], []]


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
def test_merging_leaves_the_dropped_rows_out(lenient: Catalog, tmp_path: Path, fmt: str) -> None:
    files = [[row("a", 5), row("b", 1)], [row("a", 4), row("b", 2)]]
    make, merge = (parquet, merge_parquet) if fmt == "parquet" else (ndjson, merge_json)
    inputs = [make(rows, lenient) for rows in files]
    repeats = find_duplicates(fmt, inputs, catalog=lenient, workdir=tmp_path)
    result = merge(
        [replace(i, drop=drop) for i, drop in zip(inputs, repeats.drops, strict=True)],
        tmp_path,
        catalog=lenient,
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
def test_one_row_of_each_key_and_content_stays_and_it_is_the_first(
    deduping: Catalog, tmp_path: Path, files: list[list[Row]]
) -> None:
    gone = dropped(files, deduping, tmp_path)
    everything = [r for rows in files for r in rows]
    kept = [
        r for rows, at in zip(files, gone, strict=True) for n, r in enumerate(rows) if n not in at
    ]

    def content(r: Row) -> str:
        return repr({k: v for k, v in r.items() if k != "processed_ts" and v is not None})

    for key in {content(r) for r in everything if r["event_id"] is not None}:
        (survivor,) = [r for r in kept if content(r) == key]
        assert survivor["processed_ts"] == min(
            r["processed_ts"] for r in everything if content(r) == key
        )
    assert sum(r["event_id"] is None for r in kept) == sum(
        r["event_id"] is None for r in everything
    )

"""Both formats keep the same rows, whatever each merges with what, and when.

Events go through the transform, so that files are as the lake has them. `n` tells them apart.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clickstream_lake.compact.merge.dedupe import find_duplicates
from clickstream_lake.compact.merge.json import merge_json
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import merge_parquet
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.transform.rules.enrich import Enricher, Rules

WAYS = {
    "event_ts": ['"2025-11-26T10:00:00Z"', '"2025-11-26T12:00:00+02:00"', "1764151200", '"x"'],
    "price": ["10", "1e1", "10.0", "0.1", "0.1000000000000000055", "-0", "0.0", '"x"', "null"],
    "quantity": ["1", "1.0", '"1"', "9007199254740993", "9007199254740992", "5.5", "55e-1"],
    "country": ['"é"', '"\\u00e9"', "1", "1.0", "null", '"DE"', '"de"'],
    "properties": ['{"a":1,"b":[2.5]}', '{"b":[25e-1], "a":1.0}', "null", '"null"', '{"a":null}'],
    "zz": ["1", "1.0", "1e0", '"1"', "null", "18446744073709551617", "5.5", "[1]"],
    "yy": ['"2025-11-26T10:00:00Z"', '"2025-11-26T11:00:00.000+01:00"', "5", "null"],
    "Price": ["10", "1e1", "null"],
    "try": ["1", "2"],
}


def catalog(version: int) -> Catalog:
    """The first, or the second, with two columns more and a rule."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    document |= {
        "dedupe_on": "event_id",
        "dedupe_ignore": ["n", "try"],
        "bloom": [],  # which take most of the time
    }
    if version > 1:
        document["columns"][5:5] = [
            {"name": "zz", "type": "bigint"},
            {"name": "yy", "type": "timestamp"},
        ]
        for column in document["columns"]:
            if column["name"] == "country":
                column["max_length"] = 1
    return parse_catalog(document)


OLD, NEW = catalog(1), catalog(2)
FIELDS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(ways) for name, ways in WAYS.items()}
)


@dataclass(frozen=True)
class Landed:
    """The files of one raw object, each in its format."""

    files: dict[Format, bytes]
    catalog: str

    @classmethod
    def of(cls, lines: Sequence[str], minute: int, found: Catalog) -> "Landed":
        text = f"2025-11-26T12:{minute:02}:00.000Z"
        rules = Rules(
            catalog=found,
            limits=Limits(),
            processed_ts=1_764_158_400_000 + 60_000 * minute,
            processed_ts_text=text,
            partition_keys=("year", "month", "day"),
        )
        (done,) = Enricher(rules).scan("".join(f"{line}\n" for line in lines).encode(), 1, 0)
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_batches(done.batches), sink)
        return cls({"json": b"".join(done.json), "parquet": sink.getvalue()}, found.sha256)


@dataclass(frozen=True)
class Tick:
    """One compaction: files that land before it, and whether it merges only those."""

    files: int
    only_new: bool


def line(number: int, fields: dict[str, str], *, backwards: bool) -> str:
    sent = [f'"{name}":{value}' for name, value in fields.items()]
    if backwards:
        sent.reverse()
    return "{" + ",".join(['"event_id":"a"', *sent, f'"n":{number}']) + "}"


def survivors(
    fmt: Format, landed: Sequence[Landed], ticks: Sequence[Tick], folder: Path
) -> list[int]:
    """Numbers of the events that are left when all is compacted."""
    left, visible, stem = list(landed), list[Input](), 0
    for tick in [*ticks, Tick(len(landed), only_new=False), Tick(0, only_new=False)]:
        new, left = left[: tick.files], left[tick.files :]
        # The catalog changes once files of the new one land; the last ticks have it, too.
        known = NEW if any(found.catalog == NEW.sha256 for found in new) or not left else OLD
        fresh = [Input(_opener(found.files[fmt]), found.catalog) for found in new]
        visible += fresh
        if not visible:
            continue
        drops = find_duplicates(fmt, visible, catalog=known, workdir=folder).drops
        entries = [replace(i, drop=drop) for i, drop in zip(visible, drops, strict=True)]
        kept = len(entries) - len(fresh) if tick.only_new else 0
        merged = [e for n, e in enumerate(entries) if n >= kept or e.drop is not None]
        visible = [e for n, e in enumerate(entries) if n < kept and e.drop is None]
        merge = merge_json if fmt == "json" else merge_parquet
        files = merge(merged, folder, catalog=known, stem=f"{fmt}-{stem}").files
        visible += [Input(file.path, known.sha256) for file in files]
        stem += 1
    return sorted(number for entry in visible for number in numbers(fmt, entry))


def _opener(content: bytes):  # noqa: ANN202 - as `Source` has it
    return lambda: io.BytesIO(content)


def numbers(fmt: Format, entry: Input) -> Iterator[int]:
    with entry.open() as stream:
        if fmt == "json":
            yield from (json.loads(text)["n"] for text in stream)
        else:
            for extra in pq.read_table(stream)["extra"].to_pylist():
                yield json.loads(extra)["n"]


EVENTS = st.lists(
    st.lists(st.tuples(FIELDS, st.booleans()), min_size=1, max_size=4), min_size=1, max_size=5
)
TICKS = st.lists(st.builds(Tick, st.integers(0, 3), st.booleans()), max_size=3)


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, TICKS, TICKS, st.integers(0, 5))
@example([[({"price": "10"}, False)], [({"price": "1e1"}, False)]], [Tick(1, True)], [], 5)
def test_formats_that_are_compacted_apart_keep_the_same_rows(
    events: list[list[tuple[dict[str, str], bool]]],
    json_ticks: list[Tick],
    parquet_ticks: list[Tick],
    changed_at: int,
) -> None:
    landed, number = [], 0
    for minute, rows in enumerate(events):
        lines = []
        for fields, backwards in rows:
            lines.append(line(number, fields, backwards=backwards))
            number += 1
        landed.append(Landed.of(lines, minute, NEW if minute >= changed_at else OLD))
    with TemporaryDirectory() as folder:
        answers = {
            (fmt, name): survivors(fmt, landed, ticks, Path(folder))
            for fmt in FORMATS
            for name, ticks in (("json", json_ticks), ("parquet", parquet_ticks), ("once", []))
        }
    assert len({*map(tuple, answers.values())}) == 1, answers
    assert answers["json", "once"], "at least one row of the id stays"

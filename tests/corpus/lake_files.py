"""Runs the transform on bytes and reads what it wrote as strict readers do."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq

from clickstream_lake.lake.catalog import CATALOG_PATH, Catalog, parse_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, Stats, transform_stream
from tests.fuzz.oracle import Expected, JsonText, Number, Pairs, dedupe, load

RAW_KEY = "raw/year=2025/month=11/day=26/hostile.gz"
PROCESSED = datetime(2025, 11, 26, 12, 30, 15, 678_000, tzinfo=UTC)
PROCESSED_TEXT = "2025-11-26T12:30:15.678Z"
CANARY = b"c4n4ry"
"""Every personal value of the corpus and the fuzz holds it, and nothing else does."""


def catalog_with_boolean() -> Catalog:
    """The packaged catalog and a column of the one type that it does not use."""
    document = json.loads(CATALOG_PATH.read_text())
    document["columns"].insert(3, {"name": "is_bot", "type": "boolean", "comment": ""})
    return parse_catalog(document)


CATALOG = catalog_with_boolean()
JSON_TYPES = {column.name: column.type for column in CATALOG.tables["json"].columns}


@dataclass
class Outcome:
    """The files of one raw object, read strictly.

    Attributes:
        json: each JSON line as pairs, `processed_ts` left out after a look at it.
        parquet: each row, `processed_ts` left out likewise; None where there is no file.
        files: the bytes of every file.
    """

    json: list[Pairs] | None
    parquet: list[dict[str, Any]] | None
    rejects: list[tuple[int, int, str]]
    stats: Stats
    files: dict[str, bytes]


def run(
    data: bytes,
    *,
    compressed: bool = False,
    limits: Limits | None = None,
    options: OutputOptions | None = None,
    catalog: Catalog = CATALOG,
    duck: bool = False,
) -> Outcome:
    """Transform one raw object; `data` is its text, or its very bytes if `compressed`."""
    raw = data if compressed else gzip.compress(data, 1, mtime=0)
    job = Job(
        Layout().source(RAW_KEY),
        catalog,
        limits or Limits(),
        options or OutputOptions(),
        PROCESSED,
    )
    with TemporaryDirectory() as folder:
        result = transform_stream(BytesIO(raw), job, Path(folder))
        paths = [p for p in (result.json, result.parquet, result.rejects) if p is not None]
        assert sorted(Path(folder).iterdir()) == sorted(paths), "a file was left behind"
        parquet = None if result.parquet is None else read_parquet(result.parquet, catalog)
        if duck and result.parquet is not None:
            assert read_by_duckdb(result.parquet, catalog) == comparable(result.parquet)
        return Outcome(
            json=None if result.json is None else read_json(result.json),
            parquet=parquet,
            rejects=read_rejects(result.rejects),
            stats=result.stats,
            files={path.name: path.read_bytes() for path in paths},
        )


def read_json(path: Path) -> list[Pairs]:
    """Every line by a strict parser, each declared column of its declared type."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if not content:
        return []
    assert content.endswith(b"\n")
    assert b"\r" not in content, "Hadoop's readers end a line here, too"
    return [read_event(line) for line in content[:-1].split(b"\n")]


def read_event(line: bytes) -> Pairs:
    event = load(line.decode())
    assert isinstance(event, Pairs)
    # A key may stand twice (the last one wins, as the SerDe reads it), but each has to be readable.
    for key, value in event:
        if key in JSON_TYPES:
            assert has_type(JSON_TYPES[key], value), (key, "holds another type than it declares")
        else:
            assert key.lower() not in JSON_TYPES, (key, "would be taken for a column")
            assert key.lower() not in ("year", "month", "day")
    (processed,) = [value for key, value in event if key == "processed_ts"]
    assert processed == PROCESSED_TEXT
    return Pairs([pair for pair in event if pair[0] != "processed_ts"])


def has_type(kind: str, value: object) -> bool:
    if value is None:
        return True
    number = isinstance(value, Number)
    if kind == "bigint":
        return number and -(2**63) <= int(str(value)) < 2**63
    if kind == "double":
        return number and abs(float(str(value))) < float("inf")
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str) and not number


def read_parquet(path: Path, catalog: Catalog) -> list[dict[str, Any]]:
    table = pq.read_table(path)
    assert table.schema.equals(catalog.arrow_schema(), check_metadata=False)
    table.validate(full=True)
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        assert row.pop("processed_ts") == PROCESSED
    return rows


def comparable(path: Path) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def read_by_duckdb(path: Path, catalog: Catalog) -> list[tuple[Any, ...]]:
    """The rows as DuckDB reads them, timestamps as instants."""
    columns = ", ".join(
        f"epoch_ms({column.name}) as {column.name}" if column.type == "timestamp" else column.name
        for column in catalog.tables["parquet"].columns
    )
    with duckdb.connect() as connection:
        relation = connection.sql(f"select {columns} from read_parquet('{path}')")  # noqa: S608
        names, rows = relation.columns, relation.fetchall()
    times = [column.name for column in catalog.columns if column.type == "timestamp"]
    positions = [names.index(name) for name in times]
    return [
        tuple(
            instant_of(value) if index in positions and value is not None else value
            for index, value in enumerate(row)
        )
        for row in rows
    ]


def instant_of(millis: int) -> datetime:
    from datetime import timedelta  # noqa: PLC0415 - beside its only use

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)


def read_rejects(path: Path) -> list[tuple[int, int, str]]:
    found = []
    for line in path.read_bytes().splitlines():
        row = json.loads(line)
        assert list(row) == [
            "raw_key", "source_id", "line_number", "byte_offset", "reason", "texts", "events",
            "last_line_number", "last_byte_offset", "processed_ts",
        ]  # fmt: skip
        assert row["raw_key"] == RAW_KEY
        assert row["processed_ts"] == PROCESSED_TEXT
        found.append((row["line_number"], row["byte_offset"], row["reason"]))
    return found


def check(outcome: Outcome, expected: Expected) -> None:
    """Hold an outcome against the oracle, and against the promises that hold for any input."""
    stats = outcome.stats
    assert stats.corrupt is None
    assert outcome.json is not None
    assert outcome.parquet is not None
    assert sorted(outcome.rejects) == sorted(expected.rejects)
    assert stats.blank == expected.blank
    assert stats.published == len(outcome.json) == len(outcome.parquet) == len(expected.json)
    assert stats.lines == stats.blank + stats.published + len(outcome.rejects)
    assert stats.mismatched == expected.mismatched
    for found, line in zip(outcome.json, expected.json, strict=True):
        assert same_object(dict(found), line), (dict(found), line)
    for row, wanted in zip(outcome.parquet, expected.parquet, strict=True):
        assert set(row) == set(wanted)
        assert all(same(row[name], wanted[name]) for name in row), (row, wanted)
    check_no_canary(outcome)
    check_alike(outcome)


def same_object(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(same(found[k], wanted[k]) for k in found)


def same(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - any value
    """Equal; a text that holds JSON is compared by what it holds, and is compact."""
    if isinstance(wanted, JsonText):
        return (
            isinstance(found, str) and same(dedupe(load(found)), wanted.value) and is_compact(found)
        )
    if isinstance(found, (Pairs, dict, list)) or isinstance(wanted, (dict, list)):
        found, wanted = dedupe(found), dedupe(wanted)
        return bool(found == wanted)
    if isinstance(wanted, Number) or isinstance(found, Number):
        return dedupe(found) == dedupe(wanted) and type(found) is type(wanted)
    return type(found) is type(wanted) and found == wanted


def is_compact(text: str) -> bool:
    """No white space outside strings."""
    quoted = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == '"':
            quoted = not quoted
        elif quoted:
            escaped = char == "\\"
        elif char in " \t\r\n":
            return False
    return True


def check_no_canary(outcome: Outcome) -> None:
    for name, content in outcome.files.items():
        assert CANARY not in content.lower(), f"personal data in {name}"


def check_alike(outcome: Outcome) -> None:
    """Both tables give the same answers over the columns that both declare."""
    for event, row in zip(outcome.json or [], outcome.parquet or [], strict=True):
        found = dict(event)
        for name, kind in JSON_TYPES.items():
            if name == "processed_ts":
                continue
            assert alike(kind, found.get(name), row[name]), name


def alike(kind: str, in_json: Any, in_parquet: Any) -> bool:  # noqa: ANN401 - any value
    from tests.fuzz.times import instant  # noqa: PLC0415 - beside its only use

    if in_json is None or in_parquet is None:
        return in_json is None and in_parquet is None
    if kind == "bigint":
        return bool(int(in_json) == in_parquet)
    if kind == "double":
        return bool(float(in_json) == in_parquet)
    if kind == "timestamp":
        return bool(instant(in_json) == in_parquet)
    return bool(in_json == in_parquet)

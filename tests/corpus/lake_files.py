"""Runs the transform on bytes and reads what it wrote as strict readers do."""

import gzip
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, Stats, transform_stream
from tests.fuzz.oracle import Expected, JsonText, Reader, Reject, compact, decoded
from tests.fuzz.times import instant

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


# By column, besides `on_breach`.
QUALITY: dict[str, dict[str, Any]] = {
    "event_id": {"required": True, "max_length": 40},
    "event_type": {"enum": ["a", "click", "é", "12", "{}", "日本語", "null", "true", ""]},
    "session_id": {"pattern": r"[a-z]*|12|[^ -~]{1,2}|\{.*"},
    "page_url": {"max_length": 20, "pattern": "(?:/.*)?|a+"},
    "country": {"enum": ["a", "click", "x" * 70], "max_length": 70},
    "event_ts": {"min": "2000-01-01", "max": "9999-01-01T00:00:00+00:00"},
    "price": {"min": -1, "max": 1000.5},
    "quantity": {"enum": [-1, 0, 1, 5, 1000, 2**53 + 1, 2**63 - 1], "min": -1},
    "is_bot": {"required": True},
}
REJECTING = ("event_id", "session_id", "event_ts", "price", "quantity")


def with_rules(rejecting: tuple[str, ...] = ()) -> Catalog:
    """The same with rules of columns, some of which reject events."""
    document = json.loads(CATALOG_PATH.read_text())
    document["columns"].insert(3, {"name": "is_bot", "type": "boolean", "comment": ""})
    for column in document["columns"]:
        column.update(QUALITY.get(column["name"], {}))
        if column["name"] in rejecting:
            column["on_breach"] = "reject"
    return parse_catalog(document)


CATALOG = catalog_with_boolean()
RULED = with_rules()
STRICT = with_rules(REJECTING)
JSON_TYPES = {column.name: column.type for column in CATALOG.tables["json"].columns}


@dataclass
class Outcome:
    """The files of one raw object, read strictly.

    Attributes:
        json: each JSON line as name -> JSON text, `processed_ts` left out after a look at it.
        parquet: each row, `processed_ts` left out likewise; None where there is no file.
        rejects: each row, without raw key, source id and `processed_ts`.
        files: the bytes of every file.
    """

    json: list[dict[str, str]] | None
    parquet: list[dict[str, Any]] | None
    rejects: list[Reject]
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
        lines, parquet = result.files.get("json"), result.files.get("parquet")
        paths = [*result.files.values(), result.rejects]
        assert sorted(Path(folder).iterdir()) == sorted(paths), "a file was left behind"
        if duck and parquet is not None:
            assert read_by_duckdb(parquet, catalog) == comparable(parquet)
        return Outcome(
            json=None if lines is None else read_json(lines),
            parquet=None if parquet is None else read_parquet(parquet, catalog),
            rejects=read_rejects(result.rejects),
            stats=result.stats,
            files={path.name: path.read_bytes() for path in paths},
        )


def read_json(path: Path) -> list[dict[str, str]]:
    """Every line by a strict parser, each declared column of its declared type."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if not content:
        return []
    assert content.endswith(b"\n")
    assert b"\r" not in content, "Hadoop's readers end a line here, too"
    return [read_event(line.decode()) for line in content[:-1].split(b"\n")]


def read_event(line: str) -> dict[str, str]:
    plain = json.loads(line, parse_constant=pytest.fail)
    json.dumps(plain, ensure_ascii=False).encode()  # No half of a surrogate pair.
    event = fields(line)
    for key, value in event.items():
        if key in JSON_TYPES:
            assert has_type(JSON_TYPES[key], plain[key], value), (key, "holds another type")
        else:
            assert key.lower() not in JSON_TYPES, (key, "would be taken for a column")
            assert key.lower() not in ("year", "month", "day")
    assert json.loads(event.pop("processed_ts")) == PROCESSED_TEXT
    return event


def fields(text: str) -> dict[str, str]:
    """The fields of a JSON object, each once, as the JSON texts they are."""
    node = Reader(text).whole()
    assert node.kind == "object"
    found = {
        f.name: text[value.start : value.end]
        for f, value in zip(node.fields, node.items, strict=True)
    }
    assert len(found) == len(node.fields), "a field stands twice"
    return found


def has_type(kind: str, value: object, sent: str) -> bool:
    if value is None:
        return True
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "bigint":
        # The SerDe reads a number with a fraction or an exponent by way of a double.
        return number and re.fullmatch("-?[0-9]+", sent) is not None and abs(int(sent)) <= 2**63
    if kind == "double":
        return number and abs(float(sent)) < float("inf")
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str)


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


def read_rejects(path: Path) -> list[Reject]:
    found = []
    for line in path.read_bytes().splitlines():
        row = json.loads(line)
        assert list(row) == [
            "raw_key", "source_id", "line_number", "byte_offset", "reason", "texts", "events",
            "last_line_number", "last_byte_offset", "processed_ts",
        ]  # fmt: skip
        _, _, *place, processed = row.values()
        assert row["raw_key"] == RAW_KEY
        assert processed == PROCESSED_TEXT
        found.append(tuple(place))
    return found


def check(outcome: Outcome, expected: Expected) -> None:
    """Hold an outcome against the oracle, and against the promises that hold for any input."""
    stats = outcome.stats
    assert stats.corrupt is None
    assert outcome.json is not None
    assert outcome.parquet is not None
    assert in_order(outcome.rejects) == in_order(expected.rejects)
    assert stats.rejected_lines == expected.rejected
    assert stats.blank == expected.blank
    assert stats.published == len(outcome.json) == len(outcome.parquet) == len(expected.json)
    assert stats.lines == stats.blank + stats.published + stats.rejected_lines
    assert stats.mismatched == expected.mismatched
    assert stats.breaches == expected.breaches
    assert stats.repaired == expected.repaired
    for found, line in zip(outcome.json, expected.json, strict=True):
        assert list(found) == list(line)
        assert all(same_text(found[name], line[name]) for name in found), (found, line)
    for row, wanted in zip(outcome.parquet, expected.parquet, strict=True):
        assert set(row) == set(wanted)
        assert all(same_value(row[name], wanted[name]) for name in row), (row, wanted)
    check_no_canary(outcome)
    check_alike(outcome)


def in_order(rejects: list[Reject]) -> list[Reject]:
    """Rows of tallies come after the others, in any order."""
    return sorted(rejects, key=lambda row: (row[3] > 1, row[:3]))


def same_text(found: str, wanted: Any) -> bool:  # noqa: ANN401 - as the oracle has it
    """The very text that was sent; a text that holds JSON is compared by what it holds."""
    if isinstance(wanted, JsonText):
        return found.startswith('"') and decoded(found[1:-1]) == wanted
    if isinstance(wanted, dict):
        return list(fields(found).items()) == list(wanted.items())
    return bool(found == wanted)


def same_value(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - any value
    """Equal, the sign of a zero included; `extra` is compared field by field, and is compact."""
    if isinstance(wanted, dict):
        return found == compact(found) and list(fields(found).items()) == list(wanted.items())
    if isinstance(wanted, float):
        return repr(found) == repr(wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def check_no_canary(outcome: Outcome) -> None:
    """No personal value in any file, nor in Parquet's values once they are decompressed."""
    for name, content in outcome.files.items():
        assert CANARY not in content.lower(), f"personal data in {name}"
    for row in outcome.parquet or []:
        for name, value in row.items():
            if isinstance(value, str):
                assert CANARY.decode() not in value.lower(), f"personal data in {name}"


def check_alike(outcome: Outcome) -> None:
    """Both tables give the same answers over the columns that both declare."""
    for event, row in zip(outcome.json or [], outcome.parquet or [], strict=True):
        for name, kind in JSON_TYPES.items():
            if name == "processed_ts":
                continue
            assert alike(kind, event.get(name, "null"), row[name]), name


def alike(kind: str, in_json: str, in_parquet: Any) -> bool:  # noqa: ANN401 - any value
    if in_json == "null" or in_parquet is None:
        return in_json == "null" and in_parquet is None
    if kind == "bigint":
        return bool(int(in_json) == in_parquet)
    if kind == "double":
        return repr(float(in_json)) == repr(in_parquet)
    if kind == "boolean":
        return in_json == ("true" if in_parquet else "false")
    text = decoded(in_json[1:-1])
    return bool((instant(text) if kind == "timestamp" else text) == in_parquet)

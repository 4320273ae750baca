"""The environment of both functions, read and validated once into typed objects."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.errors import ConfigError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.units import GIB, MIB

T = TypeVar("T")

JsonCompression = Literal["none", "gzip"]
ParquetCompression = Literal["zstd", "snappy"]
JSON_COMPRESSIONS: Final[tuple[JsonCompression, ...]] = ("none", "gzip")
PARQUET_COMPRESSIONS: Final[tuple[ParquetCompression, ...]] = ("zstd", "snappy")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one raw object may ask of the transform.

    Attributes:
        max_line_bytes: longest event, in bytes of JSON text. Firehose takes records of up to
            1,000 KiB, so nothing that came through Firehose alone is over the default.
        max_depth: deepest nesting; `{}` has depth 1.
        max_keys: most keys in one event, counted over all depths.
        max_object_bytes: largest raw object, decompressed.
        max_ratio: largest decompressed : compressed ratio. DEFLATE ends at 1032 : 1, which only
            runs of one byte reach; click events come to 10 to 40, and one line repeated for ever
            stays under 400, because each copy of 258 bytes has to spell its distance.
    """

    max_line_bytes: int = 4 * MIB
    max_depth: int = 100
    max_keys: int = 10_000
    max_object_bytes: int = 16 * GIB
    max_ratio: int = 500


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the landing files are written.

    Attributes:
        json_compression: `gzip` makes Athena scan less JSON, `none` is faster to write.
        parquet_compression: `zstd` is smaller, `snappy` is what very old readers know.
        parquet_level: zstd level; None leaves it to the writer's measured default.
        row_group_rows: rows buffered for one Parquet row group.
    """

    json_compression: JsonCompression = "none"
    parquet_compression: ParquetCompression = "zstd"
    parquet_level: int | None = None
    row_group_rows: int = 131_072


@dataclass(frozen=True, slots=True)
class CompactSettings:
    """When and how the compact function works.

    Attributes:
        queue_url: FIFO queue of (format, partition) messages; empty where nothing is queued.
        target_file_bytes: size that merged files aim at.
        min_files: small files that make a partition worth compacting.
        lookback_days: how far back a schedule tick looks for partitions.
        grace_seconds: how long replaced files stay for running queries.
        time_budget_seconds: how long one invocation goes on taking up new work.
    """

    queue_url: str = ""
    target_file_bytes: int = 256 * MIB
    min_files: int = 8
    lookback_days: int = 3
    grace_seconds: int = 86_400
    time_budget_seconds: int = 780


@dataclass(frozen=True, slots=True)
class Config:
    """One lake, as both functions see it."""

    bucket: str
    database: str
    json_table: str | None = None
    parquet_table: str | None = None
    rejects_table: str | None = None
    layout: Layout = field(default_factory=Layout)
    limits: Limits = field(default_factory=Limits)
    output: OutputOptions = field(default_factory=OutputOptions)
    compact: CompactSettings = field(default_factory=CompactSettings)


def load_config(environ: Mapping[str, str]) -> Config:
    """Read `LAKE_*` settings.

    Raises:
        ConfigError: names every bad variable, its value, and what would do.
    """
    read = _Reader(environ)
    limits, output, compact = Limits(), OutputOptions(), CompactSettings()
    config = Config(
        bucket=read.get("LAKE_BUCKET", None, _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")),
        database=read.get("LAKE_DATABASE", None, _matching(r"[a-z0-9_]{1,255}")),
        json_table=read.get("LAKE_JSON_TABLE", "", _table) or None,
        parquet_table=read.get("LAKE_PARQUET_TABLE", "", _table) or None,
        rejects_table=read.get("LAKE_REJECTS_TABLE", "", _table) or None,
        layout=Layout(
            raw_prefix=read.get("LAKE_RAW_PREFIX", "raw/", _prefix),
            processed_prefix=read.get("LAKE_PROCESSED_PREFIX", "processed/", _prefix),
            rejected_prefix=read.get("LAKE_REJECTED_PREFIX", "rejected/", _prefix),
            partition_keys=read.get("LAKE_PARTITION_KEYS", load_catalog().partition_keys, _names),
        ),
        limits=Limits(
            max_line_bytes=read.get(
                "LAKE_MAX_LINE_BYTES", limits.max_line_bytes, _int(1024, 64 * MIB)
            ),
            # The JSON parsers of engines that read the tables stop at 1,000.
            max_depth=read.get("LAKE_MAX_DEPTH", limits.max_depth, _int(2, 500)),
            max_keys=read.get("LAKE_MAX_KEYS", limits.max_keys, _int(1, 1_000_000)),
            max_object_bytes=read.get(
                "LAKE_MAX_OBJECT_BYTES", limits.max_object_bytes, _int(1024, 1024 * GIB)
            ),
            max_ratio=read.get("LAKE_MAX_RATIO", limits.max_ratio, _int(2, 1100)),
        ),
        output=OutputOptions(
            json_compression=read.get(
                "LAKE_JSON_COMPRESSION", output.json_compression, _json_compression
            ),
            parquet_compression=read.get(
                "LAKE_PARQUET_COMPRESSION", output.parquet_compression, _parquet_compression
            ),
            parquet_level=read.get(
                "LAKE_PARQUET_COMPRESSION_LEVEL", None, _int(1, 22), needed=False
            ),
            row_group_rows=read.get(
                "LAKE_ROW_GROUP_ROWS", output.row_group_rows, _int(1_000, 10_000_000)
            ),
        ),
        compact=CompactSettings(
            queue_url=read.get("LAKE_COMPACT_QUEUE_URL", "", _url),
            target_file_bytes=read.get(
                "LAKE_TARGET_FILE_BYTES", compact.target_file_bytes, _int(MIB, 4 * GIB)
            ),
            min_files=read.get("LAKE_MIN_FILES", compact.min_files, _int(2, 100_000)),
            lookback_days=read.get("LAKE_LOOKBACK_DAYS", compact.lookback_days, _int(1, 3_650)),
            grace_seconds=read.get(
                "LAKE_GRACE_SECONDS", compact.grace_seconds, _int(0, 30 * 86_400)
            ),
            time_budget_seconds=read.get(
                "LAKE_TIME_BUDGET_SECONDS", compact.time_budget_seconds, _int(10, 900)
            ),
        ),
    )
    read.finish()
    return config


class _Reader:
    """Collects every complaint, so that one deployment round mends them all."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._complaints: list[str] = []

    def get(
        self, name: str, default: T | None, parse: Callable[[str], T], *, needed: bool = True
    ) -> T:
        text = self._environ.get(name, "").strip()
        if text:
            try:
                return parse(text)
            except ValueError as error:
                self._complaints.append(f"{name}: {error}")
        elif default is None and needed:
            self._complaints.append(f"{name}: it is not set, and has no default")
        # After a complaint the value is never used: finish() raises.
        return default  # type: ignore[return-value]  # None only where it is a legal value

    def finish(self) -> None:
        if self._complaints:
            raise ConfigError("bad configuration:\n  " + "\n  ".join(self._complaints))


def _matching(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} does not match {pattern}")
        return text

    return parse


def _int(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,18}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return parse


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z0-9!_.*'()-]+/)+", text) or text.startswith("/"):
        raise ValueError(f"{text!r} is no key prefix such as 'raw/' (it ends in a slash)")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if len(set(names)) != len(names) or not all(
        re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names
    ):
        raise ValueError(f"{text!r} is no list of different names such as 'year,month,day'")
    return names


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError(f"{text!r} is no http(s) URL")
    return text


def _json_compression(text: str) -> JsonCompression:
    return _choice(text, JSON_COMPRESSIONS)


def _parquet_compression(text: str) -> ParquetCompression:
    return _choice(text, PARQUET_COMPRESSIONS)


def _choice(text: str, choices: tuple[T, ...]) -> T:
    for choice in choices:
        if text == choice:
            return choice
    raise ValueError(f"{text!r} is none of {', '.join(map(repr, choices))}")


_table = _matching(r"[a-z0-9_]{1,255}")

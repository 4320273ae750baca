"""The settings of a lake, as both functions read them from their environment, once."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, field

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.settings import Settings, read_settings
from clickstream_lake.lake.units import GIB, MIB

JsonCompression = Literal["none", "gzip"]
ParquetCompression = Literal["zstd", "snappy"]
SchemaEvolution = Literal["off", "propose", "auto"]
_Table = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9_]{1,255}$",
        examples=["clickstream_events"],
        description="Glue table; by default the catalog's name for it",
    ),
]


class Limits(Settings, frozen=True):
    """The limits of one raw object in the transform."""

    # Firehose takes records of up to 1,000 KiB, so nothing that came through it alone exceeds this.
    max_line_bytes: Annotated[
        int, Meta(ge=1024, le=64 * MIB, description="longest event, in bytes of JSON text")
    ] = 4 * MIB
    # The JSON parsers of engines that read the tables stop at 1,000.
    max_depth: Annotated[
        int, Meta(ge=2, le=500, description="deepest nesting; `{}` has depth 1")
    ] = 100
    max_keys: Annotated[
        int, Meta(ge=1, le=1_000_000, description="most keys in one event, over all depths")
    ] = 10_000
    # Firehose writes up to 128 MiB. Four times this fits the default /tmp twice over.
    max_object_bytes: Annotated[
        int, Meta(ge=1024, le=1024 * GIB, description="largest raw object, in bytes decompressed")
    ] = 512 * MIB
    # DEFLATE ends at 1032 : 1, which only runs of one byte reach; click events reach 10 to 40,
    # and one line repeated forever stays under 400, because each copy of 258 bytes has to spell
    # its distance.
    max_ratio: Annotated[
        int, Meta(ge=2, le=1100, description="largest decompressed : compressed ratio")
    ] = 500


class OutputOptions(Settings, frozen=True):
    """How files are written."""

    json_compression: Annotated[
        JsonCompression,
        Meta(description="`gzip` makes Athena scan less JSON, `none` is faster to write"),
    ] = "none"
    parquet_compression: Annotated[
        ParquetCompression,
        Meta(description="`zstd` is smaller, `snappy` is what very old readers know"),
    ] = "zstd"
    parquet_level: (
        Annotated[
            int, Meta(ge=1, le=22, description="zstd level; by default each writer's measured one")
        ]
        | None
    ) = field(default=None, name="LAKE_PARQUET_COMPRESSION_LEVEL")
    row_group_rows: Annotated[
        int,
        Meta(
            ge=1_000,
            le=10_000_000,
            description="rows that the transform buffers for one Parquet row group",
        ),
    ] = 131_072


class CompactSettings(Settings, frozen=True):
    """When and how the compact function works."""

    queue_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://\S+)?$",
            examples=["https://sqs.eu-west-1.amazonaws.com/123456789012/events-compact.fifo"],
            description="FIFO queue of what is to be compacted; without one nothing is queued",
        ),
    ] = field(default="", name="LAKE_COMPACT_QUEUE_URL")
    transform_queue_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://\S+)?$",
            examples=["https://sqs.eu-west-1.amazonaws.com/123456789012/events-transform"],
            description="queue of the same stream's transform function; without one the audit of "
            "the raw zone only counts",
        ),
    ] = field(default="", name="LAKE_TRANSFORM_QUEUE_URL")
    # Longer than the retries of one message take (`lake.aws.inbox`): what failed is a dead letter
    # by then, and has an alarm of its own.
    audit_grace_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=30 * 86_400,
            description="how long the transform may take with a raw object, until the audit finds "
            "that it was overlooked",
        ),
    ] = 7_200
    target_file_bytes: Annotated[
        int, Meta(ge=MIB, le=4 * GIB, description="size that merged files aim at, in bytes")
    ] = 256 * MIB
    min_files: Annotated[
        int,
        Meta(ge=2, le=100_000, description="small files that make a partition worth compacting"),
    ] = 8
    lookback_days: Annotated[
        int, Meta(ge=1, le=3_650, description="how far back a schedule tick looks for partitions")
    ] = 3
    stale_schema_partitions: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="how many older partitions a schedule tick brings to the catalog's columns",
        ),
    ] = 32
    grace_seconds: Annotated[
        int,
        Meta(ge=0, le=30 * 86_400, description="how long replaced files stay for running queries"),
    ] = 86_400
    evolution_percent: Annotated[
        int,
        Meta(ge=1, le=100, description="of the events, those that a field is in to be added"),
    ] = 5
    evolution_hours: Annotated[
        int, Meta(ge=0, le=720, description="how long a field has been sent to be added")
    ] = 24
    evolution_columns: Annotated[
        int, Meta(ge=0, le=100, description="most columns that are added until a person looks")
    ] = 10
    # Longer than a function takes to see what was added (`lake.aws.clients`) and then to end.
    evolution_delay_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="how long functions know of an added column before its tables do",
        ),
    ] = 1_800
    time_budget_seconds: Annotated[
        int, Meta(ge=10, le=900, description="how long one invocation keeps starting new work")
    ] = 780


class Config(Settings, frozen=True):
    """One lake, as both functions see it."""

    bucket: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            examples=["my-lake"],
            description="the lake's bucket",
        ),
    ]
    database: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9_]{1,255}$",
            examples=["clickstream"],
            description="the lake's Glue database",
        ),
    ]
    catalog: Annotated[
        str,
        Meta(
            pattern=r"^(s3://[^/]+/.*[0-9a-f]{64}[^/]*|[^:]+\.json)?$",
            examples=["s3://my-lake/artifacts/catalogs/<SHA-256>.json"],
            description="the lake's catalog: one that is packaged, by its name; a file, by its "
            "whole path; or an object whose key names its SHA-256. By default the packaged "
            "`clickstream.json`",
        ),
    ] = ""
    json_table: _Table | None = None
    parquet_table: _Table | None = None
    rejects_table: _Table | None = None
    schema_evolution: Annotated[
        SchemaEvolution,
        Meta(
            description="what becomes of fields that no column takes: with `propose` compaction "
            "keeps an account of them, with `auto` it also adds columns for them, with `off` "
            "neither"
        ),
    ] = "propose"
    routes: Annotated[
        str,
        Meta(
            pattern=r"^(s3://[^/]+/.*[0-9a-f]{64}[^/]*|[^:]+\.json)?$",
            examples=["s3://my-lake/artifacts/routes/<SHA-256>.json"],
            description="which events of a stream are of other families, and where those are: a "
            "file, or an object whose key names its SHA-256. By default none is",
        ),
    ] = ""
    family: Annotated[
        str,
        Meta(
            pattern="^([a-z][a-z0-9-]{0,14}[a-z0-9])?$",
            examples=["orders"],
            description="of the families that the routes name, the one that this lake is; by "
            "default it is the stream's own",
        ),
    ] = ""
    layout: Layout = field(default_factory=Layout)
    limits: Limits = field(default_factory=Limits)
    output: OutputOptions = field(default_factory=OutputOptions)
    compact: CompactSettings = field(default_factory=CompactSettings)


def load_config(environ: Mapping[str, str], catalog: Catalog | None = None) -> Config:
    """Read `LAKE_*` settings; the partition keys are the catalog's unless they are set.

    Args:
        environ: the settings.
        catalog: the lake's, if it is not the packaged one.

    Raises:
        ConfigError: names every bad variable, its value, and what would do.
    """
    if not environ.get("LAKE_PARTITION_KEYS", "").strip():
        keys = ",".join((catalog or load_catalog()).partition_keys)
        environ = {**environ, "LAKE_PARTITION_KEYS": keys}
    return read_settings(Config, environ)

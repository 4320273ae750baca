"""Everything that turns gzip NDJSON into PII-free JSON and Parquet, ours and its peers.

Each peer is written as its users would write it, and is told the columns if it needs them. A
candidate imports what it needs and returns the work: `prepare(source, out, gzip_json)() -> {}`.
It writes `out/events.json` (`.json.gz`) and `out/events.parquet`.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Work

PROCESSED_TS: Final = "2025-11-26T12:00:00.000Z"
COLUMNS: Final = {
    "event_id": "VARCHAR",
    "event_type": "VARCHAR",
    "event_ts": "VARCHAR",
    "session_id": "VARCHAR",
    "page_url": "VARCHAR",
    "referrer": "VARCHAR",
    "user_agent": "VARCHAR",
    "device_type": "VARCHAR",
    "country": "VARCHAR",
    "product_id": "VARCHAR",
    "price": "DOUBLE",
    "quantity": "BIGINT",
    "properties": "JSON",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to do the job.

    Attributes:
        function: `module:function` for `benchmarks.measure`.
        does_less: what it leaves out of the data rules; empty for ours.
        needs: module that is not installed by default; without it the candidate is left out.
    """

    name: str
    function: str
    does_less: str = ""
    needs: str = ""

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return not self.needs or find_spec(self.needs) is not None


def json_path(out: str, *, gzip_json: bool) -> Path:
    """Where a candidate writes its JSON."""
    return Path(out) / ("events.json.gz" if gzip_json else "events.json")


def ours(source: str, out: str, *, gzip_json: bool) -> Work:
    """The transform, by the same entry point that its handler uses."""
    from datetime import datetime

    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.config import Limits, OutputOptions
    from clickstream_lake.lake.layout import Layout
    from clickstream_lake.transform.core import Job, transform_stream

    job = Job(
        source=Layout().source("raw/year=2025/month=11/day=26/clickstream-events-1-bench.gz"),
        catalog=load_catalog(),
        limits=Limits(max_object_bytes=1 << 40),
        output=OutputOptions(json_compression="gzip" if gzip_json else "none"),
        processed_ts=datetime.fromisoformat(PROCESSED_TS),
    )

    def work() -> dict[str, Any]:
        with Path(source).open("rb") as raw:
            result = transform_stream(raw, job, Path(out))
        if not result.files:
            raise RuntimeError(f"rejected whole: {result.stats.corrupt}")
        result.files["json"].rename(json_path(out, gzip_json=gzip_json))
        result.files["parquet"].rename(Path(out) / "events.parquet")
        return {"published": result.stats.published, "rejected": result.stats.rejected_lines}

    return work


def naive(source: str, out: str, *, gzip_json: bool) -> Work:
    """The Lambda that everybody writes first."""
    import gzip
    import json
    from datetime import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    # Without it, columns that the first event lacks are lost silently.
    kinds = {"DOUBLE": pa.float64(), "BIGINT": pa.int64()}
    instant = pa.timestamp("ms", "UTC")
    schema = pa.schema(
        [
            (name, instant if name == "event_ts" else kinds.get(kind, pa.string()))
            for name, kind in COLUMNS.items()
        ]
        + [("processed_ts", instant)]
    )

    def work() -> dict[str, Any]:
        rows, rejected = [], 0
        target = json_path(out, gzip_json=gzip_json)
        opened = gzip.open(target, "wt") if gzip_json else target.open("w")  # noqa: SIM115 - below
        with gzip.open(source, "rb") as lines, opened as sink:
            for line in lines:
                try:
                    event = json.loads(line)
                    if not isinstance(event, dict):
                        raise ValueError  # noqa: TRY301, TRY004 - as such code looks
                except ValueError:
                    rejected += 1
                    continue
                event.pop("user_id", None)
                event["processed_ts"] = PROCESSED_TS
                sink.write(json.dumps(event) + "\n")
                if event.get("event_ts"):
                    event["event_ts"] = datetime.fromisoformat(event["event_ts"])
                event["processed_ts"] = datetime.fromisoformat(event["processed_ts"])
                properties = event.get("properties")
                event["properties"] = None if properties is None else json.dumps(properties)
                rows.append(event)
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, Path(out) / "events.parquet", compression="zstd")
        return {"published": len(rows), "rejected": rejected}

    return work


def pandas(source: str, out: str, *, gzip_json: bool) -> Work:
    """`read_json(lines=True)` in chunks, as awswrangler's users do."""
    import json

    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    def work() -> dict[str, Any]:
        target = json_path(out, gzip_json=gzip_json)
        writer = None
        rows = 0
        chunks = pd.read_json(
            source, lines=True, chunksize=100_000, convert_dates=False, compression="gzip"
        )
        with chunks:
            for frame in chunks:
                events = frame.drop(columns="user_id", errors="ignore")
                events["processed_ts"] = PROCESSED_TS
                events.to_json(target, orient="records", lines=True, mode="a")
                # A chunk has its columns in the order in which its events first name them.
                events = events.reindex(columns=[*COLUMNS, "processed_ts"])
                for name in ("event_ts", "processed_ts"):
                    events[name] = pd.to_datetime(events[name], format="ISO8601", utc=True)
                events["properties"] = [
                    json.dumps(p) if isinstance(p, dict) else None for p in events["properties"]
                ]
                table = pa.Table.from_pandas(events, preserve_index=False)
                writer = writer or pq.ParquetWriter(
                    Path(out) / "events.parquet", table.schema, compression="zstd"
                )
                writer.write_table(table.cast(writer.schema))
                rows += len(events)
        if writer:
            writer.close()
        return {"published": rows, "rejected": 0}

    return work


def pyarrow_json(source: str, out: str, *, gzip_json: bool) -> Work:
    """Pyarrow's own JSON reader for the columns, `json` only for the JSON output."""
    import gzip
    import json

    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    def work() -> dict[str, Any]:
        with pa.input_stream(source, compression="gzip") as stream:
            table = pj.read_json(stream, read_options=pj.ReadOptions(block_size=16 << 20))
        table = table.drop_columns(["user_id"])
        stamp = pa.array([PROCESSED_TS] * len(table)).cast(pa.timestamp("ms", "UTC"))
        column = table.schema.get_field_index("event_ts")
        times = table.column(column).cast(pa.timestamp("ms", "UTC"))
        target = json_path(out, gzip_json=gzip_json)
        opened = gzip.open(target, "wt") if gzip_json else target.open("w")  # noqa: SIM115 - below
        with opened as sink:
            for batch in table.to_batches(50_000):
                for event in batch.to_pylist():
                    event["processed_ts"] = PROCESSED_TS
                    sink.write(json.dumps(event) + "\n")
        pq.write_table(
            table.set_column(column, "event_ts", times).append_column("processed_ts", stamp),
            Path(out) / "events.parquet",
            compression="zstd",
        )
        return {"published": len(table), "rejected": 0}

    return work


def duckdb(source: str, out: str, *, gzip_json: bool) -> Work:
    """SQL over `read_json` with given columns, one temporary table, two COPYs."""
    import duckdb as engine

    columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())

    def work() -> dict[str, Any]:
        with engine.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(
                f"CREATE TEMP TABLE events AS SELECT *, '{PROCESSED_TS}' AS processed_ts "  # noqa: S608 - our own paths
                f"FROM read_json('{source}', format = 'newline_delimited', "
                f"ignore_errors = true, columns = {{{columns}}})"
            )
            gzip = ", COMPRESSION gzip" if gzip_json else ""
            target = json_path(out, gzip_json=gzip_json)
            connection.execute(f"COPY events TO '{target}' (FORMAT json{gzip})")
            connection.execute(
                "COPY (SELECT * REPLACE (event_ts::TIMESTAMPTZ AS event_ts, "  # noqa: S608 - the same
                "processed_ts::TIMESTAMPTZ AS processed_ts) FROM events) "
                f"TO '{out}/events.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
            found = connection.execute("SELECT count(*) FROM events").fetchone()
        return {"published": found[0] if found else 0}

    return work


def polars(source: str, out: str, *, gzip_json: bool) -> Work:
    """A lazy scan with two sinks in one streaming run."""
    import polars as pl

    def work() -> dict[str, Any]:
        events = pl.scan_ndjson(source, ignore_errors=True, infer_schema_length=10_000).drop(
            "user_id"
        )
        events = events.with_columns(processed_ts=pl.lit(PROCESSED_TS))
        stamps = [
            pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", time_zone="UTC")
            for name in ("event_ts", "processed_ts")
        ]
        target = json_path(out, gzip_json=gzip_json)
        gzip: dict[str, Any] = {"compression": "gzip"} if gzip_json else {}
        sinks = [
            events.sink_ndjson(target, lazy=True, **gzip),
            events.with_columns(*stamps, pl.col("properties").struct.json_encode()).sink_parquet(
                Path(out) / "events.parquet", compression="zstd", lazy=True
            ),
        ]
        pl.collect_all(sinks, engine="streaming")
        return {}

    return work


def clickhouse(source: str, out: str, *, gzip_json: bool) -> Work:
    """Typed columns read into a table in memory, one thread, two INSERTs into files."""
    from chdb.session import Session

    kinds = {"VARCHAR": "String", "DOUBLE": "Float64", "BIGINT": "Int64", "JSON": "JSON"}
    columns = {name: f"Nullable({kinds[kind]})" for name, kind in COLUMNS.items()}
    columns["event_ts"] = "Nullable(DateTime64(3, ''UTC''))"
    structure = ", ".join(f"{name} {kind}" for name, kind in columns.items())

    def work() -> dict[str, Any]:
        with Session() as session:
            session.query(
                "SET max_threads = 1, max_insert_threads = 1, date_time_input_format = "
                "'best_effort', date_time_output_format = 'iso', "
                "input_format_skip_unknown_fields = 1, input_format_allow_errors_ratio = 1"
            )
            session.query(
                "CREATE TEMPORARY TABLE events ENGINE = Memory AS SELECT *, "  # noqa: S608 - our own paths
                f"parseDateTime64BestEffort('{PROCESSED_TS}', 3, 'UTC') AS processed_ts "
                f"FROM file('{source}', 'JSONEachRow', '{structure}')"
            )
            target = json_path(out, gzip_json=gzip_json)
            session.query(
                f"INSERT INTO FUNCTION file('{target}', 'JSONEachRow') SELECT * FROM events"  # noqa: S608 - the same
            )
            session.query(
                f"INSERT INTO FUNCTION file('{out}/events.parquet', 'Parquet') "  # noqa: S608 - the same
                "SELECT * REPLACE (toJSONString(properties) AS properties) FROM events "
                "SETTINGS output_format_parquet_compression_method = 'zstd'"
            )
            found = session.query("SELECT count() FROM events", "CSV")
        return {"published": int(str(found))}

    return work


_HERE: Final = "benchmarks.transform.candidates"
OURS: Final = Candidate("clickstream-lake", f"{_HERE}:ours")
PEERS: Final = (
    Candidate(
        "naive",
        f"{_HERE}:naive",
        "all rows in memory; PII at the top level only; no rejects; undeclared fields are lost "
        "in Parquet; one value of another type or one lone surrogate fails the whole file",
    ),
    Candidate(
        "pandas",
        f"{_HERE}:pandas",
        "one malformed line fails the file; integers with NULLs become floats, and floats lose "
        "their last digit; a chunk whose "
        "types differ from the first one's fails",
    ),
    Candidate(
        "pyarrow.json",
        f"{_HERE}:pyarrow_json",
        "one malformed line fails the file; all rows in memory; nested values become structs "
        "with every key that any event has",
    ),
    Candidate(
        "DuckDB",
        f"{_HERE}:duckdb",
        "malformed lines become rows of NULLs; undeclared fields are lost; every declared "
        "field is written to every JSON line; a bad timestamp fails the file",
    ),
    Candidate(
        "Polars",
        f"{_HERE}:polars",
        "the schema is guessed from the first 10,000 lines (100 by itself, which loses keys of the "
        "clean file), later fields are lost; nested "
        "values become structs; invalid UTF-8 fails the file",
    ),
    Candidate(
        "ClickHouse",
        f"{_HERE}:clickhouse",
        "malformed lines are left out without a word; undeclared fields are lost; every declared "
        "field is written to every JSON line; `properties` loses NULLs and the spelling of numbers",
        needs="chdb",
    ),
)

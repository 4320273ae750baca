"""`clickstream transform`: the pipeline's transform on local files, without AWS."""

import json
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from clickstream_lake.console import examples, progress, size, stderr, stdout
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import FORMATS, Layout, Partition, Source, source_id
from clickstream_lake.transform.core import Job, Stats, TransformResult, transform_stream
from clickstream_lake.transform.rules.native import library

_PARTITION_SEGMENT = re.compile(r"(year|month|day|hour)=([^/=]+)")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "clickstream transform events.gz --out lake",
            "clickstream transform raw/year=2025/month=11/day=26/file.gz --out lake --json",
        )
    )(transform)


def transform(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE.gz…", help="Gzipped NDJSON, as in raw/.", show_default=False),
    ],
    *,
    out: Annotated[
        Path, typer.Option(help="Directory for processed/json, processed/parquet and rejected.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object of statistics per file.")
    ] = False,
) -> None:
    """Transform raw files as the function in AWS would, and write what it would publish.

    A partition comes from the file's path, if that has year=…/month=…/day=… in it.
    A file that is no valid gzip to its end is rejected whole, as in AWS.

    The exit status is 0 unless a file could not be processed at all.
    """
    if no_kernel := library.missing():
        stderr.print(f"Warning: {no_kernel}", style="yellow", markup=False, soft_wrap=True)
    failed = False
    done: list[tuple[Path, Stats]] = []
    with progress(quiet=as_json) as bars:
        task = bars.add_task("files", total=len(files), note="")
        for file in files:
            bars.update(task, note=file.name)
            try:
                stats, written = _one(file, out)
            except OSError as error:
                failed = True
                stderr.print(f"[red]Error:[/red] {file}: {error}", highlight=False)
                continue
            finally:
                bars.advance(task)
            done.append((file, stats))
            if as_json:
                typer.echo(json.dumps({"file": str(file), **asdict(stats), "written": written}))
    if not as_json:
        stdout.print(_table(done))
    raise typer.Exit(1 if failed else 0)


def _one(file: Path, out: Path) -> tuple[Stats, dict[str, str]]:
    source = _source(file)
    with TemporaryDirectory(prefix="clickstream-") as scratch, file.open("rb") as raw:
        job = Job(
            source=source,
            catalog=load_catalog(),
            limits=Limits(),
            output=OutputOptions(),
            processed_ts=datetime.now(UTC),
        )
        result = transform_stream(raw, job, Path(scratch))
        return result.stats, _place(result, source, out)


def _source(file: Path) -> Source:
    """The source of a local file: the one that its object in S3 has, if its path tells the key."""
    pairs = tuple(
        (found[1], found[2])
        for found in map(_PARTITION_SEGMENT.fullmatch, file.parts[:-1])
        if found
    )
    if pairs:
        key = "/".join(["raw", *(f"{name}={value}" for name, value in pairs), file.name])
    else:
        # Files of one name in several directories are different sources.
        key = f"raw/{file.as_posix()}"
    return Source(key, source_id(key), Partition(pairs))


def _place(result: TransformResult, source: Source, out: Path) -> dict[str, str]:
    """Move the finished files to where the layout has them; the paths by kind."""
    layout = Layout()
    moved: dict[str, str] = {}
    for fmt, path in zip(FORMATS, (result.json, result.parquet), strict=True):
        if path is not None:
            moved[fmt] = _move(path, out / layout.landing_key(fmt, source))
    rejects = out / layout.reject_key(source)
    if result.stats.rejected:
        moved["rejected"] = _move(result.rejects, rejects)
    else:
        # Those of an earlier version of the same file would be untrue now.
        rejects.unlink(missing_ok=True)
    return moved


def _move(path: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)
    return str(target)


def _table(done: list[tuple[Path, Stats]]) -> Table:
    table = Table()
    for name in ("file", "lines", "published", "rejected", "JSON", "Parquet"):
        table.add_column(name, justify="left" if name in {"file", "rejected"} else "right")
    for file, stats in done:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in stats.rejected.items())
        table.add_row(
            file.name,
            f"{stats.lines:,}",
            f"{stats.published:,}",
            reasons or "0",
            size(stats.bytes_json),
            size(stats.bytes_parquet),
        )
    return table

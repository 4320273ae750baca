"""`clickstream transform`: the pipeline's transform on local files, without AWS."""

import os
import shutil
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import dropwhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clickstream_lake.cli import connection, routes
from clickstream_lake.cli.errors import UsageError, complain, warn_without_kernel
from clickstream_lake.console import (
    examples,
    new_table,
    print_json,
    print_table,
    progress,
    size,
    stderr,
)

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.config import Config
    from clickstream_lake.lake.layout import Source
    from clickstream_lake.lake.routes import Routing
    from clickstream_lake.transform.core import Stats, TransformResult

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_STANDARD = Path("-")
# A lake on a disk has no bucket and no database, but its settings need names.
# Local files have no function's /tmp to fit into.
_UNNAMED = {
    "LAKE_BUCKET": "local",
    "LAKE_DATABASE": "local",
    "LAKE_MAX_OBJECT_BYTES": str(1 << 40),
}


@app.command(
    epilog=examples(
        "clickstream transform events.gz --out lake",
        "clickstream transform raw/year=2025/month=11/day=26/file.gz --json",
        "clickstream transform events.gz --catalog orders.json",
        "clickstream transform events.gz --route orders=orders.json:order_placed,order_refunded",
        "clickstream generate - --count 1000 | clickstream transform - --out - | head -3",
    )
)
def transform(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Gzipped or plain NDJSON; - is standard input.", allow_dash=True
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            help="Directory for processed/json, processed/parquet and rejected; - prints the "
            "JSON lines and keeps nothing.",
            allow_dash=True,
        ),
    ] = Path("lake"),
    catalog: connection.Catalog = None,
    given_routes: routes.Routes = None,
    route_by: routes.RouteBy = routes.ROUTE_BY,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object of statistics per file.")
    ] = False,
) -> None:
    """Transform raw files here, as the function in AWS would.

    The partition comes from the file's path, if that has year=…/month=…/day=… in it; LAKE_* in the
    environment are settings, as for the function. A file that is not valid gzip to its end is
    rejected whole, as in AWS; only this command takes plain text. Events of a family that --route
    names go into a directory of its own, <out>/<family>.

    The exit status is 1 if a file could not be processed, or if all of it was rejected.
    """
    if out == _STANDARD and as_json:
        raise UsageError("--json and --out - would both print to standard output: choose one")
    if out == _STANDARD and given_routes:
        raise UsageError("--route and --out - would print several families as one: choose one")
    for missing in (file for file in files if file != _STANDARD and not file.exists()):
        raise UsageError(f"{missing}: there is no such file")
    warn_without_kernel()
    config, found = _lake(catalog)
    routing = routes.local_routing(given_routes or [], route_by, found)
    sources = [_source(file, config) for file in files]
    done: list[tuple[Path, Stats]] = []
    failed = False
    quiet = as_json or out == _STANDARD
    with progress(quiet=quiet) as bars:
        task = bars.add_task("files", total=len(files), note="")
        for file, source in zip(files, sources, strict=True):
            bars.update(task, note=file.name)
            try:
                result, written = _one(file, source, config, found, out, routing)
            except OSError as error:
                if isinstance(error, BrokenPipeError):
                    raise
                complain(f"{file}: {error.strerror}")
                failed = True
                continue
            bars.advance(task)
            done.append((file, _of_all(result)))
            if as_json:
                families = {name: each.stats.plain() for name, each in result.families.items()}
                account = {"file": str(file), **result.stats.plain(), "written": written}
                print_json(account | ({"families": families} if families else {}), indent=None)
    if not quiet:
        print_table(_table(done))
        stderr.print(f"written to {out}", style="dim", markup=False, highlight=False)
    lost = [(file, stats) for file, stats in done if stats.rejected and not stats.published]
    for file, stats in lost:
        complain(f"{file}: nothing of it was published: {_reasons(stats)}")
    raise typer.Exit(1 if failed or lost else 0)


def _lake(catalog: str | None) -> "tuple[Config, Catalog]":
    from clickstream_lake.lake.config import load_config

    given = {name: value for name, value in os.environ.items() if value.strip()}
    found = connection.catalog_at(catalog, given)
    return load_config(_UNNAMED | given, found), found


def _source(file: Path, config: "Config") -> "Source":
    """The source of a local file: that of its object in S3, if its path holds the key.

    Raises:
        UsageError: the path has other partition keys than the lake.
    """
    from clickstream_lake.lake.layout import Partition, Source, source_id

    layout = config.layout
    found = Partition.among(file.parts[:-1]).keys
    # A directory above may also have a partition's name.
    pairs = tuple(dropwhile(lambda pair: pair[0] not in layout.partition_keys, found))
    partition = Partition(pairs)
    if pairs and partition.names != layout.partition_keys:
        raise UsageError(
            f"{file}: its path has the partition keys {', '.join(partition.names)}, and the lake "
            f"{', '.join(layout.partition_keys)}: set LAKE_PARTITION_KEYS"
        )
    # Files of one name in several directories are different sources.
    within = f"{partition.path}/{file.name}" if pairs else file.as_posix()
    key = layout.raw_prefix + ("stdin" if file == _STANDARD else within)
    return Source(key, source_id(key), partition)


def _one(  # noqa: PLR0917 - what a job consists of
    file: Path,
    source: "Source",
    config: "Config",
    catalog: "Catalog",
    out: Path,
    routing: "Routing | None",
) -> tuple["TransformResult", dict[str, str]]:
    from msgspec.structs import replace as with_other

    from clickstream_lake.transform.core import Job, transform_stream
    from clickstream_lake.transform.read.gunzip import gunzip_or_plain

    to_standard = out == _STANDARD
    output = with_other(config.output, json_compression="none") if to_standard else config.output
    job = Job(source, catalog, config.limits, output, datetime.now(UTC), routing=routing)
    if not to_standard:
        out.mkdir(parents=True, exist_ok=True)
    opened = nullcontext(sys.stdin.buffer) if file == _STANDARD else file.open("rb")
    # The scratch is beside the output, so that a whole file gets its name by a rename.
    beside = None if to_standard else out
    with opened as raw, TemporaryDirectory(prefix=".transform-", dir=beside) as scratch:
        result = transform_stream(raw, job, Path(scratch), decompress=gunzip_or_plain)
        if not to_standard:
            written = _place(result, source, config, out)
            for name, of_family in result.families.items():
                placed = _place(of_family, source, config, out / name)
                written |= {f"{name}/{kind}": path for kind, path in placed.items()}
            return result, written
        if "json" in result.files:
            with result.files["json"].open("rb") as lines:
                shutil.copyfileobj(lines, sys.stdout.buffer)
        return result, {}


def _place(
    result: "TransformResult", source: "Source", config: "Config", out: Path
) -> dict[str, str]:
    """Move the finished files to where the layout puts them; return their paths by kind."""
    layout = config.layout
    moved: dict[str, str] = {}
    for fmt, path in result.files.items():
        key = layout.landing_key(fmt, source, gzip=path.suffix == ".gz")
        moved[fmt] = _move(path, out / key)
    rejects = out / layout.reject_key(source)
    if result.stats.rejected:
        moved["rejected"] = _move(result.rejects, rejects)
    else:
        # Those of an earlier version of the same file are now wrong.
        rejects.unlink(missing_ok=True)
    return moved


def _move(path: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return str(target)


def _of_all(result: "TransformResult") -> "Stats":
    """The account of a file, whatever family its events are of."""
    every = [result.stats, *(each.stats for each in result.families.values())]
    rejected = Counter[str]()
    for stats in every:
        rejected.update(stats.rejected)
    return replace(
        result.stats,
        published=sum(stats.published for stats in every),
        rejected=dict(rejected),
        bytes_stored={
            fmt: sum(stats.bytes_stored[fmt] for stats in every)
            for fmt in result.stats.bytes_stored
        },
    )


def _reasons(stats: "Stats") -> str:
    """Why lines were rejected: `3 not_json, 1 not_object`."""
    if stats.corrupt is not None:
        from clickstream_lake.transform.rules.reasons import ObjectReason

        return f"{stats.corrupt}: {ObjectReason(stats.corrupt).meaning}"
    return ", ".join(f"{count:,} {reason}" for reason, count in stats.rejected.items())


def _table(done: list[tuple[Path, "Stats"]]) -> "Table":
    from clickstream_lake.lake.formats import FORMATS

    table = new_table()
    titles = [spec.title for spec in FORMATS.values()]
    for name in ("file", "lines", "published", "rejected", *titles):
        left = name in {"file", "rejected"}
        table.add_column(
            name,
            justify="left" if left else "right",
            no_wrap=not left,
            overflow="fold",
            min_width=len(name),
        )
    for file, stats in done:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in stats.rejected.items())
        table.add_row(
            escape(file.name),
            f"{stats.lines:,}",
            f"{stats.published:,}",
            reasons or "0",
            *map(size, stats.bytes_stored.values()),
        )
    return table

"""One raw object's bytes in, its local files and their account out. No AWS here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.errors import ConservationError, CorruptObjectError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Source, landing_name
from clickstream_lake.transform.read.gunzip import Readable, gunzip
from clickstream_lake.transform.read.lines import blocks
from clickstream_lake.transform.rules.block import BlockEnricher
from clickstream_lake.transform.rules.enrich import Enriched, Rules
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.write.output import Output, writers
from clickstream_lake.transform.write.rejects import RejectOutput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """What the transform of one raw object depends on besides its bytes.

    Attributes:
        check: raises once there is no more time; asked for each piece, and for each event where
            there is no kernel.
    """

    source: Source
    catalog: Catalog
    limits: Limits
    output: OutputOptions
    processed_ts: datetime
    check: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Stats:
    """The account of one raw object: lines = blank + published + rejected.

    A line with several JSON values counts once for each. An object that was rejected whole counts
    as one line, because nobody knows how many it had.

    Attributes:
        corrupt: why the object was rejected whole.
        rejected: reason -> lines.
        mismatched: column -> values that did not fit it, or lack where it is required.
        breaches: column and rule, `country.not_in_enum` -> events that broke it, rejected or not.
        repaired: halves of surrogate pairs that became U+FFFD.
        bytes_in: compressed bytes read.
        bytes_raw: decompressed bytes read.
        bytes_stored: size of the file of each format.
        bytes_rejects: size of the rejects file.
    """

    lines: int = 0
    blank: int = 0
    published: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    mismatched: dict[str, int] = field(default_factory=dict)
    breaches: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    corrupt: str | None = None
    bytes_in: int = 0
    bytes_raw: int = 0
    bytes_stored: dict[Format, int] = field(default_factory=lambda: dict.fromkeys(FORMATS, 0))
    bytes_rejects: int = 0

    @property
    def rejected_lines(self) -> int:
        """Lines rejected, for any reason."""
        return sum(self.rejected.values())

    def plain(self) -> dict[str, Any]:
        """The account as logs and commands show it: `bytes_json` and so on."""
        figures = asdict(self)
        sizes = figures.pop("bytes_stored")
        return figures | {f"bytes_{fmt}": size for fmt, size in sizes.items()}


@dataclass(frozen=True, slots=True)
class TransformResult:
    """The local files of one raw object.

    Attributes:
        files: by format, in the order of `FORMATS`; none if the object was rejected whole.
        rejects: always exists; it is empty if nothing was rejected.
    """

    files: Mapping[Format, Path]
    rejects: Path
    stats: Stats


class _Counting:
    """Counts what is read from a raw object."""

    def __init__(self, raw: Readable) -> None:
        self._raw = raw
        self.count = 0

    def read(self, size: int, /) -> bytes:
        data = self._raw.read(size)
        self.count += len(data)
        return data


def transform_stream(
    raw: Readable,
    job: Job,
    workdir: Path,
    *,
    decompress: Callable[[Readable, Limits], Iterator[bytes]] = gunzip,
) -> TransformResult:
    """Transform one raw object into files in `workdir`.

    Memory is bounded by one piece of decompressed text, one event of the longest allowed length
    and what outputs buffer: one Parquet row group.

    Args:
        raw: the object's bytes.
        job: what else it depends on.
        workdir: where the files go.
        decompress: turns the bytes into text, in pieces.

    Raises:
        ConservationError: the counts do not add up; nothing may be made visible.
        OSError: reading or writing failed.
    """
    stats = Stats()
    counting = _Counting(raw)
    name = job.source.source_id
    gzip = job.output.json_compression == "gzip"
    rejects_path = workdir / f"{name}.rejects.json"
    outputs: dict[Format, Output] = {}
    with ExitStack() as opened:
        for fmt, writer in writers().items():
            path = workdir / landing_name(fmt, name, gzip=gzip)
            outputs[fmt] = opened.enter_context(closing(writer(path, job.catalog, job.output)))
        reject_output = opened.enter_context(closing(_rejects_of(job, rejects_path)))
        rules = Rules(
            catalog=job.catalog,
            limits=job.limits,
            processed_ts=millis(job.processed_ts),
            processed_ts_text=iso_millis(job.processed_ts),
            partition_keys=job.source.partition.names,
            check=job.check,
        )
        enricher = BlockEnricher(rules)
        try:
            pieces = _counted(decompress(counting, job.limits), stats, job.check)
            finder = None if library.missing() else library
            for block in blocks(pieces, job.limits.max_line_bytes, finder):
                for done in enricher.enrich(block):
                    for output in outputs.values():
                        output.add(done)
                    reject_output.write(done.rejects, done.tallies)
                    _account(done, stats)
        except CorruptObjectError as error:
            stats = Stats(lines=1, corrupt=error.reason, rejected={error.reason: 1})
        else:
            for output in outputs.values():
                output.finish()
            reject_output.finish()
    stats.bytes_in = counting.count
    files = {fmt: output.path for fmt, output in outputs.items()}
    if stats.corrupt is not None:
        return _rejected_whole(job, stats, files.values(), rejects_path)
    rows = {fmt: output.rows for fmt, output in outputs.items()}
    stats.published = _conserved(stats, rows, reject_output.texts)
    stats.bytes_stored = {fmt: path.stat().st_size for fmt, path in files.items()}
    stats.bytes_rejects = rejects_path.stat().st_size
    return TransformResult(files, rejects_path, stats)


def _counted(pieces: Iterator[bytes], stats: Stats, check: Callable[[], None]) -> Iterator[bytes]:
    for piece in pieces:
        check()
        stats.bytes_raw += len(piece)
        yield piece


def _rejected_whole(
    job: Job, stats: Stats, unfinished: Iterable[Path], rejects_path: Path
) -> TransformResult:
    for path in unfinished:
        path.unlink()
    with closing(_rejects_of(job, rejects_path)) as output:
        output.write_object(str(stats.corrupt))
    stats.bytes_rejects = rejects_path.stat().st_size
    return TransformResult({}, rejects_path, stats)


def _rejects_of(job: Job, path: Path) -> RejectOutput:
    return RejectOutput(
        path,
        raw_key=job.source.key,
        source_id=job.source.source_id,
        processed_ts_text=iso_millis(job.processed_ts),
    )


def _account(done: Enriched, stats: Stats) -> None:
    """Count what became of some lines."""
    stats.blank += done.blank
    stats.repaired += done.repaired
    _add(stats.mismatched, done.mismatched)
    for column, breaches in done.breaches.items():
        _add(stats.breaches, {f"{column}.{rule}": count for rule, count in breaches.items()})
    texts = 0
    for reject in done.rejects:
        _add(stats.rejected, {reject.reason: 1})
        texts += 1
    for tally in done.tallies:
        _add(stats.rejected, {tally.first.reason: tally.texts})
        texts += tally.texts
    stats.lines += done.blank + texts + sum(batch.num_rows for batch in done.batches)


def _conserved(stats: Stats, rows: Mapping[Format, int], texts: int) -> int:
    """Check that every line is accounted for; return the number of rows in each file."""
    expected = stats.lines - stats.blank - stats.rejected_lines
    if {*rows.values()} != {expected} or texts != stats.rejected_lines:
        held = ", ".join(f"{count} {FORMATS[fmt].title} rows" for fmt, count in rows.items())
        raise ConservationError(
            f"{stats.lines} lines = {stats.blank} blank + {stats.rejected_lines} rejected + "
            f"{expected} published, but the files hold {held} and {texts} rejects"
        )
    return expected


def _add(totals: dict[str, int], counts: Mapping[str, int]) -> None:
    for key, count in counts.items():
        totals[key] = totals.get(key, 0) + count


def millis(moment: datetime) -> int:
    """UTC milliseconds of an aware datetime."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


def iso_millis(moment: datetime) -> str:
    """`2025-11-26T10:00:00.000Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")

"""One raw object's bytes in, its local files and their account out. No AWS here."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.errors import ConservationError, CorruptObjectError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Source, landing_name
from clickstream_lake.lake.routes import Routing
from clickstream_lake.transform.read.gunzip import PIECE_BYTES, Readable, gunzip
from clickstream_lake.transform.read.lines import Block, blocks
from clickstream_lake.transform.rules.block import BlockEnricher
from clickstream_lake.transform.rules.enrich import Enriched, Rules
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.route import RoutedEnricher
from clickstream_lake.transform.write.output import Output, writers
from clickstream_lake.transform.write.rejects import RejectOutput

_MOST_PIECES: Final = 3
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """What the transform of one raw object depends on besides its bytes.

    Attributes:
        check: raises once there is no more time; asked for each piece, and for each event where
            there is no kernel.
        routing: which events are of other families than the stream's own; None if all are.
    """

    source: Source
    catalog: Catalog
    limits: Limits
    output: OutputOptions
    processed_ts: datetime
    check: Callable[[], None] = lambda: None
    routing: Routing | None = None


@dataclass(slots=True)
class Stats:
    """The account of one raw object: lines = blank + published + rejected + routed.

    A line with several JSON values counts once for each. An object that was rejected whole counts
    as one line, because nobody knows how many it had.

    Attributes:
        corrupt: why the object was rejected whole.
        routed: family -> events of that one, which has an account of its own; none of 0.
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
    routed: dict[str, int] = field(default_factory=dict)
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
        families: the same of each family that events are routed to, by name; of one without events
            the files are empty. There are none if it was rejected whole.
    """

    files: Mapping[Format, Path]
    rejects: Path
    stats: Stats
    families: Mapping[str, "TransformResult"] = field(default_factory=dict)


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
    decompress: Callable[[Readable, Limits, int], Iterator[bytes]] = gunzip,
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
    routing = job.routing
    families = routing.families if routing else ()
    catalogs = [job.catalog, *(family.catalog for family in families)]
    folders = [workdir, *(workdir / family.name for family in families)]
    counting = _Counting(raw)
    with ExitStack() as stack:
        outputs = [
            stack.enter_context(closing(_Output(job, catalog, folder)))
            for catalog, folder in zip(catalogs, folders, strict=True)
        ]
        own = outputs[0].stats
        enrich = _enricher(job, catalogs)
        try:
            # So that each family has about as many events in its batches as all have in one.
            size = PIECE_BYTES * min(len(outputs), _MOST_PIECES)
            pieces = _counted(decompress(counting, job.limits, size), own, job.check)
            finder = None if library.missing() else library
            for block in blocks(pieces, job.limits.max_line_bytes, finder):
                for number, done in enrich(block):
                    outputs[number].take(done)
        except CorruptObjectError as error:
            reason = error.reason
            own = outputs[0].stats = Stats(lines=1, corrupt=reason, rejected={reason: 1})
        else:
            for output in outputs:
                output.finish()
    own.bytes_in = counting.count
    if own.corrupt is not None:
        return outputs[0].result()
    results = [output.result() for output in outputs]
    by_name = {family.name: each for family, each in zip(families, results[1:], strict=True)}
    own.routed = {name: each.stats.lines for name, each in by_name.items() if each.stats.lines}
    own.lines += sum(own.routed.values())
    return replace(results[0], families=by_name)


def _enricher(
    job: Job, catalogs: Sequence[Catalog]
) -> Callable[[Block], Iterator[tuple[int, Enriched]]]:
    """What enriches the blocks of an object: each part comes with the number of its family."""
    rules = [
        Rules(
            catalog=catalog,
            limits=job.limits,
            processed_ts=millis(job.processed_ts),
            processed_ts_text=iso_millis(job.processed_ts),
            partition_keys=job.source.partition.names,
            check=job.check,
        )
        for catalog in catalogs
    ]
    if job.routing is not None:
        return RoutedEnricher(rules, job.routing.key, job.routing.numbers).enrich
    enricher = BlockEnricher(rules[0])
    return lambda block: ((0, done) for done in enricher.enrich(block))


def _counted(pieces: Iterator[bytes], stats: Stats, check: Callable[[], None]) -> Iterator[bytes]:
    for piece in pieces:
        check()
        stats.bytes_raw += len(piece)
        yield piece


class _Output:
    """The files of one family, and its account.

    Attributes:
        stats: the account, complete once the result was asked for.
    """

    def __init__(self, job: Job, catalog: Catalog, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        name = job.source.source_id
        gzip = job.output.json_compression == "gzip"
        self.stats = Stats()
        self._job = job
        self._rejects_path = folder / f"{name}.rejects.json"
        with ExitStack() as stack:
            self._files: dict[Format, Output] = {}
            for fmt, writer in writers().items():
                path = folder / landing_name(fmt, name, gzip=gzip)
                output = stack.enter_context(closing(writer(path, catalog, job.output)))
                self._files[fmt] = output
            self._rejects = stack.enter_context(closing(_rejects_of(job, self._rejects_path)))
            self._opened = stack.pop_all()

    def take(self, done: Enriched) -> None:
        """Write and count what became of some lines."""
        for output in self._files.values():
            output.add(done)
        self._rejects.write(done.rejects, done.tallies)
        _account(done, self.stats)

    def finish(self) -> None:
        """Write what is held back."""
        for output in self._files.values():
            output.finish()
        self._rejects.finish()

    def close(self) -> None:
        """Close the files, finished or not."""
        self._opened.close()

    def result(self) -> TransformResult:
        """The closed files, once the counts add up.

        Raises:
            ConservationError: they do not.
        """
        stats = self.stats
        files = {fmt: output.path for fmt, output in self._files.items()}
        if stats.corrupt is not None:
            return _rejected_whole(self._job, stats, files.values(), self._rejects_path)
        rows = {fmt: output.rows for fmt, output in self._files.items()}
        stats.published = _conserved(stats, rows, self._rejects.texts)
        stats.bytes_stored = {fmt: path.stat().st_size for fmt, path in files.items()}
        stats.bytes_rejects = self._rejects_path.stat().st_size
        return TransformResult(files, self._rejects_path, stats)


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

"""One raw object's bytes in, its three local files and their account out. No AWS here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.errors import ConservationError, CorruptObjectError
from clickstream_lake.lake.layout import Source, landing_name
from clickstream_lake.lake.routes import Routing
from clickstream_lake.transform.read.gunzip import PIECE_BYTES, Readable, gunzip
from clickstream_lake.transform.read.lines import Block, blocks
from clickstream_lake.transform.rules.block import BlockEnricher
from clickstream_lake.transform.rules.enrich import Enriched, Rules
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.route import RoutedEnricher
from clickstream_lake.transform.write.json import JsonOutput
from clickstream_lake.transform.write.parquet import ParquetOutput
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
        bytes_json: size of the JSON file; `bytes_parquet` and `bytes_rejects` likewise.
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
    bytes_json: int = 0
    bytes_parquet: int = 0
    bytes_rejects: int = 0

    @property
    def rejected_lines(self) -> int:
        """Lines rejected, for any reason."""
        return sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class TransformResult:
    """The local files of one raw object; JSON and Parquet are None if it was rejected whole.

    The rejects file always exists; it is empty if nothing was rejected.

    Attributes:
        families: the same of each family that events are routed to, by name; of one without events
            the files are empty. There are none if it was rejected whole.
    """

    json: Path | None
    parquet: Path | None
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
    and one Parquet row group.

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
        self._parquet_path = folder / landing_name("parquet", name)
        self._json_path = folder / landing_name("json", name, gzip=gzip)
        self._json = JsonOutput(self._json_path, job.output)
        self._parquet = ParquetOutput(self._parquet_path, catalog, job.output)
        self._rejects = _rejects_of(job, self._rejects_path)

    def take(self, done: Enriched) -> None:
        """Write and count what became of some lines."""
        for lines in done.json:
            self._json.write(lines)
        for batch in done.batches:
            self._parquet.write_batch(batch)
            self.stats.lines += batch.num_rows
        self._rejects.write(done.rejects, done.tallies)
        _account(done, self.stats)

    def finish(self) -> None:
        """Write what is held back."""
        self._parquet.finish()
        self._rejects.finish()

    def close(self) -> None:
        """Close the files, finished or not."""
        self._rejects.close()
        self._parquet.close()
        self._json.close()

    def result(self) -> TransformResult:
        """The closed files, once the counts add up.

        Raises:
            ConservationError: they do not.
        """
        stats = self.stats
        if stats.corrupt is not None:
            return _rejected_whole(
                self._job, stats, (self._json_path, self._parquet_path), self._rejects_path
            )
        texts = self._rejects.texts
        stats.published = _conserved(stats, self._json.rows, self._parquet.rows, texts)
        stats.bytes_json = self._json_path.stat().st_size
        stats.bytes_parquet = self._parquet_path.stat().st_size
        stats.bytes_rejects = self._rejects_path.stat().st_size
        return TransformResult(self._json_path, self._parquet_path, self._rejects_path, stats)


def _rejected_whole(
    job: Job, stats: Stats, unfinished: tuple[Path, ...], rejects_path: Path
) -> TransformResult:
    for path in unfinished:
        path.unlink()
    with closing(_rejects_of(job, rejects_path)) as output:
        output.write_object(str(stats.corrupt))
    stats.bytes_rejects = rejects_path.stat().st_size
    return TransformResult(None, None, rejects_path, stats)


def _rejects_of(job: Job, path: Path) -> RejectOutput:
    return RejectOutput(
        path,
        raw_key=job.source.key,
        source_id=job.source.source_id,
        processed_ts_text=iso_millis(job.processed_ts),
    )


def _account(done: Enriched, stats: Stats) -> None:
    """Count what became of some lines, published events aside."""
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
    stats.lines += done.blank + texts


def _conserved(stats: Stats, json_rows: int, parquet_rows: int, texts: int) -> int:
    """Check that every line is accounted for; return the number of rows in both files."""
    expected = stats.lines - stats.blank - stats.rejected_lines
    if not json_rows == parquet_rows == expected or texts != stats.rejected_lines:
        raise ConservationError(
            f"{stats.lines} lines = {stats.blank} blank + {stats.rejected_lines} rejected + "
            f"{expected} published, but the files hold {json_rows} JSON rows, {parquet_rows} "
            f"Parquet rows and {texts} rejects"
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

"""What Trino 476's Hive connector reads of a file, and counts as physical input.

All of it is known of open-source Trino, from its source and by measurement; that Athena's engine
does the same is likely but said nowhere. Settings are Trino's defaults, and named as there.

Three things surprise:

- An operator that filters or projects notes its bytes when the reader hands it a page, before the
  page's columns are read. What only the last page of a split makes it read is never counted, and a
  split that yields no page counts nothing, not even its footer.
- A page starts with one row and doubles; a column is read once a row of a page needs it.
- Neighbouring ranges are read at once, with what lies between them.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from clickstream_lake.sandbox.athena.domains import Domain
from clickstream_lake.sandbox.athena.parquet_format import (
    ByteRange,
    Chunk,
    Page,
    Reader,
    RowGroup,
    Statistics,
    bloom_filter,
)

NAME: Final = "trino-476"

_KB, _MB = 1 << 10, 1 << 20
SMALL_FILE_THRESHOLD: Final = 3 * _MB  # parquet.small-file-threshold
EXPECTED_FOOTER: Final = 48 * _KB  # MetadataReader
MAX_MERGE_DISTANCE: Final = 1 * _MB  # parquet.max-merge-distance
MAX_BUFFER: Final = 8 * _MB  # parquet.max-buffer-size
MAX_DICTIONARY_VALUES: Final = 8096  # PredicateUtils; of larger ones only the reading costs
BLOOM_HEADER: Final = 64  # BloomFilterStore
DOMAIN_COMPACTION: Final = 1_000  # hive.domain-compaction-threshold
MAX_BATCH_ROWS: Final = 8 * _KB  # parquet.max-read-block-row-count
MAX_SPLIT: Final = 64 * _MB  # hive.max-split-size
MAX_INITIAL_SPLIT: Final = 32 * _MB  # hive.max-initial-split-size: half of the former
MAX_INITIAL_SPLITS: Final = 200  # hive.max-initial-splits
SMALL_TEXT: Final = 8 * _MB  # LinePageSourceFactory: read whole
TEXT_BUFFER: Final = 1 * _KB  # JsonPageSourceFactory
_TAIL: Final = 8  # a footer's length and the magic number


def splits(sizes: Sequence[int], splittable: Sequence[bool]) -> list[list[ByteRange]]:
    """Cut files into splits, in the order of their listing.

    The first splits of a table are smaller, so that the work spreads early; files are cut in turn,
    each once before any is cut again.
    """
    found: list[list[ByteRange]] = [[] for _ in sizes]
    waiting = deque((index, 0) for index, size in enumerate(sizes) if size)
    cut = 0
    while waiting:
        index, start = waiting.popleft()
        limit = MAX_INITIAL_SPLIT if cut < MAX_INITIAL_SPLITS else MAX_SPLIT
        cut += 1
        left = sizes[index] - start
        whole = left <= limit or not splittable[index] or sizes[index] <= MAX_INITIAL_SPLIT
        length = left if whole else (left // 2 if left <= 2 * limit else limit)
        found[index].append((start, start + length))
        if length < left:
            waiting.append((index, start + length))
    return found


def text_bytes(size: int, parts: Sequence[ByteRange], *, compressed: bool) -> int:
    """Count a text file: whole, and in splits up to the end of the line that begins the next.

    A split reads on until a line starts past its end. Where that is, only the data know, so half a
    buffer stands for it: 512 B of 32 MB.
    """
    if compressed or len(parts) == 1:
        return size
    return sum(
        min(-(-(end - start) // TEXT_BUFFER) * TEXT_BUFFER, size - start) for start, end in parts
    )


@dataclass(frozen=True)
class Piece:
    """A range that one column reads in one go, perhaps as part of a longer read.

    Attributes:
        read: which of the split's reads brings it.
        first_row: of the row group, that needs it; 0 for a dictionary.
    """

    read: int
    first_row: int


@dataclass(frozen=True)
class GroupPlan:
    """A row group that yields rows.

    Attributes:
        ranges: first and last rows (both included) that the page index leaves; None for all.
        pieces: by column, in the order of the file.
    """

    index: int
    rows: int
    ranges: tuple[tuple[int, int], ...] | None
    pieces: dict[str, tuple[Piece, ...]]

    @property
    def kept(self) -> int:
        """Rows that the reader yields."""
        if self.ranges is None:
            return self.rows
        return sum(last - first + 1 for first, last in self.ranges)

    def positions(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Number those rows within the row group."""
        if self.ranges is None:
            return np.arange(self.rows, dtype=np.int64)
        return np.concatenate([np.arange(a, b + 1, dtype=np.int64) for a, b in self.ranges])


@dataclass(frozen=True)
class SplitPlan:
    """All that can be known of a split before its rows are looked at.

    Attributes:
        opening: bytes read before the first page of rows.
        reads: lengths of the reads of data that follow, if their columns are needed.
        requests: GETs before the first page.
    """

    opening: int
    groups: tuple[GroupPlan, ...]
    reads: tuple[int, ...]
    requests: int

    @property
    def most(self) -> int:
        """The bytes counted if every planned read is needed."""
        return self.opening + sum(self.reads) if self.groups else 0


@dataclass
class _Opening:
    """Notes what is read while row groups are chosen."""

    read: Reader
    whole: bool
    taken: int = 0
    requests: int = 0

    def note(self, length: int) -> None:
        if not self.whole:
            self.taken += length
            self.requests += 1

    def take(self, part: ByteRange) -> bytes:
        self.note(part[1] - part[0])
        return self.read(*part)

    def take_near(self, parts: Mapping[str, ByteRange]) -> dict[str, bytes]:
        """Read ranges that lie close together at once."""
        for start, end in merged(parts.values()):
            self.note(end - start)
        return {name: self.read(*part) for name, part in parts.items()}


@dataclass(frozen=True)
class StoredFile:
    """A Parquet file, as far as its footer says.

    Attributes:
        footer: bytes of the metadata, without its length and the magic number.
        read: gives bytes; asked for indexes, dictionaries and bloom filters alone.
    """

    size: int
    footer: int
    groups: Sequence[RowGroup]
    read: Reader


def plan_split(
    file: StoredFile, split: ByteRange, columns: Sequence[str], domains: Mapping[str, Domain]
) -> SplitPlan:
    """Choose the row groups and pages of one split, as far as footer and indexes rule any out.

    Args:
        file: to be read.
        split: the part of the file whose row groups are its own.
        columns: that the scan reads, for a filter or for its output.
        domains: values that rows must have.
    """
    opening = _Opening(file.read, whole=file.size <= SMALL_FILE_THRESHOLD)
    if opening.whole:
        opening.taken, opening.requests = file.size, 1
    else:
        opening.note(min(file.size, EXPECTED_FOOTER))
        if file.footer + _TAIL > EXPECTED_FOOTER:
            opening.note(file.footer + _TAIL)
    chosen = []
    for group in file.groups:
        if split[0] <= group.start < split[1]:
            index = _PageIndex(group, columns, domains, opening)
            if _may_match(group, domains, index, opening):
                chosen.append(_Chosen(group, index, index.row_ranges()))
    groups, reads = _plan_reads(chosen, columns)
    if opening.whole:
        reads = (0,) * len(reads)
    return SplitPlan(opening.taken, groups, reads, opening.requests)


class _PageIndex:
    """The page index of one row group, read when it is asked for."""

    def __init__(
        self,
        group: RowGroup,
        columns: Sequence[str],
        domains: Mapping[str, Domain],
        opening: _Opening,
    ) -> None:
        self._group = group
        self._read = group.of(columns)
        self._domains = {name: one for name, one in domains.items() if name in self._read}
        self._opening = opening
        self._bounds: dict[str, list[Statistics]] | None = None
        self._pages: dict[str, list[Page]] | None = None
        self.is_there = bool(self._domains) and any(
            chunk.column_index and chunk.offset_index for chunk in group.chunks.values()
        )

    def bounds(self) -> dict[str, list[Statistics]]:
        """Statistics of the pages of all columns that the filter looks at."""
        if self._bounds is None:
            places = {
                name: self._read[name].column_index
                for name in self._domains
                if self._read[name].kind.comparable
            }
            bodies = self._opening.take_near({n: at for n, at in places.items() if at})
            self._bounds = {
                name: self._read[name].page_statistics(body) for name, body in bodies.items()
            }
        return self._bounds

    def pages(self) -> dict[str, list[Page]]:
        """The pages of all columns that are read."""
        if not self.is_there:
            return {}
        if self._pages is None:
            places = {name: chunk.offset_index for name, chunk in self._read.items()}
            bodies = self._opening.take_near({n: at for n, at in places.items() if at})
            self._pages = {name: self._read[name].pages(body) for name, body in bodies.items()}
        return self._pages

    def row_ranges(self) -> tuple[tuple[int, int], ...] | None:
        """The rows of pages that every domain leaves; None for all."""
        if not self.is_there:
            return None
        kept = [(0, self._group.rows - 1)]
        pages, bounds = self.pages(), self.bounds()
        for name, domain in self._domains.items():
            if name not in bounds or not kept:
                continue
            places = pages[name]
            ends = [page.first_row - 1 for page in places[1:]] + [self._group.rows - 1]
            mine = [
                (page.first_row, end)
                for page, end, known in zip(places, ends, bounds[name], strict=True)
                if _page_may_match(domain, known)
            ]
            kept = _common(kept, mine)
        return None if sum(b - a + 1 for a, b in kept) == self._group.rows else tuple(kept)


def _page_may_match(domain: Domain, known: Statistics) -> bool:
    if domain.null:  # of a page with values, Trino then keeps all
        return True
    if known.low is None and known.high is None:
        return False
    return domain.overlaps(Statistics(known.low, known.high, 0), -1)


def _common(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> list[tuple[int, int]]:
    cut = [(max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) <= min(b, d)]
    joined: list[tuple[int, int]] = []
    for first, last in cut:
        if joined and first == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _may_match(
    group: RowGroup, domains: Mapping[str, Domain], index: _PageIndex, opening: _Opening
) -> bool:
    """Decide by statistics, page index, bloom filters and dictionaries, in this order."""
    if not group.rows:
        return False
    chunks = {name: group.chunks[name] for name in domains if name in group.chunks}
    candidates = {}
    for name, chunk in chunks.items():
        if not domains[name].overlaps(chunk.statistics, chunk.values):
            return False
        if not domains[name].covers(chunk.statistics, chunk.values):
            candidates[name] = chunk
    if not candidates:
        return True
    if index.is_there:
        for name, chunk in candidates.items():
            pages = index.bounds().get(name) if chunk.kind.comparable else None
            if pages and not _some_page_matches(domains[name], pages):
                return False
    return all(
        _bloom_may_match(domains[name], chunk, opening) for name, chunk in candidates.items()
    ) and all(
        _dictionary_may_match(domains[name], chunk, opening) for name, chunk in candidates.items()
    )


def _some_page_matches(domain: Domain, pages: Sequence[Statistics]) -> bool:
    if domain.null and any(page.nulls is None or page.nulls for page in pages):
        return True
    return any(
        domain.overlaps(Statistics(page.low, page.high, 0), -1)
        for page in pages
        if page.low is not None or page.high is not None
    )


def _bloom_may_match(domain: Domain, chunk: Chunk, opening: _Opening) -> bool:
    points = domain.points
    if points is None and chunk.kind.is_whole_number:
        points = domain.whole_numbers(DOMAIN_COMPACTION)
    if chunk.bloom_filter is None or domain.null or points is None:
        return True
    start = chunk.bloom_filter
    found = bloom_filter(opening.take((start, start + BLOOM_HEADER)))
    if found is None:
        return True
    bits = opening.take((start + found.header, start + found.header + found.size))
    return any(found.may_hold(bits, point, chunk.kind) for point in points)


def _dictionary_may_match(domain: Domain, chunk: Chunk, opening: _Opening) -> bool:
    if chunk.dictionary is None:
        return True
    values = chunk.dictionary_values(opening.take(chunk.dictionary), MAX_DICTIONARY_VALUES)
    nulls = chunk.statistics is None or chunk.statistics.nulls != 0
    return values is None or domain.overlaps_any(values, null=nulls)


@dataclass(frozen=True)
class _Chosen:
    """A row group that nothing rules out, with the rows that its page index leaves."""

    group: RowGroup
    index: _PageIndex
    ranges: tuple[tuple[int, int], ...] | None


def _plan_reads(
    chosen: Sequence[_Chosen], columns: Sequence[str]
) -> tuple[tuple[GroupPlan, ...], tuple[int, ...]]:
    """Turn chunks and pages into reads: merged where they are close, cut where they are long."""
    wanted: list[tuple[ByteRange, int, str, int]] = []
    short: list[ByteRange] = []
    long: list[ByteRange] = []  # neither these nor what is left at their ends is merged
    for number, one in enumerate(chosen):
        for name, chunk in one.group.of(columns).items():
            pages = one.index.pages().get(name, [])
            whole = [(chunk.range, 0)]
            parts = whole if one.ranges is None else _page_runs(chunk, pages, one.ranges)
            for part, first_row in parts:
                buffers = list(_pieces(part))
                (short if len(buffers) == 1 else long).extend(buffers)
                for piece in buffers:
                    row = _row_at(piece[0], chunk, one.group, pages) if piece != part else 0
                    wanted.append((piece, number, name, max(first_row, row)))
    spans = sorted({*merged(short), *long})
    starts = [start for start, _ in spans]
    pieces: list[dict[str, list[Piece]]] = [{} for _ in chosen]
    for part, number, name, first_row in sorted(wanted):
        read = bisect_right(starts, part[0]) - 1
        pieces[number].setdefault(name.split(".", 1)[0], []).append(Piece(read, first_row))
    groups = (
        GroupPlan(
            one.group.index, one.group.rows, one.ranges, {n: tuple(p) for n, p in found.items()}
        )
        for one, found in zip(chosen, pieces, strict=True)
    )
    yielding = tuple(group for group in groups if group.kept)
    return yielding, tuple(end - start for start, end in spans)


def _page_runs(
    chunk: Chunk, pages: Sequence[Page], kept: Sequence[tuple[int, int]]
) -> list[tuple[ByteRange, int]]:
    """The dictionary and the pages that overlap the kept rows, neighbours joined."""
    runs: list[tuple[ByteRange, int]] = []
    for number, page in enumerate(pages):
        after = pages[number + 1].first_row if number + 1 < len(pages) else 1 << 62
        if not any(first < after and last >= page.first_row for first, last in kept):
            continue
        if runs and runs[-1][0][1] == page.start:
            runs[-1] = ((runs[-1][0][0], page.end), runs[-1][1])
        else:
            runs.append(((page.start, page.end), page.first_row))
    if runs and chunk.start < pages[0].start:
        return [((chunk.start, pages[0].start), 0), *runs]
    return runs


def _pieces(part: ByteRange) -> Iterator[ByteRange]:
    """Cut a range into buffers."""
    for start in range(part[0], part[1], MAX_BUFFER):
        yield start, min(start + MAX_BUFFER, part[1])


def _row_at(at: int, chunk: Chunk, group: RowGroup, pages: Sequence[Page] | None) -> int:
    """The first row that needs the byte at a place: known by pages, else by its share."""
    if pages:
        return max((page.first_row for page in pages if page.start <= at), default=0)
    start, end = chunk.range
    return (at - start) * group.rows // max(1, end - start)


def merged(parts: Iterable[ByteRange]) -> list[ByteRange]:
    """Join ranges that are close, as long as the result fits a buffer."""
    joined: list[ByteRange] = []
    for start, end in sorted(parts):
        last = joined[-1] if joined else None
        if (
            last
            and max(end, last[1]) - last[0] <= MAX_BUFFER
            and last[1] + MAX_MERGE_DISTANCE >= start
        ):
            joined[-1] = (last[0], max(end, last[1]))
        else:
            joined.append((start, end))
    return joined


def counted(
    split: SplitPlan,
    stages: Sequence[Sequence[str]],
    passed: Sequence["np.ndarray[tuple[int], np.dtype[np.int64]]"],
    *,
    at_once: bool,
) -> int:
    """Count a split once it is known which rows pass which condition.

    Args:
        split: what was planned.
        stages: columns that each condition needs, in the order of evaluation, and at last
            those that the output needs.
        passed: for each row group, how many conditions each of its rows passes.
        at_once: whether the scan hands on whole pages, without a condition or an expression.
    """
    total, waiting, size = split.opening, 0, 1
    done: set[int] = set()
    for group, known in zip(split.groups, passed, strict=True):
        rows = group.positions()
        at = 0
        while at < len(rows):
            total, waiting = total + waiting, 0
            batch = rows[at : at + size]
            at, size = at + size, min(2 * size, MAX_BATCH_ROWS)
            reach = int(known[batch].max())
            for column in {name for stage in stages[: reach + 1] for name in stage}:
                for piece in group.pieces.get(column, ()):
                    if piece.first_row <= batch[-1] and piece.read not in done:
                        done.add(piece.read)
                        waiting += split.reads[piece.read]
    if not split.groups:
        return 0
    return total + waiting if at_once else total

"""Look at raw zone, tables and rejects of a partition, and write down what is there."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, Final

from clickstream_lake.compact.merge.rows import reader_of
from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.errors import LakeError, PartitionMovedError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Generation, Lake, is_copy
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Partition, Slot, source_id_of
from clickstream_lake.lake.manifest import MergedSource
from clickstream_lake.lake.untaken import RoutedTo, raw_objects, rejected_whole
from clickstream_lake.operate.audit.views import PartitionView, Raw, Shown, TableView

_AT_A_TIME: Final = 16
_STARTS: Final = 5


class AuditReader:
    """Reads partitions of one lake and changes nothing."""

    def __init__(
        self,
        lake: Lake,
        catalog: Catalog,
        *,
        routed: RoutedTo | None = None,
        deep: bool = False,
        workers: int = _AT_A_TIME,
    ) -> None:
        """Read a lake.

        Args:
            lake: the lake.
            catalog: its catalog.
            routed: what its stream says, if it is that of a family that events are routed to.
            deep: count the rows in every file instead of trusting its figures.
            workers: calls at the same time.
        """
        self._routed = routed
        self._lake = lake
        self._catalog = catalog
        self._deep = deep
        self._workers = workers

    def partitions(self, *, since: date | None = None) -> list[Partition]:
        """Every partition that has raw objects or is registered, in order.

        Args:
            since: leave out older ones; partitions without a readable date stay.
        """
        layout, lake = self._lake.layout, self._lake
        found = {
            partition for fmt in FORMATS for partition, _ in lake.partitions.list(lake.tables[fmt])
        }
        found |= {source.partition for source, _ in raw_objects(lake, layout.raw_prefix)}
        return sorted(p for p in found if since is None or (p.date or since) >= since)

    def read(self, partition: Partition) -> PartitionView:
        """Look at one partition.

        Raises:
            PartitionMovedError: it kept moving while it was read.
            LakeError: S3 or Glue failed.
        """
        # The tables first: a raw object that arrives in between is young, so it is pending.
        tables: dict[Format, TableView] = {
            fmt: self._table(Slot(fmt, partition)) for fmt in FORMATS
        }
        raws = dict(self._raws(partition))
        rejects = list(self._lake.store.list(self._lake.layout.reject_dir(partition)))
        absent = {s for s in raws if not any(s in tables[fmt].shown for fmt in FORMATS)}
        whole, events = rejected_whole(self._lake, rejects, absent), None
        if self._routed is not None:
            events = self._routed.events(partition, raws.keys())
            whole = self._routed.rejected_whole(partition, absent - events.keys())
        return PartitionView(
            partition=partition.path,
            raws=raws,
            tables=tables,
            rejects=dict(self._rejects(rejects)),
            rejected_whole=frozenset(whole),
            rejects_registered=self._lake.partitions.get(self._lake.tables["rejects"], partition)
            is not None,
            events=events,
        )

    def _raws(self, partition: Partition) -> Iterator[tuple[str, Raw]]:
        prefix = f"{self._lake.layout.raw_prefix}{partition.path}/"
        for source, info in raw_objects(self._lake, prefix):
            if source.partition == partition:
                yield source.source_id, Raw(info.key, info.etag, info.last_modified)

    def _table(self, slot: Slot) -> TableView:
        for _ in range(_STARTS):
            before = self._lake.state(slot)
            try:
                view = self._look(slot)
            except PartitionMovedError:
                continue
            if before == self._lake.state(slot):
                return view
        raise PartitionMovedError(f"{slot.path} kept moving: audit it again later")

    def _look(self, slot: Slot) -> TableView:
        lake = self._lake
        state = lake.state(slot)
        landing = lake.landing_files(slot)
        landed = frozenset(s for info in landing if (s := source_id_of(info.key)))
        if state is None:
            return TableView(slot.format, registered=False, hidden=landed)
        try:
            current = lake.at(slot, state.location)
        except PartitionMovedError:
            raise
        except LakeError as error:
            return TableView(slot.format, registered=True, damage=str(error), hidden=landed)
        files = lake.files_of(current) if current else landing
        merged = {file.name for file in current.manifest.files} if current else set[str]()
        base = current.directory if current else lake.layout.landing_dir(slot)
        loose = [info for info in files if info.key.removeprefix(base) not in merged]
        shown = self._shown(loose, current)
        return TableView(
            format=slot.format,
            registered=True,
            shown=shown,
            hidden=self._hidden(slot, current, landing, loose),
            foreign=tuple(info.key for info in loose if source_id_of(info.key) is None),
            broken=tuple(self._broken(slot.format, files, current, shown)),
            drift=self._drift(slot),
        )

    def _shown(
        self, loose: Sequence[ObjectInfo], current: Generation | None
    ) -> dict[str, tuple[Shown, ...]]:
        shown: dict[str, tuple[Shown, ...]] = {}
        for source, entry in current.manifest.sources.items() if current else ():
            shown[source] = (_shown(entry),)
        own = [info for info in loose if source_id_of(info.key)]
        with ThreadPoolExecutor(self._workers) as pool:
            heads = pool.map(lambda info: self._lake.store.head(info.key), own)
            for info, head in zip(own, heads, strict=True):
                source = str(source_id_of(info.key))
                figures = LandingMetadata.from_s3(head.metadata) if head else None
                shown[source] = (*shown.get(source, ()), _shown(figures, info.key))
        return shown

    def _hidden(
        self,
        slot: Slot,
        current: Generation | None,
        landing: Iterable[ObjectInfo],
        loose: Iterable[ObjectInfo],
    ) -> frozenset[str]:
        if current is None:
            return frozenset()
        held = {info.key.removeprefix(current.directory): info for info in loose}
        return frozenset(
            source
            for info in landing
            if (source := source_id_of(info.key)) is not None
            and not current.names(info.key)
            and not is_copy(held.get(self._lake.name_of(slot, info.key)), info)
        )

    def _broken(
        self,
        fmt: Format,
        files: Sequence[ObjectInfo],
        current: Generation | None,
        shown: dict[str, tuple[Shown, ...]],
    ) -> Iterator[str]:
        found = {info.key: info for info in files}
        expected: dict[str, int | None] = {
            each.file: each.rows for places in shown.values() for each in places if each.file
        }
        for file in current.manifest.files if current else ():
            key = f"{current.directory if current else ''}{file.name}"
            if key not in found:
                yield f"{key}: the manifest names it, but it is not there"
            elif found[key].size != file.bytes:
                yield f"{key}: it has {found[key].size} bytes, and {file.bytes} by the manifest"
            else:
                expected[key] = file.rows
        if self._deep:
            yield from self._miscounted(fmt, expected)

    def _miscounted(self, fmt: Format, expected: dict[str, int | None]) -> Iterator[str]:
        reader = reader_of(fmt)
        for key, rows in expected.items():
            try:
                counted = reader.count(self._lake.store.read(key))
            except (OSError, EOFError, ValueError) as error:  # pyarrow's errors are ValueErrors
                yield f"{key}: it cannot be read: {type(error).__name__}"
                continue
            if counted != rows:
                yield f"{key}: it has {counted} rows, and {rows} by its figures"

    def _drift(self, slot: Slot) -> str:
        table = self._lake.tables[slot.format]
        columns = _names_and_types(self._lake.partitions.columns(table))
        wanted = _names_and_types(self._catalog.tables[slot.format].glue_columns())
        if columns != wanted:
            return f"{table} has other columns than the catalog: {_difference(columns, wanted)}"
        own = _names_and_types(self._lake.partitions.columns(table, slot.partition))
        if own != columns:
            return f"the partition has other columns than {table}: {_difference(own, columns)}"
        return ""

    def _rejects(self, rejects: Iterable[ObjectInfo]) -> Iterator[tuple[str, int]]:
        for info in rejects:
            source = source_id_of(info.key)
            if source is not None:
                rows = self._lake.store.read(info.key).splitlines() if info.size else []
                # Rows from before there were tallies stand for one text each.
                yield source, sum(json.loads(row).get("texts", 1) for row in rows)


def _shown(figures: LandingMetadata | MergedSource | None, file: str = "") -> Shown:
    if figures is None:
        return Shown(file)
    return Shown(
        file=file,
        raw_etag=figures.raw_etag,
        processed_ts=figures.processed_ts,
        rows=figures.rows,
        lines=figures.lines,
        blank=figures.blank,
        rejected=figures.rejected,
        routed=sum(figures.routed.values()),
        recipe=figures.recipe,
    )


def _names_and_types(columns: Iterable[Any]) -> list[tuple[str, str]]:
    return [(column["Name"], column["Type"]) for column in columns]


def _difference(found: list[tuple[str, str]], wanted: list[tuple[str, str]]) -> str:
    extra = [" ".join(column) for column in found if column not in wanted]
    missing = [" ".join(column) for column in wanted if column not in found]
    return f"more: {', '.join(extra) or 'none'}; missing: {', '.join(missing) or 'none'}"

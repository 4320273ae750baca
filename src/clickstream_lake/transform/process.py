"""One raw object, from S3 to visible in all tables. Repeating it changes nothing more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.errors import (
    DeadlineError,
    PartitionMovedError,
    RawReplacedError,
    SupersededError,
)
from clickstream_lake.lake.formats import FORMATS, Format, first_format
from clickstream_lake.lake.landing import LandingFile, LandingMetadata
from clickstream_lake.lake.layout import Source
from clickstream_lake.lake.publish import (
    Presence,
    Published,
    Publisher,
    PublishOutcome,
)
from clickstream_lake.lake.recipe import RULES, Recipe
from clickstream_lake.lake.room import disk_errors
from clickstream_lake.lake.routes import Family, Routing
from clickstream_lake.lake.routings import Routings
from clickstream_lake.transform.core import (
    Job,
    Stats,
    TransformResult,
    iso_millis,
    transform_stream,
)
from clickstream_lake.transform.read.gunzip import Readable
from clickstream_lake.transform.write.output import writers

# A restart means that another invocation of the same source, or new content of the same key, came
# in between: one or two restarts settle either.
_STARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one raw object.

    Attributes:
        outcomes: what publishing came to, by format; empty where the object was rejected whole.
        stats: None if a redelivered object was merged long ago and was not read again.
        families: the account of each family that events were routed to, by name.
        seconds: wall time.
    """

    source: Source
    outcomes: dict[Format, PublishOutcome]
    stats: Stats | None
    seconds: float = field(compare=False)
    families: Mapping[str, Stats] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """The tables show an earlier content of this raw key, which compaction has merged."""
        return PublishOutcome.STALE in self.outcomes.values()

    def as_log(self) -> dict[str, Any]:
        """Keys and counts for the log."""
        return {
            "raw_key": self.source.key,
            "source_id": self.source.source_id,
            "outcomes": {fmt: outcome.value for fmt, outcome in self.outcomes.items()},
            "seconds": round(self.seconds, 3),
            **(self.stats.plain() if self.stats else {}),
            **self._of_families(),
        }

    def _of_families(self) -> dict[str, Any]:
        families = {name: stats.plain() for name, stats in self.families.items()}
        return {"families": families} if families else {}


class RawObjectProcessor:
    """Transforms the raw objects of one lake and makes them visible."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        publisher: Publisher,
        catalogs: Catalogs,
        routings: Routings | None = None,
        config: Config,
        now: Callable[[], datetime],
        scratch: Path | None = None,
    ) -> None:
        """Work on one lake.

        Args:
            store: the lake's bucket.
            publisher: makes landing files visible.
            catalogs: the own one says columns and PII keys; others have made files before.
            routings: the own one says which events are of other families; None routes none.
            config: layout, limits and output options.
            now: the clock; asked once per invocation.
            scratch: where temporary files go; the system's choice if None.
        """
        self._store = store
        self._publisher = publisher
        self._catalogs = catalogs
        self._routings = routings
        self._publishers: dict[int, Publisher] = {}
        self._config = config
        self._now = now
        self._scratch = scratch
        writers()  # which are loaded as a function starts, and not for its first object

    def process(self, raw_key: str, check: Callable[[], None] = lambda: None) -> Report:
        """Transform and publish one raw object.

        Args:
            raw_key: which one.
            check: raises `DeadlineError` once there is no more time for it; asked all along.

        Raises:
            DeadlineError: `check` did; no scratch file is left, and a retry does no harm.
            NoRoomError: the disk is full.
            LayoutError: the key is not one of this lake's raw keys.
            ObjectMissingError: there is no such object.
            LakeError: S3 or Glue failed, or the counts do not add up; nothing is acknowledged.
        """
        start = perf_counter()
        source = self._config.layout.source(raw_key)
        moment = self._now()
        for _ in range(_STARTS):
            check()
            try:
                outcomes, result = self._attempt(source, moment, check)
            except (SupersededError, RawReplacedError):
                continue  # the next attempt looks up what is there now
            else:
                seconds = perf_counter() - start
                if result is None:
                    return Report(source, outcomes, None, seconds)
                families = {name: each.stats for name, each in result.families.items()}
                return Report(source, outcomes, result.stats, seconds, families)
        raise PartitionMovedError(f"{raw_key!r} keeps changing while it is transformed")

    def _attempt(
        self, source: Source, moment: datetime, check: Callable[[], None]
    ) -> tuple[dict[Format, PublishOutcome], TransformResult | None]:
        with self._store.open(source.key) as (info, body):
            present = self._publisher.lookup(source)
            if _all_merged(present, info.etag) and self._families_have(source, present):
                return dict.fromkeys(FORMATS, PublishOutcome.ALREADY_MERGED), None
            first = _first(present, info.etag)
            raw = _Watched(body, check)
            job = Job(
                source,
                self._catalog(first),
                self._config.limits,
                self._config.output,
                _moment(first) or moment,
                check,
                self._routing(first),
            )
            try:
                with (
                    disk_errors(source.key),
                    TemporaryDirectory(dir=self._scratch, prefix="transform-") as folder,
                ):
                    result = transform_stream(raw, job, Path(folder))
                    # What an earlier attempt has left in a family, this one may have to replace.
                    again = _is_anywhere(present)
                    return self._publish(source, info.etag, job, result, again=again), result
            except DeadlineError as error:
                raise DeadlineError(
                    f"{source.key!r} was given up when the time was over, with {raw.count:,} of "
                    f"its {info.size:,} bytes read. Give the function more memory (up to 1769 MB, "
                    "which brings CPU) or time, or let Firehose write smaller objects"
                ) from error

    def _catalog(self, first: Published | None) -> Catalog:
        """What a source is transformed by: what its first attempt had, or else the own one."""
        if first is not None and first.recipe.is_known:
            return self._catalogs.of(first.recipe.catalog)
        self._catalogs.keep()  # whoever retries what is begun here needs it
        return self._catalogs.own

    def _routing(self, first: Published | None) -> Routing | None:
        """How a source's events are routed: as in its first attempt, or else by the own routes."""
        if self._routings is None:
            return None
        if first is not None and first.recipe.is_known:
            return self._routings.of(first.recipe.routes)
        self._routings.keep()
        return self._routings.own

    def _publisher_of(self, family: Family) -> Publisher:
        assert self._routings is not None  # noqa: S101 - who has a family has routes
        lake = self._routings.lake_of(family)
        return self._publishers.setdefault(id(lake), Publisher(lake))

    def _families_have(self, source: Source, present: dict[Format, Published]) -> bool:
        """Whether each family shows what the own one says that it has of a source."""
        told = present[first_format()]
        routing = self._routings.of(told.recipe.routes) if self._routings else None
        for family in routing.families if routing else ():
            if told.routed.get(family.name):
                there = self._publisher_of(family).lookup(source)
                if not _all_merged(there, told.raw_etag):
                    return False
        return True

    def _publish(
        self, source: Source, raw_etag: str, job: Job, result: TransformResult, *, again: bool
    ) -> dict[Format, PublishOutcome]:
        """Publish the own family, whose first landing file decides, and then the others."""
        routes = job.routing.sha256 if job.routing else ""
        own = Recipe(job.catalog.sha256, rules=RULES, routes=routes)
        outcomes = self._publish_one(
            self._publisher, source, raw_etag, own, job, result, job.catalog
        )
        # Rejected whole, there is nothing for anybody. And where the own family stays as it is,
        # because an earlier content is merged, so do the others.
        goes_on = outcomes and PublishOutcome.STALE not in outcomes.values()
        for family in job.routing.families if job.routing and goes_on else ():
            publisher, of = self._publisher_of(family), result.families[family.name]
            if of.stats.lines or (again and _is_anywhere(publisher.lookup(source))):
                recipe = Recipe(family.catalog.sha256, rules=RULES)
                found = self._publish_one(
                    publisher, source, raw_etag, recipe, job, of, family.catalog
                )
                stale = (fmt for fmt in found if found[fmt] is PublishOutcome.STALE)
                outcomes |= dict.fromkeys(stale, PublishOutcome.STALE)
        return outcomes

    def _publish_one(  # noqa: PLR0917 - one family's part of the above
        self,
        publisher: Publisher,
        source: Source,
        raw_etag: str,
        recipe: Recipe,
        job: Job,
        result: TransformResult,
        catalog: Catalog,
    ) -> dict[Format, PublishOutcome]:
        stats = result.stats
        publisher.publish_rejects(source, result.rejects, rejected=stats.rejected_lines)
        metadata = LandingMetadata(
            raw_key=source.key,
            raw_etag=raw_etag,
            rows=stats.published,
            lines=stats.lines,
            blank=stats.blank,
            rejected=stats.rejected_lines,
            processed_ts=iso_millis(job.processed_ts),
            recipe=recipe,
            routed=stats.routed,
        )
        columns = frozenset(column.name for column in catalog.columns)
        outcomes: dict[Format, PublishOutcome] = {}
        for fmt, path in result.files.items():
            job.check()
            file = LandingFile(path, metadata, path.suffix == ".gz", columns)
            outcomes[fmt] = publisher.publish(fmt, source, file)
        return outcomes


class _Watched:
    """A raw object whose reading asks for the time; `count` bytes of it were read."""

    def __init__(self, raw: Readable, check: Callable[[], None]) -> None:
        self._raw = raw
        self._check = check
        self.count = 0

    def read(self, size: int, /) -> bytes:
        self._check()
        data = self._raw.read(size)
        self.count += len(data)
        return data


def _is_anywhere(present: dict[Format, Published]) -> bool:
    return any(each.presence is not Presence.ABSENT for each in present.values())


def _all_merged(present: dict[Format, Published], raw_etag: str | None) -> bool:
    return all(
        there.presence is Presence.MERGED and there.raw_etag == raw_etag
        for there in present.values()
    )


def _first(present: dict[Format, Published], raw_etag: str) -> Published | None:
    """What an earlier attempt at the same content has left, which decides for all formats."""
    found = (there for there in present.values() if there.raw_etag == raw_etag)
    return next((there for there in found if there.processed_ts is not None), None)


def _moment(first: Published | None) -> datetime | None:
    return datetime.fromisoformat(first.processed_ts) if first and first.processed_ts else None

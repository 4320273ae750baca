"""Add columns by itself for fields that producers have been sending for long.

In three steps that each stand alone, so that a run may end anywhere: a column goes into the
overlay; functions take it from there within minutes; and when all of them have, the tables get it.
Until then no file is read by a column that some writer does not know.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clickstream_lake.lake.accounts import accounts, partitions_between
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.overlay import Overlay, overlaid
from clickstream_lake.lake.proposals import Proposal, propose
from clickstream_lake.lake.undeclared import total

_LEAST_SAMPLED: Final = 20
"""Rows that were looked at, to tell the type of anything."""


@dataclass(frozen=True, slots=True)
class EvolutionReport:
    """What one step did.

    Attributes:
        added: columns that went into the overlay: name and type.
        declared: columns that tables have got: table and name.
    """

    added: tuple[str, ...]
    declared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evolution:
    """Adds columns to one lake.

    Attributes:
        catalog: the one that was deployed.
    """

    lake: Lake
    catalog: Catalog
    config: Config

    def step(self, now: datetime) -> EvolutionReport:
        """Add what is due to the overlay, and to the tables what has been there for long enough.

        Raises:
            LakeError: S3 or Glue failed, or a manifest is damaged; the next step goes on.
        """
        overlay = Overlay(self.lake.store, self.config.layout)
        declared = self._declare(overlay, now)
        return EvolutionReport(self._add(overlay, now), declared)

    def _declare(self, overlay: Overlay, now: datetime) -> tuple[str, ...]:
        delay = timedelta(seconds=self.config.compact.evolution_delay_seconds)
        known = [each for each in overlay.columns() if each.at + delay <= now]
        names = {each.name for each in known}
        catalog = overlaid(self.catalog, known, self.config.layout.partition_keys)
        declared = []
        for fmt in FORMATS:
            table = self.lake.tables[fmt]
            columns = [
                column for column in catalog.tables[fmt].glue_columns() if column["Name"] in names
            ]
            if columns:
                added = self.lake.partitions.add_columns(table, columns)
                declared += [f"{table}.{name}" for name in added]
        return tuple(declared)

    def _add(self, overlay: Overlay, now: datetime) -> tuple[str, ...]:
        settings = self.config.compact
        columns = overlay.columns()
        keys = self.config.layout.partition_keys
        catalog = overlaid(self.catalog, columns, keys)
        # What a person has taken over into the file makes room for more.
        has = {column.name for column in self.catalog.columns}
        room = settings.evolution_columns - sum(each.name not in has for each in columns)
        if room <= 0:
            return ()
        days = max(settings.lookback_days, settings.evolution_hours // 24 + 1)
        since = (now - timedelta(days=days)).date()
        account = total(accounts(self.lake, partitions_between(self.lake, since, None)))
        if account.sampled < _LEAST_SAMPLED:
            return ()
        due = [each for each in propose(account, catalog, keys) if self._is_due(each, now)][:room]
        for each in due:
            why = f"{each.name}: in {each.share:.2%} of events since {each.since}"
            overlay.add(each.name, each.type, each.time_formats, now, why)
        return tuple(f"{each.name} {each.type}" for each in due)

    def _is_due(self, each: Proposal, now: datetime) -> bool:
        settings = self.config.compact
        sent_for = now - datetime.fromisoformat(each.since)
        return (
            not each.obstacle
            and not each.suspicions
            and each.share * 100 >= settings.evolution_percent
            and sent_for >= timedelta(hours=settings.evolution_hours)
        )

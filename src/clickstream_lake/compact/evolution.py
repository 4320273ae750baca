"""Add columns by itself for fields that producers have been sending for long.

In three steps that each stand alone, so that a run may end anywhere: a column goes into the
overlay; functions take it from there within minutes; and when all of them have, the tables get it.
Until then no file is read by a column that some writer does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clickstream_lake.lake.accounts import accounts, partitions_between
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.errors import CatalogError, LakeError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.overlay import Added, Overlay, overlaid
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
        failure: why it did not come to its end; empty if it did. The next step goes on from there.
    """

    added: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    failure: str = ""


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
        """Add what is due to the overlay, and to the tables what has been there for long enough."""
        added: list[str] = []
        declared: list[str] = []
        failure = ""
        try:
            overlay = Overlay(self.lake.store, self.config.layout)
            columns = overlay.columns(strict=True)
            self._declare(columns, now, declared)
            self._add(overlay, columns, now, added)
        except LakeError as error:
            # What was done before it failed is done, and has to be told.
            failure = str(error)
        return EvolutionReport(tuple(added), tuple(declared), failure)

    def _declare(self, columns: Sequence[Added], now: datetime, declared: list[str]) -> None:
        delay = timedelta(seconds=self.config.compact.evolution_delay_seconds)
        names = {each.name for each in columns if each.at + delay <= now}
        catalog = overlaid(self.catalog, columns, self.config.layout.partition_keys)
        due = {
            fmt: [each for each in catalog.tables[fmt].glue_columns() if each["Name"] in names]
            for fmt in FORMATS
        }
        for fmt in FORMATS:
            self._check(fmt, catalog, due[fmt])
        for fmt in FORMATS:
            table = self.lake.tables[fmt]
            added = self.lake.partitions.add_columns(table, due[fmt]) if due[fmt] else ()
            declared += [f"{table}.{name}" for name in added]

    def _check(self, fmt: Format, catalog: Catalog, due: Sequence[Mapping[str, str]]) -> None:
        """Make sure that a table with the columns that are due will be as the catalog says.

        It is not while a deployment is under way, where somebody has changed it, or has deleted
        an object of the overlay: a column at a wrong place would stay there for ever.
        """
        table = self.lake.tables[fmt]
        has = self.lake.partitions.declared(table)
        names = {name for name, _ in has}
        will = [*has, *((each["Name"], each["Type"]) for each in due if each["Name"] not in names)]
        wanted = catalog.tables[fmt].declared
        own = self.catalog.tables[fmt].declared
        if will == [column for column in wanted if column in will] and {*own} <= {*has}:
            return
        odd = {*will} - {*wanted} | ({*own} - {*has})
        raise CatalogError(
            f"the table {table} and its catalog, with what was added, do not agree on "
            f"{', '.join(sorted({name for name, _ in odd})) or 'the order of columns'}: nothing "
            "is added until they do. `clickstream catalog diff` compares them"
        )

    def _add(
        self, overlay: Overlay, columns: Sequence[Added], now: datetime, added: list[str]
    ) -> None:
        settings = self.config.compact
        keys = self.config.layout.partition_keys
        # What a person has taken over into the file makes room for more.
        has = {column.name for column in self.catalog.columns}
        room = settings.evolution_columns - sum(each.name not in has for each in columns)
        # Tables have columns by their day: one of today would move one of a later day.
        ahead = any(column.added > f"{now:%Y-%m-%d}" for column in self.catalog.columns)
        if room <= 0 or ahead:
            return
        days = max(settings.lookback_days, settings.evolution_hours // 24 + 1)
        since = (now - timedelta(days=days)).date()
        account = total(accounts(self.lake, partitions_between(self.lake, since, None)))
        if account.sampled < _LEAST_SAMPLED:
            return
        proposals = propose(account, overlaid(self.catalog, columns, keys), keys)
        for each in [each for each in proposals if self._is_due(each, now)][:room]:
            why = f"{each.name}: in {each.share:.2%} of events since {each.since}"
            overlay.add(each.name, each.type, each.time_formats, now, why)
            added.append(f"{each.name} {each.type}")

    def _is_due(self, each: Proposal, now: datetime) -> bool:
        settings = self.config.compact
        sent_for = now - datetime.fromisoformat(each.since)
        return (
            not each.obstacle
            and not each.suspicions
            and each.share * 100 >= settings.evolution_percent
            and sent_for >= timedelta(hours=settings.evolution_hours)
        )

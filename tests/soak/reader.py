"""A reader that queries both tables all along and holds every answer against what it must show."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from clickstream_lake.operate import query as athena_query

if TYPE_CHECKING:
    from clickstream_lake.sandbox.sandbox import Sandbox
    from tests.soak.ledger import Ledger

TABLES: Final = ("clickstream_events", "clickstream_events_parquet")
_API_EVERY: Final = 4
_SHOWN: Final = 10


@dataclass(slots=True)
class Expectations:
    """Which event belongs to which source, and how many rows each source has to show.

    Events are entered before they are sent.
    """

    source_of: dict[str, int] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)

    def add(self, number: int, events: Mapping[str, object]) -> None:
        """Expect a batch."""
        self.rows[number] = len(events)
        self.source_of.update(dict.fromkeys(events, number))


class Reader(threading.Thread):
    """Queries, checks, pauses, and starts over until it is told to end.

    An acknowledged source shows all its rows in every query that starts after. A source never shows
    a part of its rows, and no event ever shows twice. A row may show before its source is
    acknowledged; whether it may go again is a figure here, not a promise.
    """

    def __init__(
        self, sandbox: "Sandbox", ledger: "Ledger", expected: Expectations, *, pause: float
    ) -> None:
        """Read the sandbox's tables, with `pause` seconds between two rounds."""
        super().__init__(name="soak-reader", daemon=True)
        self._sandbox = sandbox
        self._ledger = ledger
        self._expected = expected
        self._pause = pause
        self._ending = threading.Event()
        self._seen: dict[str, set[int]] = defaultdict(set)
        self.queries = 0
        self.rows_read = 0
        self.errors: list[str] = []
        self.breaches: list[str] = []
        self.shown_early = 0
        self.gone_unacknowledged = 0

    def run(self) -> None:
        """Query until told to end."""
        rounds = 0
        while not self._ending.is_set():
            for table in TABLES:
                self._guarded(table, by_api=rounds % _API_EVERY == _API_EVERY - 1)
            rounds += 1
            self._ending.wait(self._pause)

    @property
    def asked(self) -> int:
        """Queries that have come to an end."""
        return self.queries

    def finish(self) -> None:
        """End after the query that is running, however long it takes."""
        self._ending.set()
        self.join()

    def _guarded(self, table: str, *, by_api: bool) -> None:
        try:
            if by_api:
                self._count(table)
            else:
                self._look(table)
        except Exception as error:  # noqa: BLE001 - any error of a query is what is looked for
            self.errors.append(f"{table}: {type(error).__name__}: {error}"[:2000])
        self.queries += 1

    def _count(self, table: str) -> None:
        """Through the Athena API: all rows are different ones."""
        sql = f"SELECT COUNT(*), COUNT(DISTINCT event_id) FROM {table}"  # noqa: S608 - our own names
        sandbox = self._sandbox
        answer = athena_query.run(
            sandbox.clients.athena, sql, database=sandbox.database, workgroup=sandbox.workgroup
        )
        rows, different = answer.rows[0]
        if rows != different:
            self.breaches.append(f"{table}: {rows} rows, but {different} event ids")

    def _look(self, table: str) -> None:
        acknowledged = self._ledger.acknowledged()
        answer = self._sandbox.engine.execute(
            f"SELECT event_id FROM {table}",  # noqa: S608 - our own names
            self._sandbox.database,
        )
        ids = answer.table.column(0).to_pylist()
        self.rows_read += len(ids)
        self._judge(table, ids, acknowledged)

    def _judge(self, table: str, ids: list[str], acknowledged: set[int]) -> None:
        expected = self._expected
        if len(set(ids)) != len(ids):
            twice = [each for each, count in Counter(ids).items() if count > 1]
            self._breach(table, "shown twice", twice)
        unknown = [each for each in ids if each not in expected.source_of]
        if unknown:
            self._breach(table, "never sent", unknown)
        shown = Counter(expected.source_of[each] for each in set(ids) - set(unknown))
        partly = [n for n, rows in shown.items() if rows != expected.rows[n]]
        if partly:
            self._breach(table, "sources shown in part", partly)
        missing = [n for n in acknowledged if shown[n] != expected.rows[n]]
        if missing:
            self._breach(table, "acknowledged sources not shown", missing)
        seen = self._seen[table]
        self.gone_unacknowledged += len(seen - shown.keys() - acknowledged)
        self.shown_early += len(shown.keys() - seen - acknowledged)
        seen |= shown.keys()

    def _breach(self, table: str, what: str, which: list[int] | list[str]) -> None:
        some = ", ".join(map(str, sorted(which, key=str)[:_SHOWN]))
        self.breaches.append(f"{table}: {what}: {len(which)}: {some}")

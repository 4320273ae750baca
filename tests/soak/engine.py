"""Readers that ask the engine itself, several at once, while the lake changes under them.

Every answer is held against what is known before the query starts and after it ends: rows of
acknowledged sources have to be in it, rows that were never sent must not be, none twice.
"""

import itertools
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.soak.reader import TABLES, Expectations, Reader

if TYPE_CHECKING:
    from clickstream_lake.engine.client import Client
    from clickstream_lake.sandbox.sandbox import Sandbox
    from tests.soak.ledger import Ledger

JSON, PARQUET = TABLES
_BUCKETS: Final = 16
_NUMBER: Final = "crc32(to_utf8(event_id))"

Rows = list[list[Any]]


def crc(event_id: str) -> int:
    """What `_NUMBER` is in SQL: a number of an event's own, so that sums are checksums."""
    return zlib.crc32(event_id.encode())


@dataclass(frozen=True, slots=True)
class Known:
    """The events of some sources, counted."""

    events: int
    checksum: int
    by_bucket: Counter[int]

    @classmethod
    def of(cls, events: Iterable[str]) -> "Known":
        numbers = [crc(each) for each in events]
        return cls(len(numbers), sum(numbers), Counter(n % _BUCKETS for n in numbers))


class EngineReader(Reader):
    """Asks statements of every kind in turn, by several clients side by side."""

    def __init__(
        self,
        client: "Client",
        sandbox: "Sandbox",
        ledger: "Ledger",
        expected: Expectations,
        *,
        pause: float,
        grace: float,
        clients: int = 3,
    ) -> None:
        """Read the sandbox's tables by `clients` threads, each with `pause` seconds in between.

        A query that takes longer than `grace` seconds is promised nothing, and only counted.
        """
        super().__init__(sandbox, ledger, expected, pause=pause)
        self._client = client
        self._clients = clients
        self._grace = grace
        self._lock = threading.Lock()
        self.kinds: Counter[str] = Counter()
        self.overlong = 0
        self.longest = 0.0

    @property
    def asked(self) -> int:
        """Queries that have come to an end, those included that were promised nothing."""
        return self.queries + self.overlong

    def run(self) -> None:
        """Query until told to end."""
        with ThreadPoolExecutor(self._clients) as pool:
            for future in [pool.submit(self._one_client, n) for n in range(self._clients)]:
                future.result()

    def _one_client(self, number: int) -> None:
        kinds = [
            self._ids, self._totals, self._whole_rows, self._groups, self._paths, self._extremes,
            self._join, self._differences,
        ]  # fmt: skip
        turns = itertools.cycle(itertools.product(TABLES, kinds))
        for table, kind in itertools.islice(turns, 3 * number, None):
            if self._ending.wait(self._pause):
                return
            self._look_once(kind, table)

    def _look_once(self, kind: Callable[[str], Iterable[str]], table: str) -> None:
        began = time.monotonic()
        errors, breaches = [], []
        try:
            breaches = list(kind(table))
        except Exception as error:  # noqa: BLE001 - any error of a query is what is looked for
            errors = [f"{kind.__name__} {table}: {type(error).__name__}: {error}"[:2000]]
        seconds = time.monotonic() - began
        with self._lock:
            if seconds > self._grace:
                self.overlong += 1
                return
            self.queries += 1
            self.kinds[kind.__name__.strip("_")] += 1
            self.longest = max(self.longest, seconds)
            self.errors += errors
            self.breaches += breaches

    def _ask(self, sql: str, table: str = "") -> Rows:
        names = {"table": table, "json": JSON, "parquet": PARQUET, "number": _NUMBER}
        return self._client.run(sql.format_map(names), schema=self._sandbox.database).rows

    def _known(self, sources: set[int] | None = None) -> Known:
        """The events of these sources, or of all that were sent."""
        source_of = dict(self._expected.source_of)
        if sources is None:
            return Known.of(source_of)
        return Known.of(event for event, source in source_of.items() if source in sources)

    def _ids(self, table: str) -> list[str]:
        acknowledged = self._ledger.acknowledged()
        ids = [row[0] for row in self._ask("SELECT event_id FROM {table}", table)]
        return self._judge_all(table, ids, acknowledged)

    def _whole_rows(self, table: str) -> list[str]:
        acknowledged = self._ledger.acknowledged()
        rows = self._ask("SELECT event_id, * FROM {table}", table)
        return self._judge_all(table, [row[0] for row in rows], acknowledged)

    def _judge_all(self, table: str, ids: list[str], acknowledged: set[int]) -> list[str]:
        """The breaches that the other reader would have noted."""
        with self._lock:
            self.rows_read += len(ids)
            known = len(self.breaches)
            self._judge(table, ids, acknowledged)
            found = self.breaches[known:]
            del self.breaches[known:]
            return found

    def _totals(self, table: str) -> Iterator[str]:
        """Count, distinct ids and checksum: between what is acknowledged and what was sent."""
        low = self._known(self._ledger.acknowledged())
        [[rows, different, checksum]] = self._ask(
            "SELECT count(*), count(DISTINCT event_id), coalesce(sum({number}), 0) FROM {table}",
            table,
        )
        high = self._known()
        yield from _between(table, "rows", low.events, rows, high.events)
        yield from _between(table, "checksum", low.checksum, checksum, high.checksum)
        yield from _equal(table, "rows and event ids", rows, different)

    def _groups(self, table: str) -> Iterator[str]:
        low = self._known(self._ledger.acknowledged()).by_bucket
        rows = self._ask("SELECT {number} % 16, count(*) FROM {table} GROUP BY 1", table)
        found = Counter(dict(rows))
        high = self._known().by_bucket
        for bucket in range(_BUCKETS):
            yield from _between(table, f"group {bucket}", low[bucket], found[bucket], high[bucket])

    def _paths(self, table: str) -> Iterator[str]:
        """Rows by file: each partition is read in one place, and no file has an event twice."""
        low = self._known(self._ledger.acknowledged())
        rows = self._ask(
            'SELECT "$path", year, month, day, count(*), count(DISTINCT event_id) '
            "FROM {table} GROUP BY 1, 2, 3, 4",
            table,
        )
        yield from _between(
            table, "rows by path", low.events, sum(r[4] for r in rows), self._sent()
        )
        places: dict[tuple[str, ...], set[str]] = {}
        for path, *day, count, different in rows:
            places.setdefault(tuple(day), set()).add(path.rpartition("/")[0])
            yield from _equal(table, f"rows and event ids of {path}", count, different)
        for day_of, directories in places.items():
            yield from _equal(table, f"directories of {'-'.join(day_of)}", len(directories), 1)

    def _extremes(self, table: str) -> Iterator[str]:
        """The least and the greatest id: of two that were acknowledged neither goes missing."""
        acknowledged = self._ledger.acknowledged()
        ids = [e for e, source in dict(self._expected.source_of).items() if source in acknowledged]
        [[least, greatest]] = self._ask("SELECT min(event_id), max(event_id) FROM {table}", table)
        if ids and not (least <= min(ids) and greatest >= max(ids)):
            yield (f"{table}: {least} to {greatest} leaves out {min(ids)} or {max(ids)}")

    def _join(self, _: str) -> Iterator[str]:
        """By event id: each row of an acknowledged source meets one of the other table, once."""
        low = self._known(self._ledger.acknowledged())
        [[rows, different]] = self._ask(
            "SELECT count(*), count(DISTINCT event_id) FROM {json} JOIN {parquet} USING (event_id)"
        )
        yield from _between("both tables", "joined rows", low.events, rows, self._sent())
        yield from _equal("both tables", "joined rows and event ids", rows, different)

    def _differences(self, _: str) -> Iterator[str]:
        """What stands in one table only, or differs: at most what is not acknowledged yet."""
        acknowledged = self._ledger.acknowledged()
        rows = self._ask(
            "SELECT event_id, j.processed_ts IS NOT NULL AND p.processed_ts IS NOT NULL "
            "FROM {json} j FULL JOIN {parquet} p USING (event_id) "
            "WHERE j.session_id IS DISTINCT FROM p.session_id "
            "OR j.quantity IS DISTINCT FROM p.quantity OR j.price IS DISTINCT FROM p.price "
            "OR from_iso8601_timestamp(j.event_ts) "
            "IS DISTINCT FROM with_timezone(p.event_ts, 'UTC') "
            "OR from_iso8601_timestamp(j.processed_ts) "
            "IS DISTINCT FROM with_timezone(p.processed_ts, 'UTC')"
        )
        for event, in_both in rows:
            if in_both:
                yield (f"the tables differ in {event}")
            elif self._expected.source_of[event] in acknowledged:
                yield (f"{event} is acknowledged, and in one table only")

    def _sent(self) -> int:
        return len(self._expected.source_of)


def _between(table: str, what: str, low: int, found: int, high: int) -> Iterator[str]:
    if not low <= found <= high:
        yield f"{table}: {what}: {found} is not from {low} to {high}"


def _equal(table: str, what: str, found: int, wanted: int) -> Iterator[str]:
    if found != wanted:
        yield f"{table}: {what}: {found} and {wanted}"

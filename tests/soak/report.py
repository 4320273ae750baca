"""The figures of a soak, as one table."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.soak.decisions import KILLS

if TYPE_CHECKING:
    from tests.soak.soak import Ran

_WIDTH = 34


def report(ran: "Ran") -> str:
    """The table."""
    return "\n".join(f"{name:<{_WIDTH}} {figure}" for name, figure in _figures(ran))


def _figures(ran: "Ran") -> Iterator[tuple[str, str]]:
    ledger, reader, batches = ran.ledger, ran.reader, ran.batches
    faults = Counter({each: count for each, count in ledger.faults.items() if each[1] not in KILLS})
    calls, broken = sum(ledger.calls.values()), faults.total()
    yield "seconds, drain and clean-up included", f"{ran.seconds:.0f}"
    yield "events sent", f"{sum(len(batch.lines) for batch in batches):,}"
    yield "  to be published", f"{sum(len(batch.events) for batch in batches):,}"
    yield "  to be rejected", f"{sum(batch.malformed for batch in batches):,}"
    yield "raw objects", f"{len(batches):,}"
    yield "partitions", f"{len({batch.arrives.date() for batch in batches}):,}"
    yield "calls while faults were on", f"{calls:,} ({_by(ledger.calls)})"
    yield "calls broken", f"{broken:,} ({broken / max(1, calls):.1%})"
    for fault in sorted({fault for _, fault in faults}):
        by = Counter({service: faults[service, fault] for service in ledger.calls})
        yield f"  {fault}", f"{by.total():,} ({_by(by)})"
    for name, stats in sorted(ran.sandbox.functions.stats.items()):
        kind = name.rpartition("-")[2]
        yield f"{kind} invocations", f"{stats.invocations:,}, of which {stats.failures:,} failed"
    for what, count in sorted(ledger.events.items()):
        yield what, f"{count:,}"
    yield "schedule ticks", _by(Counter(ran.scheduled))
    yield "dead letters sent back", f"{ran.redriven.total():,} ({_by(ran.redriven)})"
    yield "generations built", f"{len(ledger.generations):,}"
    yield "  made current", f"{len(ledger.made_current):,}"
    yield "files cleaned up", f"{len(ledger.deleted):,}"
    yield "queries", f"{reader.queries:,} ({reader.rows_read:,} rows judged)"
    yield "query errors", f"{len(reader.errors):,}"
    yield "breaches seen by the reader", f"{len(reader.breaches):,}"
    yield "sources shown before acknowledged", f"{reader.shown_early:,}"
    yield "  of which not shown by a later query", f"{reader.gone_unacknowledged:,}"


def _by(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))

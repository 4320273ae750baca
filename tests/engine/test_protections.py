"""What keeps a query right while the lake changes under it, and that each part of it is needed.

A query of the engine is held at the moment when it has listed its files and is about to read them;
a compaction is looked at between its swap and its last copy. So nothing here is a matter of luck.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.engine.errors import StatementError
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Generation
from clickstream_lake.lake.layout import Slot
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.conftest import Engine
from tests.engine.conftest import NewLake
from tests.engine.eras import TABLES, Era, Rows, lake_of
from tests.protocol.simulation.mutations import MUTATIONS
from tests.protocol.simulation.world import PRODUCT, Parts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.engine

DEFAULT_GRACE = CompactSettings().grace_seconds
_LONG = 120.0


class Gate:
    """Holds back whoever reads a data file with Java, while it is closed."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()
        self.open()

    def close(self) -> None:
        self.reached.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def around(self, sandbox: "WSGIApplication") -> "WSGIApplication":
        def app(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
            reads = (
                environ["REQUEST_METHOD"] == "GET" and "list-type" not in environ["QUERY_STRING"]
            )
            by_java = "aws-sdk-java" in environ.get("HTTP_USER_AGENT", "")
            if reads and by_java and "/processed/" in environ["PATH_INFO"]:
                self.reached.set()
                assert self._open.wait(_LONG)
            return sandbox(environ, start)

        return app


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def sandbox(engine: Engine, gate: Gate) -> Iterator[Sandbox]:
    with lake_sandbox(
        provision=by_catalog(LakeSettings()),
        port=engine.port,
        directory=engine.directory,
        handlers={},
        middleware=gate.around,
    ) as sandbox:
        yield sandbox


def read_across_a_clean_up(
    era: Era, gate: Gate, fmt: Format, *, grace_seconds: int
) -> Callable[[], Rows]:
    """A query whose files are replaced and cleaned up after it has listed them."""
    gate.close()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            era.ask,
            f"SELECT count(*), count(DISTINCT event_id) FROM {TABLES[fmt]}",  # noqa: S608 - our own table
        )
        try:
            assert gate.reached.wait(_LONG)
            era.compact()
            era.clean_up(grace_seconds=grace_seconds)
        finally:
            gate.open()
    return answer.result


@pytest.fixture
def landed(new_lake: NewLake) -> Era:
    """A day in its landing directory."""
    era = new_lake(load_catalog())
    for number in range(3):
        era.land(f"source-{number}", {"event_id": f"{number}"})
    return era


@pytest.fixture(params=["landing files", "a generation"])
def lake(request: pytest.FixtureRequest, landed: Era) -> Era:
    if request.param == "a generation":
        landed.compact()
        landed.land("late", {"event_id": "late"})
    return landed


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_query_reads_to_its_end_what_is_replaced_within_the_grace_period(
    lake: Era, gate: Gate, fmt: Format
) -> None:
    events = len(lake.ask(f"SELECT event_id FROM {TABLES[fmt]}"))  # noqa: S608 - our own table
    assert read_across_a_clean_up(lake, gate, fmt, grace_seconds=DEFAULT_GRACE)() == [[events] * 2]


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_query_fails_that_is_longer_than_the_grace_period(
    lake: Era, gate: Gate, fmt: Format
) -> None:
    with pytest.raises(StatementError):
        read_across_a_clean_up(lake, gate, fmt, grace_seconds=0)()


@dataclass
class Watched:
    """A compaction during which sources land, and which is looked at right after its swap."""

    era: Era
    parts: Parts
    landed: int = 0

    def seen(self, fmt: Format) -> list[bool]:
        """For each look: whether the engine saw every event that was acknowledged, once."""
        era, found = self.era, []

        def look(slot: Slot, generation: Generation) -> None:
            state = era.lake.state(slot)
            if state is not None and state.location.endswith(f"/{generation.generation_id}/"):
                rows = era.ask(f"SELECT count(*), count(DISTINCT event_id) FROM {TABLES[fmt]}")  # noqa: S608 - our own table
                found.append(rows == [[self.landed] * 2])

        kind = self.parts.lake

        class Looking(kind):  # type: ignore[misc,valid-type] # a class of the parts
            def copy_missing(self, slot: Slot, generation: Generation) -> list[str]:
                look(slot, generation)
                copied: list[str] = super().copy_missing(slot, generation)
                look(slot, generation)
                return copied

        lake = lake_of(era.database, era.clients, replace(self.parts, lake=Looking))
        replace(era, lake=lake).compact_one(fmt, now=self._land)
        return found

    def _land(self) -> datetime:
        """What the compactor takes for the clock, asked before each of its steps."""
        self.era.land(f"late-{self.landed}", {"event_id": f"late-{self.landed}"})
        self.landed += 1
        return datetime.now(UTC)


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_acknowledged_event_is_seen_once_at_the_moment_of_the_swap(
    landed: Era, fmt: Format
) -> None:
    seen = Watched(landed, PRODUCT, landed=3).seen(fmt)
    assert seen == [True, True]


@pytest.mark.parametrize(
    "missing",
    ["no_announcement", "no_copy_after_the_announcement", "no_manifest_check_by_compactors"],
)
@pytest.mark.parametrize("fmt", FORMATS)
def test_the_engine_sees_a_protection_that_is_missing(
    landed: Era, fmt: Format, missing: str
) -> None:
    assert not all(Watched(landed, MUTATIONS[missing].parts, landed=3).seen(fmt))

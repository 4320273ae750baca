"""The events that are sent, batch by batch, and what has to become of them."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from clickstream_lake.generate import generate_events
from clickstream_lake.generate.malformed import mangle
from tests.soak.decisions import Decisions

START: Final = datetime(2025, 11, 26, tzinfo=UTC)
"""When the first batch arrives."""

_DAY: Final = timedelta(days=1)
_MALFORMED: Final = 0.02
_LATE: Final = 0.12
_SLACK: Final = 0.9  # of a day that its batches spread over
_COMPARED: Final = ("event_type", "session_id", "page_url")

Event = tuple[str, ...]
"""Event id, and the other columns that are compared in the end."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What makes one raw object.

    Attributes:
        arrives: the time at which Firehose gets it, which decides its partition.
        lines: the records, without line feeds.
        events: those of them that have to show in both tables, by event id.
        malformed: the number of the others, which have to be rejected.
    """

    number: int
    arrives: datetime
    lines: tuple[bytes, ...]
    events: dict[str, Event]
    malformed: int


class Load:
    """Makes batches from the seed."""

    def __init__(
        self, decisions: Decisions, canary: str, *, events: int, batches_per_day: int
    ) -> None:
        """Make batches of `events` events each; a day's partition gets so many in a row.

        Args:
            decisions: the seed's.
            canary: what every personal value contains.
            events: in one batch.
            batches_per_day: after which the next day begins, of which some arrive a day late.
        """
        self._decisions = decisions
        self._canary = canary
        self._events = events
        self._per_day = batches_per_day

    def batch(self, number: int) -> Batch:
        """The `number`-th batch, from 0 on; ask for each once."""
        rng = self._decisions.batch(number)
        day, place = divmod(number, self._per_day)
        late = day > 0 and rng.random() < _LATE
        arrives = START + (day - late) * _DAY + _SLACK * _DAY * place / self._per_day
        lines, events, malformed = [], {}, 0
        for index, line in enumerate(
            generate_events(rng.getrandbits(32), self._events, arrives, 0.04, undeclared=True)
        ):
            text = self._with_personal_data(line.decode(), index)
            if rng.random() < _MALFORMED:
                malformed += 1
                lines.append(mangle(rng, text).rstrip(b"\n"))
                continue
            event = json.loads(text)
            events[event["event_id"]] = (
                event["event_id"],
                *(event[name] for name in _COMPARED),
            )
            lines.append(text.encode().rstrip(b"\n"))
        digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
        self._decisions.note(f"batch {number}", f"{arrives.isoformat()} {digest}")
        return Batch(number, arrives, tuple(lines), events, malformed)

    def _with_personal_data(self, text: str, index: int) -> str:
        """Put the canary where personal data may stand: beside, nested, escaped, as an object."""
        secret = f"{self._canary}-{index}"
        places = (
            ('"event_type":', f'"user_id":"{secret}","event_type":'),
            ('"event_type":', f'"user\\u005fid":"{secret}","event_type":'),
            ('"event_type":', f'"user_id":{{"name":["{secret}"]}},"event_type":'),
            ('"properties":', f'"customer":[{{"user_id":"{secret}"}}],"properties":'),
            ('"properties":{', f'"properties":{{"visitor":{{"user_id":"{secret}"}},'),
        )
        return text.replace(*places[index % len(places)], 1)


SELECTED: Final = ", ".join(("event_id", *_COMPARED))
"""The columns of an `Event`, for SQL."""

"""The rejects file of one source."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from clickstream_lake.transform.rules.enrich import MOST_REJECTS, RejectedLine, Tally

_encode = msgspec.json.Encoder().encode


class RejectOutput:
    """NDJSON without payload: the first rejected texts one by one, the others by reason.

    So a raw object full of garbage does not become many times its size in rejects.

    Attributes:
        texts: rejected texts, named or tallied.
    """

    def __init__(self, path: Path, *, raw_key: str, source_id: str, processed_ts_text: str) -> None:
        self.path = path
        self.texts = 0
        self._raw_key = raw_key
        self._source_id = source_id
        self._processed_ts = processed_ts_text
        self._named = 0
        self._tallies: dict[str, Tally] = {}
        self._file = path.open("wb")

    def write(self, rejects: Iterable[RejectedLine], tallies: Iterable[Tally] = ()) -> None:
        """Add rejected texts, in the order sent; tallied ones come after those named here."""
        for reject in rejects:
            if self._named < MOST_REJECTS:
                self._named += 1
                self.texts += 1
                self._row(reject.line_number, reject.byte_offset, reject.reason, 1, reject.events)
            else:
                self._tally(Tally(reject, reject, events=reject.events))
        for tally in tallies:
            self._tally(tally)

    def _tally(self, more: Tally) -> None:
        self.texts += more.texts
        tally = self._tallies.setdefault(more.first.reason, more)
        if tally is not more:
            tally.add(more)

    def finish(self) -> None:
        """Add one row for each reason that has been tallied, in the order of the first of each."""
        places = {
            reason: (tally.first.line_number, tally.first.byte_offset)
            for reason, tally in self._tallies.items()
        }
        for reason in sorted(places, key=places.__getitem__):
            tally = self._tallies[reason]
            first, last = tally.first, tally.last
            self._row(
                first.line_number, first.byte_offset, reason, tally.texts, tally.events, last=last
            )

    def write_object(self, reason: str) -> None:
        """Add the one row of a raw object that is rejected whole."""
        self._row(0, 0, reason, 1, None)
        self.texts += 1

    def _row(
        self,
        line_number: int,
        byte_offset: int,
        reason: str,
        texts: int,
        events: int | None,
        *,
        last: RejectedLine | None = None,
    ) -> None:
        row = {
            "raw_key": self._raw_key,
            "source_id": self._source_id,
            "line_number": line_number,
            "byte_offset": byte_offset,
            "reason": reason,
            "texts": texts,
            "events": events,
            "last_line_number": last.line_number if last else line_number,
            "last_byte_offset": last.byte_offset if last else byte_offset,
            "processed_ts": self._processed_ts,
        }
        self._file.write(_encode(row) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

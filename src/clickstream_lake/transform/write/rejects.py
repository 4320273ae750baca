"""The rejects file of one source."""

from pathlib import Path
from typing import Final

import msgspec

from clickstream_lake.transform.rules.enrich import RejectedLine

_REJECTS_AT_ONCE: Final = 1_000

_encode = msgspec.json.Encoder().encode


class RejectOutput:
    """One NDJSON row per rejected text, without its payload."""

    def __init__(self, path: Path, *, raw_key: str, source_id: str, processed_ts_text: str) -> None:
        self.path = path
        self.rows = 0
        self._raw_key = raw_key
        self._source_id = source_id
        self._processed_ts = processed_ts_text
        self._file = path.open("wb")

    def write(self, rejects: list[RejectedLine]) -> None:
        """Add rows."""
        for start in range(0, len(rejects), _REJECTS_AT_ONCE):
            some = rejects[start : start + _REJECTS_AT_ONCE]
            self._file.write(
                b"".join(self._row(r.line_number, r.byte_offset, r.reason) for r in some)
            )
        self.rows += len(rejects)

    def write_object(self, reason: str) -> None:
        """Add the one row of a raw object that is rejected whole."""
        self._file.write(self._row(0, 0, reason))
        self.rows += 1

    def _row(self, line_number: int, byte_offset: int, reason: str) -> bytes:
        return (
            _encode(
                {
                    "raw_key": self._raw_key,
                    "source_id": self._source_id,
                    "line_number": line_number,
                    "byte_offset": byte_offset,
                    "reason": reason,
                    "processed_ts": self._processed_ts,
                }
            )
            + b"\n"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

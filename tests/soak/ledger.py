"""What really happened, as the sandbox's side of the wire saw it."""

import io
import re
import threading
from collections import Counter
from typing import Final
from urllib.parse import unquote

import pyarrow.compute as pc
import pyarrow.parquet as pq

from clickstream_lake.lake.layout import MANIFEST_NAME
from tests.soak.calls import Call
from tests.soak.decisions import Fault

_DELETED: Final = re.compile(rb"<Key>([^<]+)</Key>")


def holds(canary: bytes, key: str, content: bytes) -> bool:
    """Tell whether an object has the canary in it, compressed columns included."""
    if canary in content:
        return True
    # The file on which readers of a table's prefix fail is named like one, too.
    if not key.endswith(".parquet") or not content.startswith(b"PAR1"):
        return False
    table = pq.read_table(io.BytesIO(content))
    texts = [column for column in table.columns if str(column.type) == "string"]
    return any(pc.any(pc.match_substring(text, canary.decode())).as_py() for text in texts)


class Ledger:
    """Counts, numbers and remembers. Any thread may write and read."""

    def __init__(self, canary: bytes) -> None:
        """Look for `canary` in whatever the functions write."""
        self._canary = canary
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._working_on: dict[int, str] = {}
        self._acknowledged: set[int] = set()
        self._deliveries: Counter[int] = Counter()
        self._newest = -1
        self.calls: Counter[str] = Counter()
        self.faults: Counter[tuple[str, Fault]] = Counter()
        self.events: Counter[str] = Counter()
        self.generations: set[str] = set()
        self.made_current: set[str] = set()
        self.deleted: set[str] = set()
        self.leaks: set[str] = set()

    def number_of(self, key: str) -> int:
        """The number of a raw object: the first delivered is 0."""
        with self._lock:
            return self._numbers.setdefault(key, len(self._numbers))

    def stream_of(self, call: Call) -> str:
        """The name of the stream that a call belongs to; the same in every run."""
        if call.caller == "transform":
            about = self._source_of(call)
        elif call.caller == "compact":
            about = call.partition
        else:
            about = call.payload.get("QueueUrl", "").rpartition("/")[2]
        return f"{call.caller} {about} {call.service}.{call.operation}"

    def _source_of(self, call: Call) -> str:
        """The raw object that a process of the transform works on: the last that it opened."""
        if call.operation == "GetObject" and call.key.startswith("raw/"):
            number = self.number_of(call.key)
            with self._lock:
                self._working_on[call.pid] = f"source {number}"
        with self._lock:
            return self._working_on.get(call.pid, "")

    def made(self, call: Call, fault: Fault) -> None:
        """A call came in while faults are on, and this becomes of it."""
        with self._lock:
            self.calls[call.service] += 1
            if fault is not Fault.NONE:
                self.faults[call.service, fault] += 1

    def took_effect(self, call: Call, status: int) -> None:
        """A call of a function was carried out."""
        if status >= 300:
            return
        with self._lock:
            match call.operation:
                case "PutObject" if call.key.endswith(f"/{MANIFEST_NAME}"):
                    self.generations.add(call.key.rpartition("/")[0])
                case "UpdatePartition":
                    storage = call.payload["PartitionInput"]["StorageDescriptor"]
                    if "/compacted/" in storage["Location"]:
                        self.made_current.add(storage["Location"])
                case "DeleteObjects":
                    self.deleted |= {unquote(key.decode()) for key in _DELETED.findall(call.body)}
        leaked = call.operation == "PutObject" and holds(self._canary, call.key, call.body)
        if leaked or (call.service != "s3" and self._canary in call.body):
            with self._lock:
                self.leaks.add(f"{call.service}.{call.operation} {call.key}")

    def delivered(self, number: int) -> None:
        """A message about a raw object reached the event source."""
        with self._lock:
            self._deliveries[number] += 1
            self.events["messages delivered"] += 1
            if self._deliveries[number] > 1:
                self.events["messages delivered again"] += 1
            elif number < self._newest:
                self.events["messages delivered out of order"] += 1
            self._newest = max(self._newest, number)

    def happened(self, what: str) -> None:
        """Count one more of something."""
        with self._lock:
            self.events[what] += 1

    def acknowledge(self, number: int) -> None:
        """A message about a raw object was deleted, because its function said that it is done."""
        with self._lock:
            self._acknowledged.add(number)

    def acknowledged(self) -> set[int]:
        """The raw objects acknowledged so far."""
        with self._lock:
            return set(self._acknowledged)

"""What a function's limits need of its memory and disk, checked at its start.

Terraform checks the same, and what only it knows besides: `terraform/limits.tf`.
"""

import errno
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from clickstream_lake.lake.config import CompactSettings, Limits
from clickstream_lake.lake.errors import ConfigError, NoRoomError
from clickstream_lake.lake.units import MIB

# Libraries and one row group (64 MiB of Arrow data at most, however many rows) take up to 200 MiB.
BASE_MEMORY_BYTES: Final = 256 * MIB
# Of a line full of empty objects, each value becomes one of Python's: 32 to 60 bytes were seen.
MEMORY_PER_LINE_BYTE: Final = 64
# Both outputs of one object together, for each byte of it: 1.1 of click events, 3 of events of 20
# bytes, 22 of `{}` after `{}`, each with a `processed_ts` of 42 bytes. What exceeds it fails with a
# `NoRoomError`.
DISK_PER_OBJECT_BYTE: Final = 4
# A merge's inputs and outputs lie there together.
DISK_PER_TARGET_BYTE: Final = 4
# What a file system takes of its disk for itself.
_DISK_SHARE: Final = 0.9
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Room:
    """What a function has, in bytes; None where it is not known."""

    memory_bytes: int | None = None
    disk_bytes: int | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Room":
        """What this process has, if it is a function's. Only in AWS is the disk its own."""
        memory = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        in_aws = environ.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda_")
        return cls(
            int(memory) * MIB if memory.isdecimal() else None,
            shutil.disk_usage(tempfile.gettempdir()).total if in_aws else None,
        )

    def check_transform(self, limits: Limits) -> None:
        """Do nothing, if the limits of a raw object fit.

        Raises:
            ConfigError: says which ones do not, and what would do.
        """
        memory = BASE_MEMORY_BYTES + MEMORY_PER_LINE_BYTE * limits.max_line_bytes
        disk = DISK_PER_OBJECT_BYTE * limits.max_object_bytes
        _complain(
            limits.max_line_bytes > limits.max_object_bytes
            and "LAKE_MAX_LINE_BYTES is over LAKE_MAX_OBJECT_BYTES",
            self._lacks_memory(memory)
            and f"LAKE_MAX_LINE_BYTES={limits.max_line_bytes} needs {_mib(memory)} of memory",
            self._lacks_disk(disk)
            and f"LAKE_MAX_OBJECT_BYTES={limits.max_object_bytes} needs {_mib(disk)} of /tmp",
        )

    def check_compact(self, settings: CompactSettings) -> None:
        """Do nothing, if the files that are merged fit.

        Raises:
            ConfigError: they do not; says what would do.
        """
        disk = DISK_PER_TARGET_BYTE * settings.target_file_bytes
        _complain(
            self._lacks_disk(disk)
            and f"LAKE_TARGET_FILE_BYTES={settings.target_file_bytes} needs {_mib(disk)} of /tmp"
        )

    def _lacks_memory(self, wanted: int) -> bool:
        return self.memory_bytes is not None and self.memory_bytes < wanted

    def _lacks_disk(self, wanted: int) -> bool:
        return self.disk_bytes is not None and self.disk_bytes < _DISK_SHARE * wanted


def _complain(*complaints: str | bool) -> None:
    found = [complaint for complaint in complaints if complaint]
    if found:
        raise ConfigError("limits that do not agree:\n  " + "\n  ".join(map(str, found)))


def _mib(size: int) -> str:
    return f"{-(-size // MIB)} MiB"


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Say of a full disk what filled it.

    Raises:
        NoRoomError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise NoRoomError(
            f"no room left on the disk for {what!r}: give the function more of it (/tmp), or lower "
            "the limit on what it takes at once"
        ) from error

"""What mergers take and give: inputs, options, merged files, counters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Generic, Protocol, Self, TypeVar

from clickstream_lake.lake.undeclared import Undeclared
from clickstream_lake.lake.units import MIB

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.config import OutputOptions

TARGET_BYTES: Final = 256 * MIB

Source = Path | Callable[[], BinaryIO]
"""Where an input's bytes are: a local path, or a function that opens them again on every call.

A Parquet input has to be seekable; a JSON input is read once, front to back (twice where rows are
de-duplicated).
"""


class Bitmap:
    """One bit for each row of a file, in Arrow's bit order; rows past the end count as not set."""

    def __init__(self) -> None:
        self.bits = bytearray()
        self.count = 0

    def set(self, row: int) -> None:
        """Set the bit of a row, once."""
        at, mask = row >> 3, 1 << (row & 7)
        if at >= len(self.bits):
            self.bits.extend(bytes(at + 1 - len(self.bits)))
        if not self.bits[at] & mask:
            self.bits[at] |= mask
            self.count += 1

    def __contains__(self, row: int) -> bool:
        at = row >> 3
        return at < len(self.bits) and bool(self.bits[at] >> (row & 7) & 1)


@dataclass(frozen=True, slots=True)
class Input:
    """One file to merge.

    Attributes:
        source: its bytes.
        catalog: SHA-256 of the catalog that it was written by, empty if it is not known.
            JSON files do not hold it; Parquet files do, those of older versions apart.
        once_open: tells the catalog where only opening the file does.
        drop: rows to leave out, as `clickstream_lake.compact.merge.dedupe` found them.
        fresh: its rows have never been merged, so no account of undeclared fields has them.
    """

    source: Source
    catalog: str = ""
    drop: Bitmap | None = None
    once_open: Callable[[], str] = lambda: ""
    fresh: bool = False

    @property
    def known_catalog(self) -> str:
        """The catalog, as far as it is known by now."""
        return self.catalog or self.once_open()

    def open(self) -> BinaryIO:
        """Open the file for reading; the caller closes it."""
        return self.source.open("rb") if isinstance(self.source, Path) else self.source()


@dataclass(frozen=True, slots=True)
class MergedFile:
    """One file that a merge wrote: `bytes` as stored."""

    path: Path
    rows: int
    bytes: int


@dataclass(slots=True)
class MergeCounters:
    """What a merge did. `rows_in` = `rows_out` + `duplicates`, always.

    Attributes:
        inputs: files read.
        rows_in: rows read.
        rows_out: rows written.
        duplicates: rows left out because an input's `drop` named them.
        lifted: values that moved out of `extra` into a column that the catalog declares now.
        returned: values that moved into `extra`, out of a column that is gone or has another type.
    """

    inputs: int = 0
    rows_in: int = 0
    rows_out: int = 0
    duplicates: int = 0
    lifted: int = 0
    returned: int = 0

    def add(self, other: "MergeCounters") -> None:
        """Add what another merge counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The files that a merge wrote, in order, and what it counted.

    Attributes:
        undeclared: an account of the undeclared fields of fresh inputs, by the format that has
            them in one place.
    """

    files: list[MergedFile] = field(default_factory=list)
    counters: MergeCounters = field(default_factory=MergeCounters)
    undeclared: Undeclared | None = None


class Merge(Protocol):
    """Merges files of one format into files named `{stem}-…` in a directory."""

    def __call__(self, inputs: Sequence[Input], out_dir: Path, *, stem: str) -> MergeResult:
        """Merge; see `clickstream_lake.compact.merge.parquet` and `merge_json`."""


class Merger(Protocol):
    """Gives the merge of one format."""

    def __call__(self, catalog: "Catalog", output: "OutputOptions", target_bytes: int) -> Merge:
        """The merge by a catalog, as a lake's settings want it; files are full at some bytes."""


class OutFile(Protocol):
    """A file while a merge writes it."""

    path: Path
    rows: int

    def close(self) -> None:
        """Write what is left."""


F = TypeVar("F", bound=OutFile)


class OutFiles(Generic[F]):
    """The files that a merge writes, one after the other; after an error none is left."""

    def __init__(self, out_dir: Path, stem: str, suffix: str) -> None:
        """Write to `out_dir/{stem}-NNNNN.{suffix}`; nothing is opened before the first rows."""
        self._name = f"{out_dir / stem}-{{:05}}.{suffix}"
        self._paths: list[Path] = []
        self.open: F | None = None
        self.done: list[MergedFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the last file, or remove all of them after an error."""
        try:
            self.finish()
        except BaseException:
            kind = kind or BaseException
            raise
        finally:
            if kind is not None:
                for path in self._paths:
                    path.unlink(missing_ok=True)

    def next_path(self) -> Path:
        """The path of one more file."""
        self._paths.append(Path(self._name.format(len(self._paths))))
        return self._paths[-1]

    def finish(self) -> None:
        """End the file that is open, if one is."""
        if self.open is not None:
            file, self.open = self.open, None
            file.close()
            self.done.append(MergedFile(file.path, file.rows, file.path.stat().st_size))

"""Zip files with the same bytes for the same files."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# The earliest time a zip can hold; file times of a checkout differ from machine to machine.
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644 << 16  # a regular file that everybody can read
_UNIX: Final = 3
_LEVEL: Final = 9


def write_zip(target: Path, files: Mapping[str, bytes]) -> None:
    """Write files (path in the zip -> content) in the order of their names."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: an interrupted run must not leave a zip that deploys.
    partial = target.with_suffix(".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = _MODE
            info.create_system = _UNIX
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name], compresslevel=_LEVEL)
    partial.replace(target)


def unpacked_size(path: Path) -> int:
    """Bytes that the zip's files take once unpacked."""
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


def unpack(path: Path, target: Path) -> None:
    """Unpack the zip into a directory."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(target)

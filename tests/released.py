"""A release in a directory, for tests that fetch one."""

import hashlib
from pathlib import Path

from clickstream_lake.operate.release import SUMS, fetch, packages

ALL = packages(["arm64", "x86_64"])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Release:
    """A release's directory, and the checksum that its readers were given."""

    def __init__(self, directory: Path, names: list[str]) -> None:
        self.directory = directory
        directory.mkdir()
        for name in names:
            (directory / name).write_bytes(name.encode() * 1000)
        lines = [f"{digest(directory / name)}  {name}\n" for name in names]
        (directory / SUMS).write_text("".join(lines))
        self.sha256 = digest(directory / SUMS)

    def fetch(self, out: Path, **options: list[str]) -> list[str]:
        said: list[str] = []
        fetch(self.directory.as_uri(), self.sha256, out, say=said.append, **options)
        return said

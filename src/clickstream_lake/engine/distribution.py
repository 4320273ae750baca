"""Brings the server: its archive of 820 MB from a file or from Maven, and of it what is needed.

It is kept in a cache outside any checkout, for all of them: `$CLICKSTREAM_CACHE_DIR`, or
`clickstream-lake` in `$XDG_CACHE_HOME`, which is `~/.cache` by default.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from isal import igzip

from clickstream_lake.engine.errors import EngineError

VERSION: Final = "476"
ARTIFACT: Final = f"io.trino:trino-server:{VERSION}:tar.gz"
FILE_NAME: Final = f"trino-server-{VERSION}.tar.gz"
SHA256: Final = "cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f"
PLUGINS: Final = ("geospatial", "hive", "iceberg")
"""What is unpacked of 50: the two table formats, and functions that Athena has."""

Report = Callable[[str, int, int], None]
"""Is told what is being done, how many bytes of it are done, and of how many."""

_CHUNK: Final = 1 << 20
_TAIL: Final = 15  # lines of Maven's words that are shown
_MB: Final = 1_000_000
_PROGRESS: Final = re.compile(r"Progress \(1\): (?P<done>\d+)(?:\.\d+)?/(?P<total>\d+) MB")


def cache_directory() -> Path:
    """Where servers are kept."""
    if chosen := os.environ.get("CLICKSTREAM_CACHE_DIR"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "clickstream-lake"


def home() -> Path:
    """Where the unpacked server is, or will be. The name says what is in it."""
    return cache_directory() / "-".join(("trino-server", VERSION, *PLUGINS))


def installed() -> Path | None:
    """The unpacked server; None if there is none yet."""
    # It gets this name once it is complete.
    return home() if home().is_dir() else None


def install(archive: Path | None = None, report: Report = lambda *_: None) -> Path:
    """Unpack the server, unless it is there.

    Args:
        archive: the server's archive; by default Maven gets it.
        report: is told about progress.

    Raises:
        EngineError: the archive cannot be had, or is another one.
    """
    if found := installed():
        return found
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that it can be moved there in one step; private while it grows.
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=cache) as made:
        directory = Path(made)
        if archive is None:
            archive = _by_maven(directory, report)
        _check(archive, report)
        server = directory / "server"
        unpack(archive, server, report)
        # Whoever else unpacked it at the same time has the same.
        with suppress(OSError):
            server.rename(home())
    if not home().is_dir():
        raise EngineError(f"{home()} cannot be made: something else has that name")
    return home()


def unpack(archive: Path, target: Path, report: Report = lambda *_: None) -> None:
    """Unpack what is needed of an archive of the server into a new directory.

    Most plug-ins' files are links to files of other plug-ins, which may be unneeded themselves. So
    the archive is read twice: for which of its files are needed, and for them.

    Raises:
        EngineError: it is no archive of the server, or has names that lead out of it.
    """
    target.mkdir()
    try:
        needed = _needed(archive, report)
        if not needed:
            raise EngineError(f"{archive}: this is no archive of a Trino server")
        for tar, member in _members(archive, "Unpacking", report):
            names = needed.get(member.name, [])
            for name in names[:1]:
                tar.extract(member.replace(name=name), target, filter="data")
            for name in names[1:]:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).hardlink_to(target / names[0])
    except (tarfile.TarError, igzip.BadGzipFile, EOFError) as error:
        raise EngineError(f"{archive} cannot be unpacked: {error}") from error


def _needed(archive: Path, report: Report) -> dict[str, list[str]]:
    """For the name of a file in the archive, the names under which its content is needed."""
    needed: dict[str, list[str]] = defaultdict(list)
    for _, member in _members(archive, "Reading", report):
        name = member.name.partition("/")[2]
        place = Path(name).parts
        if ".." in place or place[:1] == ("/",):
            raise EngineError(f"{archive}: the name {member.name} leads out of it")
        wanted = place[:1] != ("plugin",) or place[1:2] in {(one,) for one in PLUGINS}
        if wanted and (member.isfile() or member.islnk()):
            needed[member.linkname if member.islnk() else member.name].append(name)
    return needed


def _members(
    archive: Path, task: str, report: Report
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The members of an archive one by one, each of which can be extracted when it comes."""
    total = archive.stat().st_size
    with (
        archive.open("rb") as file,
        igzip.IGzipFile(fileobj=file) as unzipped,  # type: ignore[no-untyped-call] # it has no types
        tarfile.open(fileobj=unzipped, mode="r|") as tar,
    ):
        for member in tar:
            yield tar, member
            report(task, file.tell(), total)


def _check(archive: Path, report: Report) -> None:
    if not archive.is_file():
        raise EngineError(f"{archive}: there is no such file")
    total, digest = archive.stat().st_size, hashlib.sha256()
    with archive.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            report("Checking", file.tell(), total)
    if digest.hexdigest() != SHA256:
        raise EngineError(
            f"{archive} is not {FILE_NAME} of Maven Central: its SHA-256 is {digest.hexdigest()}, "
            f"and should be {SHA256}"
        )


def _by_maven(directory: Path, report: Report) -> Path:
    """Let Maven find the archive, in its own repository or wherever its settings say."""
    maven = shutil.which("mvn")
    if maven is None:
        raise EngineError(
            f"the engine is not here yet, and Maven, which would get it, is not installed: install "
            f"Maven, or get {FILE_NAME} (820 MB; {ARTIFACT} on Maven Central) and name it with "
            "--archive"
        )
    # As a copy, because where Maven keeps its own is Maven's affair.
    command = [maven, "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={directory}"]
    with subprocess.Popen(  # noqa: S603 - Maven, with arguments of ours
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,  # which makes a line's end of the carriage return after each of its progress
        errors="replace",
    ) as running:
        assert running.stdout is not None  # noqa: S101 - it was made with a pipe
        said: deque[str] = deque(maxlen=_TAIL)
        report("Downloading", 0, 0)
        for line in running.stdout:
            if match := _PROGRESS.match(line):
                report("Downloading", int(match["done"]) * _MB, int(match["total"]) * _MB)
            else:
                said.append(line.rstrip())
    if running.returncode != 0:
        raise EngineError(f"Maven could not get {ARTIFACT}:\n" + "\n".join(said))
    return directory / FILE_NAME

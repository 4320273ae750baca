"""Fetch what Terraform deploys from a release, and nothing that its checksums do not say."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from clickstream_lake.errors import ToolkitError

SUMS: Final = "SHA256SUMS"
ARCHITECTURES: Final = ("arm64", "x86_64")
_SCHEMES: Final = {"file", "http", "https"}
_SILENCE_SECONDS: Final = 60
_LINE: Final = re.compile(r"^([0-9a-f]{64}) [ *](\S+)$", re.MULTILINE)


class ReleaseError(ToolkitError):
    """A release cannot be had, or is not what its checksums say."""


def packages(architectures: Sequence[str]) -> list[str]:
    """The files that a module's `package_dir` has, for these architectures."""
    return [
        "transform.zip",
        "compact.zip",
        *(f"layer-{architecture}.zip" for architecture in architectures),
    ]


def fetch(
    location: str,
    sha256: str,
    out: Path,
    architectures: Sequence[str] = ARCHITECTURES,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Fill a directory with a release's packages, all of them or none.

    Args:
        location: URL that the release's files are below; `file:`, `http:` or `https:`.
        sha256: of the release's SHA256SUMS, in hex. It decides, and not who serves the files.
        out: the directory; what it has already, and is right, is not fetched again.
        architectures: of the layers.
        say: called with one line for each file.

    Raises:
        ReleaseError: a file is missing or another one.
    """
    if urlsplit(location).scheme not in _SCHEMES:
        raise ReleaseError(f"{location} is no file:, http: or https: URL")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".release-") as directory:
        fetched = Path(directory)
        base = location.rstrip("/")
        _download(f"{base}/{SUMS}", fetched / SUMS)
        _compare(fetched / SUMS, sha256.lower())
        sums = {name: digest for digest, name in _LINE.findall((fetched / SUMS).read_text())}
        names = packages(architectures)
        if missing := [name for name in names if name not in sums]:
            raise ReleaseError(f"{base}/{SUMS} does not name {', '.join(missing)}")
        for name in names:
            if (out / name).is_file() and _digest(out / name) == sums[name]:
                say(f"{name} is there")
                continue
            _download(f"{base}/{name}", fetched / name)
            _compare(fetched / name, sums[name])
            say(f"{name} fetched")
        for file in fetched.iterdir():
            file.replace(out / file.name)


def _download(url: str, target: Path) -> None:
    try:
        with (
            urlopen(url, timeout=_SILENCE_SECONDS) as answer,  # noqa: S310 - its scheme was checked
            target.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (URLError, TimeoutError) as error:
        raise ReleaseError(f"{url}: {getattr(error, 'reason', error)}") from None


def _compare(file: Path, sha256: str) -> None:
    found = _digest(file)
    if found != sha256:
        raise ReleaseError(
            f"{file.name} is not the release's: its SHA-256 is {found}, and should be {sha256}. "
            "Nothing was kept."
        )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()

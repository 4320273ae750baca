"""Brings a server: from archives that are made here, in the shape of the real one."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from clickstream_lake.engine import distribution
from clickstream_lake.engine.errors import EngineError

ROOT = "trino-server-476"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("CLICKSTREAM_CACHE_DIR", str(place))
    return place


def archive(
    path: Path, files: dict[str, bytes], links: dict[str, str] | None = None, root: str = ROOT
) -> Path:
    """An archive whose links come after all files, as they do in the real one."""
    with tarfile.open(path, "w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(f"{root}/{name}")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(f"{root}/{name}")
            member.type, member.linkname = tarfile.LNKTYPE, f"{root}/{target}"
            tar.addfile(member)
    return path


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return archive(
        tmp_path / "server.tar.gz",
        {
            "lib/main.jar": b"main",
            "plugin/delta-lake/shared.jar": b"shared",
            "plugin/delta-lake/own.jar": b"delta",
            "plugin/hive/hive.jar": b"hive",
        },
        {
            "plugin/hive/main.jar": "lib/main.jar",
            "plugin/hive/shared.jar": "plugin/delta-lake/shared.jar",
            "plugin/iceberg/shared.jar": "plugin/delta-lake/shared.jar",
            "plugin/delta-lake/main.jar": "lib/main.jar",
        },
    )


def tree(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


NEEDED = {
    "lib/main.jar": b"main",
    "plugin/hive/hive.jar": b"hive",
    "plugin/hive/main.jar": b"main",
    "plugin/hive/shared.jar": b"shared",
    "plugin/iceberg/shared.jar": b"shared",
}


def test_only_what_is_needed_is_unpacked_with_what_its_links_mean(
    server: Path, tmp_path: Path
) -> None:
    distribution.unpack(server, tmp_path / "out")
    assert tree(tmp_path / "out") == NEEDED


def test_a_server_is_unpacked_once_and_found_again(
    server: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(server.read_bytes()).hexdigest()
    monkeypatch.setattr(distribution, "SHA256", digest)
    assert distribution.installed() is None
    steps: dict[str, tuple[int, int]] = {}

    home = distribution.install(server, lambda step, done, of: steps.update({step: (done, of)}))

    assert tree(home) == NEEDED
    assert home.parent == cache
    assert [*cache.iterdir()] == [home]
    size = server.stat().st_size
    assert steps == dict.fromkeys(("Checking", "Reading", "Unpacking"), (size, size))
    server.unlink()
    assert distribution.install() == home


def test_an_archive_that_is_another_one_is_refused(server: Path, cache: Path) -> None:
    with pytest.raises(EngineError, match=f"and should be {distribution.SHA256}"):
        distribution.install(server)
    assert distribution.installed() is None
    assert [*cache.iterdir()] == []


def test_an_interrupted_unpacking_leaves_nothing(
    server: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(server.read_bytes()).hexdigest()
    monkeypatch.setattr(distribution, "SHA256", digest)

    def interrupt(step: str, _: int, __: int) -> None:
        if step == "Unpacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distribution.install(server, interrupt)
    assert distribution.installed() is None
    assert [*cache.iterdir()] == []


@pytest.mark.parametrize("name", ["../escaped", "plugin/hive/../../../escaped", "/tmp/escaped"])  # noqa: S108 - never written
@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_name_that_leads_out_of_the_directory_is_refused(
    tmp_path: Path, name: str, kind: str
) -> None:
    files = {"lib/main.jar": b"main"} | ({name: b"x"} if kind == "file" else {})
    links = {name: "lib/main.jar"} if kind == "link" else {}
    found = archive(tmp_path / "a.tar.gz", files, links)
    with pytest.raises(EngineError, match="leads out of it"):
        distribution.unpack(found, tmp_path / "out")
    assert not (tmp_path / "escaped").exists()


def test_a_truncated_archive_and_one_of_something_else_are_said_to_be_so(
    server: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.tar.gz"
    short.write_bytes(server.read_bytes()[:-20])
    with pytest.raises(EngineError, match=r"short\.tar\.gz cannot be unpacked"):
        distribution.unpack(short, tmp_path / "one")
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"no gzip at all")
    with pytest.raises(EngineError, match=r"other\.tar\.gz cannot be unpacked"):
        distribution.unpack(other, tmp_path / "two")


def test_without_maven_the_error_says_what_to_get_and_where_to_name_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"io\.trino:trino-server:476.*--archive"):
        distribution.install()


def test_maven_is_asked_and_its_progress_and_errors_are_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text(
        "#!/bin/sh\nprintf 'Progress (1): 5.2/821 MB\\rProgress (1): 400/821 MB\\r\\n'\n"
        "echo '[ERROR] no route to the repository'\nexit 1\n"
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    seen = []
    with pytest.raises(EngineError, match="no route to the repository"):
        distribution.install(report=lambda *step: seen.append(step))
    assert seen == [
        ("Downloading", 0, 0),
        ("Downloading", 5_000_000, 821_000_000),
        ("Downloading", 400_000_000, 821_000_000),
    ]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CLICKSTREAM_CACHE_DIR": "/one"}, "/one"),
        ({"XDG_CACHE_HOME": "/two"}, "/two/clickstream-lake"),
        ({"HOME": "/three"}, "/three/.cache/clickstream-lake"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("CLICKSTREAM_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(distribution.cache_directory()) == expected


def test_the_pinned_archive_is_the_one_that_maven_names() -> None:
    assert f"io.trino:trino-server:{distribution.VERSION}:tar.gz" == distribution.ARTIFACT
    assert len(bytes.fromhex(distribution.SHA256)) == 32

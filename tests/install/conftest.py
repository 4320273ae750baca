"""Environments of their own, with the package as a stranger gets it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.package.command import PROJECT
from dev.package.interpreter import find_interpreter, find_uv
from dev.package.wheels import build_sdist, build_wheel


@dataclass(frozen=True)
class Environment:
    """A virtual environment; its commands run in an empty directory, far from any checkout."""

    path: Path
    work: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(  # noqa: S603 - programs of an environment that was just made
            [self.path / "bin" / command[0], *command[1:]],
            cwd=self.work,
            env={"PATH": os.defpath, "HOME": str(self.work), "COLUMNS": "200", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def install(self, *arguments: str) -> None:
        uv("pip", "install", f"--python={self.path}", *arguments)


def uv(*arguments: str, **variables: str) -> str:
    found = find_uv()
    assert found, "uv is among the development tools"
    done = subprocess.run(  # noqa: S603 - the project's own tool
        [found, "--quiet", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sdist(PROJECT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This machine's."""
    return build_wheel(sdist, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def plain_wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one for any machine, without a kernel."""
    return build_wheel(sdist, tmp_path_factory.mktemp("plain"), target="none")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Callable[[str], Environment]]:
    """Make an environment of one version of Python; skip, in CI fail, where there is none."""

    def make(version: str) -> Environment:
        interpreter = find_interpreter(version)
        if interpreter is None:
            skip_or_fail(f"there is no Python {version} on this machine")
        path, work = tmp_path / "environment", tmp_path / "work"
        uv("venv", f"--python={interpreter}", str(path))
        work.mkdir()
        return Environment(path, work)

    yield make
    shutil.rmtree(tmp_path / "environment", ignore_errors=True)


def skip_or_fail(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)

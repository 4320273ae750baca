import platform
import subprocess
from pathlib import Path

import pytest

from dev.package import interpreter
from dev.package.interpreter import PYTHON, find_interpreter


def test_an_interpreter_is_of_the_version_asked_for() -> None:
    version = ".".join(platform.python_version_tuple()[:2])
    found = find_interpreter(version)
    assert found, "the one that runs this test"
    said = subprocess.run(  # noqa: S603 - an interpreter that was just found
        [found, "-c", "import platform; print(platform.python_version())"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.startswith(f"{version}.")


def test_commands_that_only_name_versions_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / f"python{PYTHON}"
    shim.write_text("#!/bin/sh\necho 'choose a version' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setattr(interpreter, "_kept_by_managers", list)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    assert find_interpreter() is None


def test_without_uv_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "find_uv", lambda: None)
    assert find_interpreter() is None

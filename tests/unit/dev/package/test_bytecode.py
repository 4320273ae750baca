import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dev.package.bytecode import BytecodeError, with_bytecode

TAG = sys.implementation.cache_tag
FILES = {
    "a/one.py": b"NAMES = frozenset({'x', 'y', 'z'})\ndef f():\n    raise ValueError('here')\n",
    "a/template.py": b"this is {no} python\n",
    "a/data.json": b"{}",
}


def test_each_module_gets_its_bytecode_and_the_rest_stays() -> None:
    found = with_bytecode(FILES, sys.executable, "/opt")
    assert set(found) == {*FILES, f"a/__pycache__/one.{TAG}.pyc"}
    assert {name: found[name] for name in FILES} == FILES


def test_the_same_sources_give_the_same_bytes() -> None:
    backwards = dict(reversed(FILES.items()))
    first = with_bytecode(FILES, sys.executable, "/opt")
    assert with_bytecode(backwards, sys.executable, "/opt") == first


def test_the_bytecode_is_what_runs(tmp_path: Path) -> None:
    found = with_bytecode(FILES, sys.executable, "/opt")
    for name, data in found.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        # Never checked against the source: a source that changed would not be seen.
        (tmp_path / name).write_bytes(b"raise SystemExit(1)" if name == "a/one.py" else data)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from a.one import f; "
    code += "print(f.__name__)"
    said = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert said.strip() == "f"


def test_without_an_interpreter_nothing_is_added() -> None:
    assert with_bytecode(FILES, None, "/opt") == FILES


def test_an_interpreter_that_fails_is_an_error() -> None:
    with pytest.raises(BytecodeError, match="could not compile"):
        with_bytecode(FILES, "/bin/false", "/opt")


def test_no_path_of_this_machine_gets_into_the_bytecode() -> None:
    (compiled,) = (
        data
        for name, data in with_bytecode(FILES, sys.executable, "/opt").items()
        if name.endswith(".pyc")
    )
    assert b"/opt/a/one.py" in compiled
    assert tempfile.gettempdir().encode() not in compiled

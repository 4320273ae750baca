import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dev.package import proof
from dev.package.layer import PYTHON
from dev.package.proof import ProofError, find_interpreter, prove
from dev.package.zips import write_zip

needs_interpreter = pytest.mark.skipif(
    find_interpreter() is None, reason=f"there is no Python {PYTHON} on this machine"
)


@needs_interpreter
def test_the_interpreter_is_of_the_runtimes_version() -> None:
    code = "import platform; print(platform.python_version())"
    said = subprocess.run(  # noqa: S603  # an interpreter that was just found
        [find_interpreter() or "", "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert said.startswith(f"{PYTHON}.")


def test_commands_that_only_name_versions_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python"
    shim.write_text("#!/bin/sh\necho 'choose a version' >&2\nexit 127\n")
    shim.chmod(0o755)
    candidates = [str(shim), str(tmp_path / "missing")]
    monkeypatch.setattr(proof, "_candidates", lambda: iter(candidates))
    assert find_interpreter() is None


def test_without_an_interpreter_the_proof_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "find_interpreter", lambda: None)
    assert "no Python" in str(prove(tmp_path / "layer.zip", {}))


def test_a_package_that_lacks_a_module_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Any version will do to see a missing module, even where the runtime's is not installed.
    monkeypatch.setattr(proof, "find_interpreter", lambda: sys.executable)
    write_zip(tmp_path / "layer.zip", {"python/nothing.py": b""})
    write_zip(tmp_path / "transform.zip", {"other.py": b""})
    with pytest.raises(ProofError, match="No module named 'handler'"):
        prove(tmp_path / "layer.zip", {"transform": tmp_path / "transform.zip"})


def test_the_proof_does_not_see_this_environments_packages(tmp_path: Path) -> None:
    archive = tmp_path / "transform.zip"
    code = b"import msgspec\ndef handler(event, context): ...\n"
    files = {"handler.py": code}
    write_zip(archive, files)
    write_zip(tmp_path / "layer.zip", {"python/nothing.py": b""})
    assert zipfile.is_zipfile(archive)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "find_interpreter", lambda: sys.executable)
        with pytest.raises(ProofError, match="msgspec"):
            prove(tmp_path / "layer.zip", {"transform": archive})

import sys
import zipfile
from pathlib import Path

import pytest

from dev.package import proof
from dev.package.proof import ProofError, prove
from dev.package.zips import write_zip


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

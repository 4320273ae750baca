import ast
import zipfile
from pathlib import Path

import pytest

from dev.package import command as package
from dev.package import elf
from dev.package.layer import ARCHITECTURES
from dev.package.zips import write_zip

# Lambda's architectures by the names that Linux has for them.
MACHINES = ("aarch64", "x86_64")
NATIVE = "clickstream_lake/transform/rules/native"


@pytest.mark.parametrize("name", package.FUNCTIONS)
def test_a_function_gets_its_own_package_the_lakes_and_the_catalog(name: str) -> None:
    files = package.function_files(name)
    other = {"transform": "compact", "compact": "transform"}[name]
    assert "handler.py" in files
    assert "clickstream_lake/catalogs/clickstream.json" in files
    assert "clickstream_lake/__init__.py" in files
    assert not any(
        file.startswith((f"clickstream_lake/{other}", "dev", "clickstream_lake/sandbox"))
        for file in files
    )
    assert {Path(file).suffix for file in files} == {".py", ".json"}


@pytest.mark.parametrize("name", package.FUNCTIONS)
def test_a_functions_zip_holds_every_module_of_ours_that_it_imports(name: str) -> None:
    files = package.function_files(name)
    for file, text in files.items():
        if not file.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "clickstream_lake."
            ):
                path = str(node.module).replace(".", "/")
                assert {f"{path}.py", f"{path}/__init__.py"} & files.keys(), f"{file}: {path}"


def test_over_lambdas_limit_nothing_deploys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zip(tmp_path / "layer.zip", {"a": b"0" * 900})
    write_zip(tmp_path / "transform.zip", {"b": b"0" * 101})
    monkeypatch.setattr(package, "UNPACKED_LIMIT", 1_000)
    with pytest.raises(package.PackageError, match="Lambda allows"):
        package._check_limit(tmp_path / "layer.zip", [tmp_path / "transform.zip"])
    monkeypatch.setattr(package, "UNPACKED_LIMIT", 1_001)
    package._check_limit(tmp_path / "layer.zip", [tmp_path / "transform.zip"])


@pytest.mark.slow
def test_the_transforms_zip_has_the_kernel_of_both_architectures() -> None:
    files = package.kernel_files()
    assert {name: elf.machine(data) for name, data in files.items()} == {
        f"{NATIVE}/kernel-linux-aarch64.so": elf.MACHINES["arm64"],
        f"{NATIVE}/kernel-linux-x86_64.so": elf.MACHINES["x86_64"],
    }


@pytest.mark.e2e
def test_the_packages_build_reproducibly_and_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Downloads the locked wheels."""
    for attempt in ("first", "second"):
        assert package.main(["--out", str(tmp_path / attempt)]) == 0, capsys.readouterr().err
    names = [*(f"{name}.zip" for name in package.FUNCTIONS)]
    names += [f"layer-{architecture}.zip" for architecture in ARCHITECTURES]
    for name in names:
        first, second = (tmp_path / attempt / name for attempt in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    kernels = [f"{NATIVE}/kernel-linux-{name}.so" for name in MACHINES]
    for name, expected in {"transform": kernels, "compact": []}.items():
        with zipfile.ZipFile(tmp_path / "first" / f"{name}.zip") as archive:
            files = archive.namelist()
        assert [file for file in files if "kernel-" in file] == expected
        assert {Path(file).suffix for file in files} <= {".py", ".pyc", ".json", ".so"}
    for architecture in ARCHITECTURES:
        # What is under Lambda's direct limit deploys fast and starts fast.
        assert (tmp_path / "first" / f"layer-{architecture}.zip").stat().st_size < 50 * 1024 * 1024

import ast
import hashlib
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from clickstream_lake.transform.rules.native import library
from dev.kernel import compile_kernel, this_machine
from dev.package import command as package
from dev.package import elf
from dev.package.layer import ARCHITECTURES
from dev.package.zips import write_zip

REQUIREMENTS = package.PROJECT / "requirements"
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


@pytest.mark.parametrize("name", ["layer.txt", "dev.txt", "checkov.txt"])
def test_locks_pin_every_package_with_hashes_and_name_no_index(name: str) -> None:
    text = (REQUIREMENTS / name).read_text()
    pins = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[[^\]]*\])?==\S+", text, re.MULTILINE)
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", text) if "==" in entry]
    assert pins
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"index-url|find-links|https?://|file://", text)


def test_tests_run_on_the_versions_that_ship() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (REQUIREMENTS / name).read_text()
        return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))

    shipped, tested = pins("layer.txt"), pins("dev.txt")
    assert {name: tested.get(name) for name in shipped} == shipped


def test_the_layers_lock_covers_every_runtime_dependency() -> None:

    project = tomllib.loads((package.PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    locked = (REQUIREMENTS / "layer.txt").read_text()
    for dependency in project["lambda"]:
        name = re.split(r"[<>=!~\[; ]", dependency)[0]
        assert re.search(rf"^{re.escape(name)}==", locked, re.MULTILINE), f"{name}: run `make lock`"


def test_kernel_compiles_for_this_machine_and_builds_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package.main(["--kernel", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"compiled {library.path().relative_to(package.PROJECT)}\n"
    assert library.path().read_bytes() == compile_kernel(this_machine())
    assert not [*tmp_path.iterdir()]


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
    hashed = (tmp_path / "first" / "catalog.sha256").read_text()
    for name in package.FUNCTIONS:
        with zipfile.ZipFile(tmp_path / "first" / f"{name}.zip") as archive:
            catalog = archive.read("clickstream_lake/catalogs/clickstream.json")
        assert hashed == f"{hashlib.sha256(catalog).hexdigest()}\n"
    kernels = [f"{NATIVE}/kernel-linux-{name}.so" for name in MACHINES]
    for name, expected in {"transform": kernels, "compact": []}.items():
        with zipfile.ZipFile(tmp_path / "first" / f"{name}.zip") as archive:
            files = archive.namelist()
        assert [file for file in files if "kernel-" in file] == expected
        assert {Path(file).suffix for file in files} <= {".py", ".pyc", ".json", ".so"}
    for architecture in ARCHITECTURES:
        # What is under Lambda's direct limit deploys fast and starts fast.
        assert (tmp_path / "first" / f"layer-{architecture}.zip").stat().st_size < 50 * 1024 * 1024

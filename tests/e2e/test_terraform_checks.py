"""Terraform's own checks: format, validity, `terraform test` with a mocked provider, checkov."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.demo import terraform
from tests.catalogs import EXAMPLES
from tests.e2e.needs import need_terraform

# In one process, for the sake of its fixtures.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("terraform-checks")]

PROJECT = terraform.checkout()
TERRAFORM = PROJECT / "terraform"


def missing(what: str) -> None:
    """Skip; in CI, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that neither lock file nor plugins are left in the project."""
    need_terraform()
    copy = tmp_path_factory.mktemp("terraform") / "project"
    ignore = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars")
    shutil.copytree(TERRAFORM, copy / "terraform", ignore=ignore)
    catalogs = "src/clickstream_lake/catalogs"
    shutil.copytree(PROJECT / catalogs, copy / catalogs)
    packages = terraform._placeholder_packages(copy / "terraform" / "tests")
    for name in ("app", "orders"):
        shutil.copy(EXAMPLES / f"{name}.json", packages)
    turns = (packages / "app.json").read_text().replace('"hour"]', '"turn"]')
    (packages / "turns.json").write_text(turns)
    same = (packages / "app.json").read_text().replace("app_events_rejects", "clickstream_rejects")
    (packages / "same.json").write_text(same)
    for name, changed in changed_orders().items():
        (packages / f"orders-{name}.json").write_text(json.dumps(changed))
    return copy


def changed_orders() -> dict[str, Any]:
    """The catalog of orders as people change it, by what they did."""
    text = (EXAMPLES / "orders.json").read_text()
    found = {name: json.loads(text) for name in ("added", "moved", "dropped", "renamed", "retyped")}
    coupon = {"name": "coupon", "type": "string"}
    found["added"]["columns"].insert(1, {**coupon, "added": "2025-11-26"})
    found["moved"]["columns"].insert(1, coupon)
    found["dropped"]["columns"].pop(4)
    found["renamed"]["columns"][4]["name"] = "amount"
    found["retyped"]["columns"][4]["type"] = "string"
    return found


def run(directory: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        [terraform.terraform_binary(), f"-chdir={directory}", *arguments],
        env=terraform._environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_format_is_terraforms_own(tree: Path) -> None:
    assert run(tree / "terraform", "fmt", "-check", "-recursive") == ""


ROOTS = [".", *sorted(f"examples/{path.name}" for path in TERRAFORM.glob("examples/*"))]


@pytest.mark.parametrize("root", ROOTS)
def test_it_is_valid(tree: Path, root: str) -> None:
    directory = tree / "terraform" / root
    terraform._init(directory)
    assert "valid" in run(directory, "validate", "-no-color")


@pytest.mark.parametrize("file", sorted(path.name for path in TERRAFORM.glob("tests/*.hcl")))
def test_its_tests_pass_with_a_mocked_provider(tree: Path, file: str) -> None:
    directory = tree / "terraform"
    terraform._init(directory)
    said = run(directory, "test", "-no-color", f"-filter=tests/{file}")
    assert "0 failed" in said
    assert " 0 passed" not in said


def test_another_configuration_calls_the_module_as_its_page_says(
    tree: Path, tmp_path: Path
) -> None:
    project, caller = tmp_path / "project", tmp_path / "caller"
    shutil.copytree(tree, project, ignore=shutil.ignore_patterns(".terraform*", "tests"))
    for command in (["init"], ["add", "."], ["commit", "--message=x"], ["tag", "v0.1.0"]):
        git(project, *command)
    page = (TERRAFORM / "README.md").read_text()
    usage = page.split("```hcl\n")[1].split("```")[0]
    assert "git::https://example.com/clickstream-lake.git//terraform?ref=v0.1.0" in usage
    terraform._placeholder_packages(caller)
    shutil.copytree(tree / "terraform/tests/mocks", caller / "tests/mocks")
    (caller / "main.tf").write_text(
        usage.replace("https://example.com/clickstream-lake.git", f"file://{project}")
    )
    (caller / "tests" / "usage.tftest.hcl").write_text(
        """
        mock_provider "aws" {
          source = "./tests/mocks"
        }

        run "usage" {
          command = plan

          assert {
            condition     = output.lake.tables.orders.parquet == "orders_clickstream_events_parquet"
            error_message = "The module must be called."
          }
        }
        """
    )
    terraform._init(caller)
    assert "1 passed, 0 failed" in run(caller, "test", "-no-color")


def git(directory: Path, *arguments: str) -> None:
    """Git, whoever uses it and however they have set it up."""
    person = {
        f"GIT_{role}_{key}": "test@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
    }
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(  # noqa: S603 - our own command
        ["git", f"--git-dir={directory / '.git'}", f"--work-tree={directory}", *arguments],  # noqa: S607 - the one on the PATH
        cwd=directory,
        env={**os.environ, **person, **alone},
        capture_output=True,
        check=True,
    )


def test_the_example_settings_are_accepted(tree: Path) -> None:
    directory = tree / "terraform"
    terraform._init(directory)
    example = TERRAFORM / "terraform.tfvars.example"
    said = run(directory, "test", f"-var-file={example}", "-filter=tests/wiring.tftest.hcl")
    assert "0 failed" in said


def test_checkov_finds_nothing_unexplained(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        missing("uv is not installed beside this interpreter")
    lock = PROJECT / "dev/locks/checkov.txt"
    venv = str(tmp_path / "venv")
    install = ["pip", "install", "--quiet", "--require-hashes", f"--python={venv}"]
    for arguments in (["venv", "--quiet", venv], [*install, f"--requirement={lock}"]):
        done = subprocess.run(  # noqa: S603 - our own command
            [uv, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    checked = subprocess.run(  # noqa: S603 - our own command
        [
            tmp_path / "venv" / "bin" / "checkov",
            "--config-file",
            TERRAFORM / ".checkov.yaml",
            "--directory",
            TERRAFORM,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert "Failed checks: 0" in checked.stdout
    assert "Parsing errors" not in checked.stdout


def test_every_skipped_finding_has_a_reason() -> None:
    skips = [
        line.strip()
        for file in TERRAFORM.rglob("*.tf")
        for line in file.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert skips
    assert all(len(skip.split(":", 2)[2]) > 20 for skip in skips)

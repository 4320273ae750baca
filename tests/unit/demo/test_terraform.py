import json
import platform
import stat
from pathlib import Path

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.terraform import TerraformFailedError, TerraformMissingError
from clickstream_lake.sandbox.errors import SandboxError

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
BUILD = f"{platform.system().lower()}_{MACHINE}"
PROVIDER = "registry.terraform.io/hashicorp/aws"


def fake_terraform(
    directory: Path, script: str, monkeypatch: pytest.MonkeyPatch, *, status: int = 0
) -> None:
    program = directory / "terraform"
    program.write_text(f"#!/bin/sh\n{script}\nexit {status}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


@pytest.mark.parametrize("below", ["", "plugins", "share/plugins"])
@pytest.mark.parametrize(
    "build", [f"5.100.0/{BUILD}/provider", f"terraform-provider-aws_5.100.0_{BUILD}.zip"]
)
def test_an_unpacked_or_packed_mirror_is_found_a_few_levels_deep(
    below: str, build: str, tmp_path: Path
) -> None:
    file = tmp_path / below / PROVIDER / build
    file.parent.mkdir(parents=True)
    file.touch()
    assert terraform.provider_mirror([tmp_path / "nowhere", tmp_path]) == tmp_path / below


def test_another_machines_build_is_no_mirror(tmp_path: Path) -> None:
    (tmp_path / PROVIDER / "5.100.0" / "plan9_mips").mkdir(parents=True)
    assert terraform.provider_mirror([tmp_path]) is None


def test_a_named_plugin_directory_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / PROVIDER / "5.100.0" / BUILD).mkdir(parents=True)
    monkeypatch.setenv("TF_PLUGIN_DIR", str(tmp_path))
    assert terraform.provider_mirror() == tmp_path


def test_without_terraform_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TerraformMissingError, match="install Terraform"):
        terraform.terraform_binary()


def test_a_command_that_fails_says_what_terraform_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_terraform(tmp_path, "echo 'no such thing' >&2", monkeypatch, status=1)
    with pytest.raises(TerraformFailedError, match="terraform output: no such thing"):
        terraform.outputs(tmp_path)


def test_an_apply_that_fails_tells_summary_and_detail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = {"@level": "error", "@message": "Error: bad", "diagnostic": {"detail": "very bad"}}
    fake_terraform(tmp_path, f"echo '{json.dumps(message)}'", monkeypatch, status=1)
    with pytest.raises(TerraformFailedError, match="Error: bad\nvery bad"):
        terraform.destroy(tmp_path)


def test_progress_names_each_resource_that_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = {"type": "apply_complete", "hook": {"resource": {"addr": "aws_s3_bucket.lake"}}}
    script = f"echo 'a warning in plain text'; echo '{json.dumps(message)}'"
    fake_terraform(tmp_path, script, monkeypatch)
    told: list[str] = []
    terraform.destroy(tmp_path, progress=told.append)
    assert told == ["aws_s3_bucket.lake"]


def test_nothing_of_the_users_account_reaches_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("TF_VAR_name", "production")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing"))
    environment = terraform._environment()
    assert not {"AWS_PROFILE", "TF_VAR_name", "TF_CLI_CONFIG_FILE"} & environment.keys()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('provider "aws" {}', "sandbox_override.tf.json"),
        ('resource "aws_s3_bucket" "lake" {}', "sandbox.tf.json"),
    ],
)
def test_a_provider_block_is_overridden_and_none_is_added(
    text: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(text)
    (tmp_path / name).touch(mode=0o644)  # an earlier version's
    terraform._write_provider(tmp_path, "http://127.0.0.1:5000", "SANDBOXA", "eu-central-1")
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (block,) = json.loads((tmp_path / name).read_text())["provider"]["aws"]
    assert set(block["endpoints"].values()) == {"http://127.0.0.1:5000"}
    assert (block["region"], block["access_key"]) == ("eu-central-1", "SANDBOXA")


def test_blocks_with_an_alias_keep_their_region(tmp_path: Path) -> None:
    own = 'provider "aws" {\n  region = "a"\n}\n'
    other = 'provider "aws" {\n  region = "b"\n  alias  = "west"\n}\n'
    (tmp_path / "main.tf").write_text(f"{own}\n{other}")
    tags = {"Owner": "us"}
    terraform._write_provider(tmp_path, "http://127.0.0.1:5000", "SANDBOXA", tags=tags)
    written = json.loads((tmp_path / "sandbox_override.tf.json").read_text())["provider"]["aws"]
    assert [(each.get("alias"), each.get("region")) for each in written] == [
        (None, "us-east-1"),
        ("west", None),
    ]
    assert [each["default_tags"] for each in written] == [{"tags": tags}] * 2


def test_the_tree_is_copied_without_state_and_secrets(tmp_path: Path) -> None:
    directory = terraform._lay_out(tmp_path, "terraform")
    assert (directory / "versions.tf").exists()
    assert (tmp_path / "tree/src/clickstream_lake/catalogs/clickstream.json").exists()
    assert not (directory / "tests").exists()
    assert not [*directory.rglob("*.tfstate"), *directory.rglob("*.tfvars")]


def test_packages_are_found_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packages = terraform._placeholder_packages(Path("work"))
    assert packages == tmp_path / "work" / "packages"
    assert (packages / "transform.zip").is_file()


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package as an installation has it: its files, and nothing around them."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(terraform, "__file__", str(folder / "clickstream_lake/demo/terraform.py"))


def test_without_a_checkout_the_error_says_in_one_line_what_to_do_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch)
    with pytest.raises(SandboxError, match=r"^[^\n]*inside a checkout of the project[^\n]*$"):
        terraform.by_terraform(tmp_path, {})


def test_a_checkout_is_found_around_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch)
    (tmp_path / "project/terraform").mkdir(parents=True)
    catalog = tmp_path / "project/src/clickstream_lake/catalogs/clickstream.json"
    catalog.parent.mkdir(parents=True)
    catalog.touch()
    monkeypatch.chdir(catalog.parent)
    assert terraform.checkout() == tmp_path / "project"


def test_another_terraform_directory_on_the_way_is_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch)
    (tmp_path / "terraform").mkdir()
    with pytest.raises(TerraformMissingError):
        terraform.checkout()


def test_outside_of_it_an_editable_installation_still_knows_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert terraform.checkout() == Path(__file__).parents[3]

import json
import platform
import stat
from pathlib import Path

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.terraform import Drift, TerraformFailedError, TerraformMissingError

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
    with pytest.raises(TerraformFailedError, match="terraform plan: no such thing"):
        terraform.plan_drift(tmp_path)


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
    terraform._write_provider(tmp_path, "http://127.0.0.1:5000", "eu-central-1")
    block = json.loads((tmp_path / name).read_text())["provider"]["aws"]
    assert set(block["endpoints"].values()) == {"http://127.0.0.1:5000"}
    assert block["region"] == "eu-central-1"


def test_the_tree_is_copied_without_state_and_secrets(tmp_path: Path) -> None:
    directory = terraform._lay_out(tmp_path, "terraform")
    assert (directory / "versions.tf").exists()
    assert (tmp_path / "tree/src/clickstream_lake/catalogs/clickstream.json").exists()
    assert not (directory / "tests").exists()
    assert not [*directory.rglob("*.tfstate"), *directory.rglob("*.tfvars")]


def test_only_what_would_change_is_drift() -> None:
    def change(address: str, actions: list[str], **rest: object) -> dict[str, object]:
        return {"address": address, "change": {"actions": actions, **rest}}

    plan = {
        "resource_changes": [
            change("same", ["no-op"], before={}, after={}),
            change("data", ["read"], before=None, after={}),
            change(
                "queue",
                ["update"],
                before={"policy": "a", "tags": {}, "url": "x"},
                after={"policy": "b", "tags": {}},
                after_unknown={"url": True},
            ),
        ]
    }
    assert list(terraform._drifts(plan)) == [Drift("queue", ("update",), ("policy", "url"))]


def test_packages_are_found_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packages = terraform._placeholder_packages(Path("work"))
    assert packages == tmp_path / "work" / "packages"
    assert (packages / "transform.zip").is_file()

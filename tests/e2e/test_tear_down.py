"""What docs/first-deployment.md says of tearing down: the lake goes, its bucket stays."""

import os
import subprocess
from pathlib import Path

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.resources import Resources
from tests.e2e.needs import need_terraform

# In one process, for the sake of its sandbox.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("tear-down")]

PAGE = Path(__file__).parents[2] / "docs" / "first-deployment.md"
KEPT = "raw/year=2025/month=11/day=26/events.gz"


def run(directory: Path, command: str) -> str:
    """A command of the page, where `terraform` means this directory."""
    done = subprocess.run(  # noqa: S603 - a command of our own page
        ["bash", "-c", f"set -euo pipefail; {command}"],  # noqa: S607 - the machine's shell
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env=os.environ | {"TF_IN_AUTOMATION": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_bucket_is_kept_with_its_raw_objects_and_can_be_taken_back(tmp_path: Path) -> None:
    need_terraform()
    page = PAGE.read_text(encoding="utf-8")
    (forget,) = [line for line in page.splitlines() if "state rm" in line]
    made = {}

    def provision(clients: Clients) -> Resources:
        key = clients.credentials.access_key_id
        made.update(terraform.apply(clients.endpoint, tmp_path, {}, access_key_id=key))
        queues = made["queues"]["events"]
        return Resources(
            bucket=made["bucket"],
            stream=made["streams"]["events"],
            database=made["database"],
            workgroup=made["workgroup"],
            queue_url=queues["transform"],
            dead_letter_url=queues["transform_dead"],
            compact_queue_url=queues["compact"],
        )

    with lake_sandbox(provision=provision, directory=tmp_path / "sandbox") as sandbox:
        s3 = sandbox.client("s3")
        s3.put_object(Bucket=made["bucket"], Key=KEPT, Body=b"kept")
        sandbox.wait_idle()

        run(tmp_path / "tree", forget.removeprefix("$ "))
        terraform.destroy(tmp_path)

        assert s3.get_object(Bucket=made["bucket"], Key=KEPT)["Body"].read() == b"kept"
        rules = s3.get_bucket_lifecycle_configuration(Bucket=made["bucket"])["Rules"]
        assert "events-raw" in {rule["ID"] for rule in rules}
        assert sandbox.client("lambda").list_functions()["Functions"] == []
        assert sandbox.client("glue").get_databases()["DatabaseList"] == []

        again = {"create_bucket": False, "bucket_name": made["bucket"]}
        key = sandbox.clients.credentials.access_key_id
        plan = terraform.plan(sandbox.endpoint, tmp_path, again, access_key_id=key)
        changes = {c["address"]: c["change"]["actions"] for c in plan["resource_changes"]}
        assert "aws_s3_bucket.lake[0]" not in changes
        assert not any("delete" in actions for actions in changes.values())

"""A state that the previous release's configuration made, planned by this one.

`previous/` has that configuration as it was released. At a release, put the new one in its place
(CONTRIBUTING.md).
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.sandbox.moto_fixes import moto_fixes
from tests.e2e.drift import Drift, plan_drift
from tests.e2e.needs import need_terraform
from tests.moto_server import moto_server

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("lake-formation")]

(PREVIOUS,) = Path(__file__).with_name("previous").glob("terraform-*.tar.xz")

# What holds events, rows, messages, names that producers and readers know, or an operator's doing.
DATA = {
    "aws_athena_workgroup",
    "aws_cloudwatch_log_group",
    "aws_glue_catalog_database",
    "aws_glue_catalog_table",
    "aws_kinesis_firehose_delivery_stream",
    "aws_kms_key",
    "aws_lambda_event_source_mapping",
    "aws_lambda_function",
    "aws_s3_bucket",
    "aws_sns_topic",
    "aws_sqs_queue",
}
# What an upgrade may make anew: docs/upgrading.md names it.
MAY_BE_REPLACED = {
    "aws_cloudwatch_dashboard",
    "aws_iam_role",
    "aws_iam_role_policy",
}
# What has no successor, as docs/upgrading.md says.
GONE = {
    'aws_sqs_queue.undelivered["events"]',
    'aws_sqs_queue_policy.queue["events-undelivered"]',
}
# All but what takes minutes to make, such as a bucket's lifecycle.
TARGETS = [
    "aws_athena_workgroup.lake",
    "aws_cloudwatch_dashboard.lake",
    "aws_cloudwatch_metric_alarm.lake",
    "aws_glue_catalog_table.lake",
    "aws_kinesis_firehose_delivery_stream.events",
    "aws_lambda_event_source_mapping.function",
    "aws_s3_bucket_notification.lake",
    "aws_s3_bucket_policy.lake",
    "aws_s3_object.guard",
    "aws_scheduler_schedule.compact",
    "aws_sns_topic.alarms",
]


@pytest.fixture
def endpoint() -> Iterator[str]:
    need_terraform()
    with moto_fixes(), moto_server() as address:
        yield address


def test_an_upgrade_replaces_nothing_that_holds_data(endpoint: str, tmp_path: Path) -> None:
    # The lake's name is not the former default of the database's.
    settings: dict[str, Any] = {"name": "shop", "kms_enabled": True}
    directory = previous(tmp_path, endpoint, settings)
    terraform._run(
        directory, ["apply", "-auto-approve", *(f"-target={target}" for target in TARGETS)]
    )
    made = {line.split("[")[0].split(".")[0] for line in listed(directory)}
    assert made >= DATA
    # This one, in the same directory.
    assert terraform._lay_out(tmp_path, "terraform") == directory
    terraform._write_provider(directory, endpoint, "sandbox")
    changes = plan_drift(tmp_path)
    gone = [change for change in changes if change.actions == ("delete",)]
    assert {change.address for change in gone} == GONE
    replaced = [change for change in changes if {"delete", "create"} <= {*change.actions}]
    assert {kind_of(change) for change in replaced} == MAY_BE_REPLACED
    assert not [change for change in changes if kind_of(change) == "aws_s3_bucket"]


def previous(workdir: Path, endpoint: str, settings: dict[str, Any]) -> Path:
    """The previous configuration's directory, ready to be applied."""
    with tarfile.open(PREVIOUS) as archive:
        archive.extractall(workdir / "tree", filter="data")
    directory = terraform._directory(workdir, "terraform")
    catalog = workdir / "tree" / "src/clickstream_lake/catalogs/clickstream.json"
    packages = terraform._placeholder_packages(workdir)
    # The previous version compared catalogs by it.
    digest = hashlib.sha256(catalog.read_bytes()).hexdigest()
    (packages / "catalog.sha256").write_text(f"{digest}\n")
    terraform._write_provider(directory, endpoint, "sandbox")
    (directory / terraform._SETTINGS_FILE).write_text(
        json.dumps({"package_dir": str(packages), **settings})
    )
    terraform._init(directory)
    return directory


def listed(directory: Path) -> list[str]:
    return [line for line in terraform._run(directory, ["state", "list"]).splitlines() if line]


def kind_of(change: Drift) -> str:
    return change.address.split(".")[0]

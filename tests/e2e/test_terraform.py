"""The real AWS provider applies the project's Terraform to the stand-in; events flow through."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.moto_fixes import queued_messages
from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.e2e.drift import Drift, plan_drift

# In one process, for the sake of its fixtures.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("terraform")]

# Metrics of ours that a short healthy run has no occasion to count.
ONLY_WITH_TROUBLE = {
    "FilesAfter",
    "FilesBefore",
    "FilesDeleted",
    "ObjectsUndelivered",
    "PartitionsCompacted",
    "PartitionsFailed",
}

# What a second plan would change although nothing changed: address without its key -> attributes.
# Each entry is a fault of the stand-in, named; the list is empty because `moto_fixes` mends
# those that were found.
MISREPORTED: dict[str, set[str]] = {}


@dataclass(frozen=True)
class Configuration:
    """A root module, its variables, and the streams that it makes."""

    root: str
    variables: dict[str, Any] = field(default_factory=dict)
    streams: tuple[str, ...] = ("events",)
    partition_keys: tuple[str, ...] = ("year", "month", "day")
    alarms: bool = False


CONFIGURATIONS = {
    "minimal": Configuration("terraform/examples/minimal"),
    "production": Configuration(
        "terraform/examples/production",
        # What the law wants kept cannot be destroyed.
        {"raw_legal_retention_days": None, "force_destroy": True},
        streams=("web", "orders"),
        partition_keys=("year", "month", "day", "hour"),
        alarms=True,
    ),
}


@pytest.fixture(autouse=True)
def provider() -> None:
    """Without Terraform and its provider there is nothing to try; in CI that is a failure."""
    if shutil.which("terraform") and terraform.provider_mirror():
        return
    reason = (
        "Terraform or a local copy of its AWS provider is missing: put the provider under "
        "~/.terraform.d/plugins, or name its directory in TF_PLUGIN_DIR"
    )
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_applies_carries_events_does_not_drift_and_goes_without_a_trace(
    name: str, tmp_path: Path
) -> None:
    configuration = CONFIGURATIONS[name]
    with applied(configuration, tmp_path) as (sandbox, outputs):
        assert set(outputs["streams"]) == set(configuration.streams)
        assert tuple(outputs["partition_keys"]) == configuration.partition_keys
        sandbox.wait_idle()
        assert bool(sandbox.alarms()) == configuration.alarms
        assert ringing(sandbox) == []
        assert waiting() == []
        for number, key in enumerate(configuration.streams):
            send(sandbox, outputs["streams"][key], 100 * (number + 1))
        sandbox.wait_idle()
        for number, key in enumerate(configuration.streams):
            tables = outputs["tables"][key]
            expected = 100 * (number + 1)
            assert count(sandbox, outputs, tables["json"]) == expected
            assert count(sandbox, outputs, tables["parquet"]) == expected
            assert count(sandbox, outputs, tables["rejects"]) == 1
        ticks = sandbox.tick("compact")
        assert len(ticks) == len(configuration.streams)
        assert not [tick for tick in ticks if tick.outcome.failed]
        sandbox.wait_idle()
        check_dashboard(sandbox)
        assert ringing(sandbox) == []
        assert waiting() == []
        drift = plan_drift(tmp_path, root=configuration.root)
        assert [each for each in drift if not misreported(each)] == []
        terraform.destroy(tmp_path, root=configuration.root)
        assert left_behind(sandbox) == []


@contextmanager
def applied(
    configuration: Configuration, workdir: Path
) -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    outputs: dict[str, Any] = {}

    def provision(clients: Clients) -> Resources:
        outputs.update(
            terraform.apply(
                clients.endpoint,
                workdir,
                configuration.variables,
                access_key_id=clients.credentials.access_key_id,
                root=configuration.root,
            )["lake"]
        )
        key = configuration.streams[0]
        return Resources(
            bucket=outputs["bucket"],
            stream=outputs["streams"][key],
            database=outputs["database"],
            workgroup=outputs["workgroup"],
            queue_url=outputs["queues"][key]["transform"],
            dead_letter_url=outputs["queues"][key]["transform_dead"],
            compact_queue_url=outputs["queues"][key]["compact"],
        )

    with lake_sandbox(provision=provision, directory=workdir / "sandbox") as sandbox:
        yield sandbox, outputs


def send(sandbox: Sandbox, stream: str, events: int) -> None:
    """Events without a delimiter of their own, and one line that is none."""
    now = datetime.now(UTC).isoformat()
    records = [
        json.dumps({"event_id": f"e{n}", "event_type": "click", "event_ts": now, "user_id": "u"})
        for n in range(events)
    ]
    records.append("no JSON")
    for start in range(0, len(records), 500):
        batch = [{"Data": record.encode()} for record in records[start : start + 500]]
        answer = sandbox.client("firehose").put_record_batch(
            DeliveryStreamName=stream, Records=batch
        )
        assert answer["FailedPutCount"] == 0


def ringing(sandbox: Sandbox) -> list[str]:
    """The alarms that are not well now: that ring, or that the sandbox cannot judge."""
    return [name for name, state in sandbox.alarms().items() if state != "OK"]


def waiting() -> list[str]:
    """Queues with a message; once all is done, nobody will read it."""
    return [name for name, messages in queued_messages().items() if messages]


def check_dashboard(sandbox: Sandbox) -> None:
    """Every metric of ours that the dashboard draws was really counted by a function."""
    cloudwatch = sandbox.client("cloudwatch")
    counted = {
        name
        for log in sandbox.log_dir.glob("*.log")
        for line in log.read_text().splitlines()
        if '"_aws"' in line
        for directive in json.loads(line[line.index("{") :])["_aws"]["CloudWatchMetrics"]
        for name in (metric["Name"] for metric in directive["Metrics"])
    }
    for entry in cloudwatch.list_dashboards()["DashboardEntries"]:
        body = cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
        drawn = {
            metric[1]
            for widget in json.loads(body)["widgets"]
            for metric in widget["properties"]["metrics"]
            if metric[0] == "Clickstream"
        }
        assert drawn
        assert drawn - counted <= ONLY_WITH_TROUBLE


def count(sandbox: Sandbox, outputs: dict[str, Any], table: str) -> int:
    """The rows of a table, by the Athena API and the workgroup that Terraform made."""
    athena = sandbox.client("athena")
    execution = athena.start_query_execution(
        QueryString=f"SELECT COUNT(*) FROM {table}",  # noqa: S608 - our own table's name
        QueryExecutionContext={"Database": outputs["database"]},
        WorkGroup=outputs["workgroup"],
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
            return int(rows[1]["Data"][0]["VarCharValue"])
        assert status["State"] in {"QUEUED", "RUNNING"}, status


def misreported(drift: Drift) -> bool:
    attributes = MISREPORTED.get(drift.address.split("[")[0], set())
    return drift.actions == ("update",) and set(drift.attributes) <= attributes


def left_behind(sandbox: Sandbox) -> list[str]:
    """Everything that a destroy should have taken with it, by service."""
    client = sandbox.client
    found = {
        "bucket": [b["Name"] for b in client("s3").list_buckets()["Buckets"]],
        "queue": client("sqs").list_queues().get("QueueUrls", []),
        "function": [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
        "layer": [layer["LayerName"] for layer in client("lambda").list_layers()["Layers"]],
        "mapping": [
            mapping["UUID"]
            for mapping in client("lambda").list_event_source_mappings()["EventSourceMappings"]
        ],
        "stream": client("firehose").list_delivery_streams()["DeliveryStreamNames"],
        "database": [d["Name"] for d in client("glue").get_databases()["DatabaseList"]],
        "schedule": [s["Name"] for s in client("scheduler").list_schedules()["Schedules"]],
        "role": [r["RoleName"] for r in client("iam").list_roles()["Roles"]],
        "log group": [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
        "alarm": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topic": [t["TopicArn"] for t in client("sns").list_topics()["Topics"]],
    }
    return [f"{kind} {name}" for kind, names in found.items() for name in names]

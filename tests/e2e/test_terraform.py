"""The real AWS provider applies the project's Terraform to the stand-in; events flow through."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from moto.signer.models import signer_backends

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.generate.by_columns import generate_by_columns
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.firehose import ACCOUNT
from clickstream_lake.sandbox.moto_fixes import queued_messages
from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.catalogs import EXAMPLES
from tests.e2e.drift import Drift, plan_drift
from tests.e2e.needs import need_terraform

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
    """A root module, its variables, and the streams that it makes, with their catalogs."""

    root: str
    variables: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, Path] = field(default_factory=lambda: {"events": CATALOG_PATH})
    alarms: bool = False


CONFIGURATIONS = {
    "minimal": Configuration("terraform/examples/minimal"),
    "production": Configuration(
        "terraform/examples/production",
        # What the law wants kept cannot be destroyed.
        {"raw_legal_retention_days": None, "force_destroy": True},
        streams={
            "web": CATALOG_PATH,
            "app": EXAMPLES / "app.json",
            "orders": EXAMPLES / "orders.json",
        },
        alarms=True,
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_applies_carries_events_does_not_drift_and_goes_without_a_trace(
    name: str, tmp_path: Path
) -> None:
    need_terraform()
    configuration = CONFIGURATIONS[name]
    with applied(configuration, tmp_path) as (sandbox, outputs):
        assert set(outputs["streams"]) == set(configuration.streams)
        catalogs = {key: load_catalog(file) for key, file in configuration.streams.items()}
        assert {key: tuple(names) for key, names in outputs["partition_keys"].items()} == {
            key: catalog.partition_keys for key, catalog in catalogs.items()
        }
        sandbox.wait_idle()
        assert bool(sandbox.alarms()) == configuration.alarms
        assert ringing(sandbox) == []
        assert waiting() == []
        for number, (key, catalog) in enumerate(catalogs.items()):
            send(sandbox, outputs["streams"][key], 100 * (number + 1), catalog)
        sandbox.wait_idle()
        for number, (key, catalog) in enumerate(catalogs.items()):
            tables = outputs["tables"][key]
            expected = 100 * (number + 1)
            # Of a column of its own.
            assert count(sandbox, outputs, tables["json"], catalog.event_time) == expected
            assert count(sandbox, outputs, tables["parquet"], catalog.event_time) == expected
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


# More than S3 takes of an object, and one that IAM takes for the module's own.
MANY_TAGS = {f"cost-{number}": "x" for number in range(11)} | {"project": "analytics"}

# What is there before: of others, and what `caller` takes its code from.
OTHERS = {"bucket": ["ours", "releases"], "database": ["shared"]}


def test_lakes_live_beside_each_other_and_in_what_is_there(tmp_path: Path) -> None:
    """All other examples, two at once: their waits would take minutes one after the other."""
    need_terraform()
    variables: dict[str, dict[str, Any]] = {}
    outputs: dict[str, dict[str, Any]] = {}

    def each(work: Callable[[str], Any]) -> list[Any]:
        # Two at a time: of four, on a busy machine, a call's answer may be lost, and who asks
        # again is told that it exists.
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(work, variables))

    def root(name: str) -> str:
        return f"terraform/examples/{name}"

    def provision(clients: Clients) -> Resources:
        variables.update(what_the_examples_ask_for(clients, tmp_path))

        def apply(name: str) -> None:
            outputs[name] = terraform.apply(
                clients.endpoint,
                tmp_path / name,
                variables[name],
                access_key_id=clients.credentials.access_key_id,
                root=root(name),
                tags=MANY_TAGS,
            )

        each(apply)
        return resources_of(outputs["caller"]["lake"], "events")

    with lake_sandbox(provision=provision, directory=tmp_path / "sandbox") as sandbox:
        two = outputs["two-lakes"]["lakes"]
        assert len({lake["bucket"] for lake in two.values()}) == len(two)
        lakes = [two["shop"], two["blog"]]
        lakes += [outputs[name]["lake"] for name in ("existing-bucket", "caller")]
        for number, lake in enumerate(lakes):
            send(sandbox, lake["streams"]["events"], 10 + number, load_catalog())
        sandbox.wait_idle()
        for number, lake in enumerate(lakes):
            for table in ("json", "parquet"):
                assert count(sandbox, lake, lake["tables"]["events"][table]) == 10 + number
        assert not [tick for tick in sandbox.tick("compact") if tick.outcome.failed]
        # What regions share: none has taken another's place.
        dashboards = sandbox.client("cloudwatch").list_dashboards()["DashboardEntries"]
        assert {entry["DashboardName"] for entry in dashboards} == {
            *("shop-us-east-1", "blog-us-east-1", "guest-us-east-1", "analytics-us-east-1"),
            "shop-eu-west-1",
        }
        for drift in each(lambda name: plan_drift(tmp_path / name, root=root(name))):
            assert drift == []
        each(lambda name: terraform.destroy(tmp_path / name, root=root(name)))
        assert {
            kind: names for kind, names in found(sandbox).items() if names and kind != "key"
        } == OTHERS
        kept = sandbox.client("s3").list_objects_v2(Bucket="ours", Prefix="clickstream/raw/")
        assert kept["KeyCount"] == 1


def what_the_examples_ask_for(clients: Clients, workdir: Path) -> dict[str, dict[str, Any]]:
    """Make what is there before them, and tell the variables of each."""
    for bucket in OTHERS["bucket"]:
        clients.s3.create_bucket(Bucket=bucket)
    clients.glue.create_database(DatabaseInput={"Name": "shared"})
    key = clients.client("kms").create_key()["KeyMetadata"]["Arn"]
    packages = terraform._placeholder_packages(workdir)
    sums = []
    for file in packages.iterdir():
        clients.s3.put_object(Bucket="releases", Key=f"v1/{file.name}", Body=file.read_bytes())
        sums.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
    (workdir / "SHA256SUMS").write_text("".join(sums))
    return {
        "two-lakes": {"force_destroy": True},
        "existing-bucket": {"bucket_name": "ours", "database_name": "shared", "kms_key_arn": key},
        "caller": {
            "force_destroy": True,
            "release_location": "releases/v1",
            "release_checksums": str(workdir / "SHA256SUMS"),
        },
    }


def test_signing_can_be_turned_on_again(tmp_path: Path) -> None:
    """The service keeps a profile's name for ever."""
    need_terraform()
    profile = ["aws_signer_signing_profile.lake"]
    settings = {"code_signing_enabled": True}
    with lake_sandbox(directory=tmp_path / "sandbox") as sandbox:
        key = sandbox.clients.credentials.access_key_id
        for _ in range(2):
            terraform.apply(
                sandbox.endpoint, tmp_path, settings, access_key_id=key, targets=profile
            )
            terraform.destroy(tmp_path)
        # moto has no operation that lists them.
        kept = signer_backends[ACCOUNT][sandbox.clients.region].signing_profiles
        assert [one.status for one in kept.values()] == ["Canceled", "Canceled"]


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
        return resources_of(outputs, next(iter(configuration.streams)))

    with lake_sandbox(provision=provision, directory=workdir / "sandbox") as sandbox:
        yield sandbox, outputs


def resources_of(lake: dict[str, Any], stream: str) -> Resources:
    """What the sandbox has to know of the lake that a module call made."""
    return Resources(
        bucket=lake["bucket"],
        stream=lake["streams"][stream],
        database=lake["database"],
        workgroup=lake["workgroup"],
        queue_url=lake["queues"][stream]["transform"],
        dead_letter_url=lake["queues"][stream]["transform_dead"],
        compact_queue_url=lake["queues"][stream]["compact"],
    )


def send(sandbox: Sandbox, stream: str, events: int, catalog: Catalog) -> None:
    """Events without a delimiter of their own, and one line that is none."""
    personal = sorted(catalog.pii_keys)
    lines = generate_by_columns(
        1, events, datetime.now(UTC), columns=catalog.sent, personal=personal
    )
    records = [*(line.rstrip(b"\n") for line in lines), b"no JSON"]
    for start in range(0, len(records), 500):
        batch = [{"Data": record} for record in records[start : start + 500]]
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


def count(sandbox: Sandbox, outputs: dict[str, Any], table: str, column: str = "*") -> int:
    """Rows that have a column, by the Athena API and the workgroup that Terraform made."""
    athena = sandbox.client("athena")
    execution = athena.start_query_execution(
        QueryString=f"SELECT COUNT({column}) FROM {table}",  # noqa: S608 - our own table's name
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
    """Everything that a destroy should have taken with it."""
    return [f"{kind} {name}" for kind, names in found(sandbox).items() for name in names]


def found(sandbox: Sandbox) -> dict[str, list[str]]:
    """What there is, by kind."""
    client = sandbox.client
    return {
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

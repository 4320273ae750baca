"""The runbook, rehearsed: break the lake, see that, do what the page says, and see it well.

Commands are read from the page, and those of `terraform output commands` from `outputs.tf`, and run
by AWS's own command line.
"""

import base64
import gzip
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.e2e.test_docs_commands import PROJECT, environment_of, programs

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("runbook")]

__all__ = ["programs"]  # a fixture

RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
OUTPUTS = (PROJECT / "terraform" / "outputs.tf").read_text(encoding="utf-8")
TODAY = f"{datetime.now(UTC):year=%Y/month=%m/day=%d}"
TABLES = ("clickstream_events", "clickstream_events_parquet")
# What the page names and nobody rehearses here, and why.
NOT_REHEARSED = {
    "terraform output": "prints the commands that are run here",
    "terraform plan": "tests/e2e/test_terraform.py",
    "terraform apply": "the same",
    "make package": "the same",
    "clickstream catalog": "tests/e2e/test_evolution.py, where that alarm rings",
    "clickstream generate": "named as an example of code",
}


def sections() -> dict[str, str]:
    """The page's sections by their headings."""
    # Not the numbered comments of the shell.
    parts = re.split(r"^#+ (?!\d)(.+)\n", RUNBOOK, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def commands(section: str) -> list[str]:
    """The commands that a section names in its text, in order."""
    text = sections()[section]
    found = re.findall(r"`((?:aws|clickstream|SELECT|terraform|make) [^`]*)`", text)
    named = [" ".join(command.split()) for command in found]
    return [command for command in named if not command.startswith(tuple(NOT_REHEARSED))]


REHEARSED: dict[str, int] = {}
"""How many commands of which section a test runs."""
Test = TypeVar("Test", bound=Callable[..., None])


def rehearses(section: str, number: int = 1) -> Callable[[Test], Test]:
    """Say of which section a test runs all commands, and how many these are."""
    REHEARSED[section] = number
    return lambda test: test


class Clock:
    """A time that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Rehearsal:
    """A lake with somebody in front of it who has the runbook."""

    def __init__(self, sandbox: Sandbox, programs: Path, work: Path, clock: Clock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.work = work
        self.environment = environment_of(sandbox, programs)

    def do(self, section: str, number: int = 0, *blanks: str, status: int = 0) -> str:
        """Run a command of a section, with its `<blanks>` filled in; what it printed."""
        command = commands(section)[number]
        for blank in blanks:
            command = re.sub("<[^>]+>", blank, command, count=1)
        if command.startswith("SELECT"):
            command = f'clickstream query "{command}"'
        return self.shell(command, status)

    def output(self, name: str) -> str:
        """Run a command of `terraform output commands`."""
        (text,) = re.findall(rf'^ +{name} += "(.*)"$', OUTPUTS, re.MULTILINE)
        text = text.replace("${local.region}", "us-east-1").replace('\\"', '"')
        stream = self.sandbox.stream
        text = re.sub(
            r'\$\{aws_lambda_function\.function\["\$\{key\}-(\w+)"\]\.function_name\}',
            rf"{stream}-\1",
            text,
        )
        text = re.sub(
            r'\$\{aws_sqs_queue\.dead\["\$\{key\}-(\w+)"\]\.arn\}',
            lambda found: self.arn(f"{stream}-{found[1]}-dead"),
            text,
        )
        assert "${" not in text
        return self.shell(text)

    def shell(self, command: str, status: int = 0) -> str:
        """Run a command as it stands."""
        done = subprocess.run(  # noqa: S603 - our own pages
            ["bash", "-euo", "pipefail", "-c", command],  # noqa: S607 - the machine's shell
            capture_output=True,
            text=True,
            check=False,
            cwd=self.work,
            env=self.environment | {"COLUMNS": "200"},
        )
        assert done.returncode == status, f"{command}\n{done.stderr[-4_000:]}{done.stdout}"
        return done.stdout

    def arn(self, queue: str) -> str:
        sqs = self.sandbox.client("sqs")
        names = (queue, f"{queue}.fifo")
        (url,) = [
            url
            for url in sqs.list_queues(QueueNamePrefix=queue)["QueueUrls"]
            if url.rpartition("/")[2] in names
        ]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(asked["Attributes"]["QueueArn"])

    def send(self, name: str, content: bytes = b"") -> str:
        """Put a raw object with one event, of today."""
        key = f"raw/{TODAY}/{name}.gz"
        body = content or gzip.compress(json.dumps({"event_id": name}).encode() + b"\n")
        self.sandbox.client("s3").put_object(Bucket=self.sandbox.bucket, Key=key, Body=body)
        return key

    def events(self) -> list[str]:
        """The ids of all events, which both tables have to agree about."""
        self.sandbox.wait_idle()
        found = [
            [
                str(row[0])
                for row in self.sandbox.engine.execute(
                    f"SELECT event_id FROM {table} ORDER BY 1",  # noqa: S608 - our own names
                    self.sandbox.database,
                ).rows
            ]
            for table in TABLES
        ]
        assert found[0] == found[1]
        return found[0]

    def queue_holds(self, url: str) -> int:
        asked = self.sandbox.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(asked["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture(scope="module")
def rehearsal(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    work = tmp_path_factory.mktemp("runbook")
    never = "rate(3650 days)"
    settings = LakeSettings(
        max_receives=1,  # what fails is a dead letter as soon as it comes back
        compact_schedule=never,
        cleanup_schedule=never,
        audit_schedule=never,
        environment=(("LAKE_MIN_FILES", "2"), ("LAKE_AUDIT_GRACE_SECONDS", "0")),
    )
    clock = Clock()
    with lake_sandbox(
        provision=by_catalog(settings), directory=work / "sandbox", concurrency=1, clock=clock
    ) as sandbox:
        yield Rehearsal(sandbox, programs, work, clock)


@pytest.fixture(autouse=True)
def later(rehearsal: Rehearsal) -> None:
    """No alarm rings in one test for what another one has broken."""
    rehearsal.clock.now += timedelta(hours=6)


@rehearses("transform-dead-letters", 2)
def test_dead_letters_of_the_transform(rehearsal: Rehearsal) -> None:
    sandbox, name = rehearsal.sandbox, f"{rehearsal.sandbox.stream}-transform"
    functions = sandbox.client("lambda")
    well = functions.get_function_configuration(FunctionName=name)["Environment"]
    ill = {"Variables": well["Variables"] | {"LAKE_PARQUET_TABLE": "gone"}}
    functions.update_function_configuration(FunctionName=name, Environment=ill)
    key = rehearsal.send("failing")
    sandbox.wait_idle()
    dead = sandbox.resources.dead_letter_url
    assert rehearsal.queue_holds(dead) == 1
    told = rehearsal.do("transform-dead-letters", 0, dead)
    assert key.split("/")[-1] in told
    # The log says that there is no such table; that is mended.
    functions.update_function_configuration(FunctionName=name, Environment=well)
    rehearsal.do("transform-dead-letters", 1, rehearsal.arn(f"{name}-dead"))
    assert "failing" in wait_for(rehearsal, "failing")
    assert rehearsal.queue_holds(dead) == 0


def wait_for(rehearsal: Rehearsal, event: str) -> list[str]:
    """The events, once one of them has come: dead letters are moved back in their own time."""
    deadline = datetime.now(UTC) + timedelta(minutes=2)
    while event not in (found := rehearsal.events()) and datetime.now(UTC) < deadline:
        rehearsal.sandbox.wait_idle()
    return found


@rehearses("untaken-objects", 2)
def test_untaken_objects(rehearsal: Rehearsal) -> None:
    s3, bucket = rehearsal.sandbox.client("s3"), rehearsal.sandbox.bucket
    known = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    rehearsal.send("untold")
    assert "untold" not in rehearsal.events()
    assert "does not tell the transform's queue" in rehearsal.do("untaken-objects", 0, status=1)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": known}
    )
    assert "notification" in rehearsal.do("untaken-objects", 0)
    # By itself, at the next tick; an older one by hand.
    (tick,) = rehearsal.sandbox.tick("audit")
    assert json.loads(tick.outcome.payload)["requeued"] == 1
    assert "untold" in rehearsal.events()
    remove(rehearsal, "untold")
    assert "untold" not in rehearsal.events()
    (_, command) = commands("untaken-objects")
    rehearsal.shell(f"{command} --settle-minutes 0", status=1)
    assert "untold" in rehearsal.events()
    rehearsal.shell("clickstream audit --settle-minutes 0")


def remove(rehearsal: Rehearsal, name: str) -> None:
    """Delete the landing files of one raw object."""
    s3, bucket = rehearsal.sandbox.client("s3"), rehearsal.sandbox.bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="processed/")["Contents"]
    for key in [each["Key"] for each in listed if f"/{name}-" in each["Key"]]:
        s3.delete_object(Bucket=bucket, Key=key)


@rehearses("corrupt-objects")
def test_corrupt_objects(rehearsal: Rehearsal) -> None:
    before = rehearsal.events()
    key = rehearsal.send("damaged", b"this is no gzip")
    assert rehearsal.events() == before
    told = rehearsal.do("corrupt-objects", 0, "clickstream_rejects")
    assert key in told
    # Its producer sends it again, whole.
    rehearsal.send("damaged")
    assert sorted([*before, "damaged"]) == rehearsal.events()


@rehearses("undelivered")
def test_what_firehose_could_not_deliver(rehearsal: Rehearsal) -> None:
    s3, bucket = rehearsal.sandbox.client("s3"), rehearsal.sandbox.bucket
    event = gzip.compress(json.dumps({"event_id": "undelivered"}).encode() + b"\n")
    key = f"errors/processing-failed/{TODAY}/records"
    record = {"errorCode": "Lambda.Failed", "rawData": base64.b64encode(event).decode()}
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(record).encode() + b"\n")
    assert "undelivered" not in rehearsal.events()
    assert key in rehearsal.do("undelivered", 0, bucket)
    told = (rehearsal.sandbox.log_dir / f"{rehearsal.sandbox.stream}-transform.log").read_text()
    (line,) = [each for each in told.splitlines() if key in each]
    assert "firehose could not deliver records" in line
    # The cause is mended; what the record holds is sent again.
    listed = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    rehearsal.send("undelivered", base64.b64decode(json.loads(listed)["rawData"]))
    assert "undelivered" in rehearsal.events()


@rehearses("compaction-silent")
def test_a_schedule_that_is_off_is_seen(rehearsal: Rehearsal) -> None:
    scheduler, name = rehearsal.sandbox.client("scheduler"), f"{rehearsal.sandbox.stream}-compact"
    known = scheduler.get_schedule(Name=name)
    fields = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    given = {field: known[field] for field in fields}
    for state in ("DISABLED", "ENABLED"):
        scheduler.update_schedule(**given, State=state)
        # Terraform gives a lake's schedules a group of the lake's name.
        told = json.loads(rehearsal.do("compaction-silent", 0, known["GroupName"]))
        assert {each["Name"]: each["State"] for each in told["Schedules"]}[name] == state


@rehearses("throttles")
def test_throttles(rehearsal: Rehearsal) -> None:
    told = json.loads(rehearsal.do("throttles"))
    assert told["AccountLimit"]["ConcurrentExecutions"] > 0


def test_compaction_lags_and_is_done_now(rehearsal: Rehearsal) -> None:
    for number in range(3):
        rehearsal.send(f"small-{number}")
    before = rehearsal.events()
    assert '"queued": true' in rehearsal.output("compact_now")
    assert rehearsal.events() == before
    for table in TABLES:
        (partition,) = rehearsal.sandbox.client("glue").get_partitions(
            DatabaseName=rehearsal.sandbox.database, TableName=table
        )["Partitions"]
        assert "/compacted/" in partition["StorageDescriptor"]["Location"]


@pytest.mark.parametrize("kind", ["transform", "compact"])
def test_dead_letters_go_back_as_terraform_says(kind: str, rehearsal: Rehearsal) -> None:
    sqs, stream = rehearsal.sandbox.client("sqs"), rehearsal.sandbox.stream
    url = sqs.list_queues(QueueNamePrefix=f"{stream}-{kind}-dead")["QueueUrls"][0]
    fmt = f"{stream}-{kind}"
    before = rehearsal.events()
    body = json.dumps({"format": "json", "partition": TODAY})
    more = {"MessageGroupId": "g", "MessageDeduplicationId": fmt} if kind == "compact" else {}
    if kind == "transform":
        body = json.dumps({"Event": "s3:TestEvent"})
    sqs.send_message(QueueUrl=url, MessageBody=body, **more)
    rehearsal.output(f"retry_{kind}")
    deadline = datetime.now(UTC) + timedelta(minutes=1)
    while rehearsal.queue_holds(url) and datetime.now(UTC) < deadline:
        rehearsal.sandbox.wait_idle()
    assert rehearsal.queue_holds(url) == 0
    assert rehearsal.events() == before


@rehearses("Replay raw objects")
def test_replay(rehearsal: Rehearsal) -> None:
    rehearsal.send("replayed")
    before = rehearsal.events()
    (command,) = commands("Replay raw objects")
    today = command.replace("year=2025/month=11/day=26", TODAY)
    assert f"raw/{TODAY}/replayed.gz" in rehearsal.shell(f"{today} --json")
    rehearsal.shell(today.removesuffix(" --dry-run"))
    assert rehearsal.events() == before


def test_a_partition_is_rebuilt(rehearsal: Rehearsal) -> None:
    rehearsal.send("rebuilt")
    before = rehearsal.events()
    sql = f"SELECT MIN(processed_ts) FROM {TABLES[0]}"  # noqa: S608 - our own names
    first = rehearsal.sandbox.engine.execute(sql, rehearsal.sandbox.database).rows[0][0]
    (block,) = re.findall(
        r"^```sh\n(.*?)^```",
        sections()["Rebuild a partition after a change of logic"],
        re.MULTILINE | re.DOTALL,
    )
    day = dict(part.split("=") for part in TODAY.split("/"))
    block = block.replace("BUCKET=...", f"BUCKET={rehearsal.sandbox.bucket}")
    block = block.replace("year=2025/month=11/day=26", TODAY)
    block = block.replace("2025 11 26", " ".join(day.values()))
    assert "..." not in block
    rehearsal.shell(block)
    assert rehearsal.events() == before
    again = rehearsal.sandbox.engine.execute(sql, rehearsal.sandbox.database).rows[0][0]
    assert str(again) > str(first)


@rehearses("Turn everything off")
def test_everything_is_turned_off_and_on_again(rehearsal: Rehearsal) -> None:
    sandbox = rehearsal.sandbox
    (mapping,) = sandbox.client("lambda").list_event_source_mappings(
        FunctionName=f"{sandbox.stream}-transform"
    )["EventSourceMappings"]
    rehearsal.do("Turn everything off", 0, mapping["UUID"])
    sandbox.event_sources.refresh()
    for thread in threading.enumerate():
        if thread.name == f"poller-{sandbox.stream}-transform":
            thread.join()  # it may have waited for messages already
    rehearsal.send("meanwhile")
    assert rehearsal.queue_holds(sandbox.queue_url) == 1
    command = commands("Turn everything off")[0].replace("<id>", mapping["UUID"])
    rehearsal.shell(command.replace("--no-enabled", "--enabled"))
    sandbox.event_sources.refresh()
    assert "meanwhile" in wait_for(rehearsal, "meanwhile")


def test_every_command_of_the_page_is_rehearsed() -> None:
    named = {section: len(commands(section)) for section in sections()}
    assert {section: number for section, number in named.items() if number} == REHEARSED
    assert all(f"`{start}" in RUNBOOK for start in NOT_REHEARSED)

"""A producer begins to send `coupon` and `score`; a day later both are columns, by themselves.

Terraform's configuration is applied by the real provider; the functions run in processes of their
own, by a clock that the test moves; and at each step both tables are asked.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.generate.by_columns import generate_by_columns
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.operate.query import run
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.e2e.drift import _PLAN_FILE, plan_drift
from tests.e2e.moved import CLOCK, moved_entry_point, read_clock
from tests.e2e.needs import need_terraform

# In one process, for the sake of its sandbox.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("evolution")]

PROJECT = Path(__file__).parents[2]
FORMATS = ("json", "parquet")
NEW = ["coupon string", "score double"]
# Only the test's own ticks, whatever the clock says.
NEVER = "cron(0 0 1 1 ? 2199)"


# What a plan changes for any other file: its copy, and who is told its name.
ANOTHER_CATALOG = {
    "aws_s3_object.catalog",
    "aws_lambda_function.function",
    "aws_iam_role_policy.scheduler",  # it names the functions
}


@dataclass
class Lake:
    """A lake that evolves, and somebody who asks both tables whatever happens."""

    sandbox: Sandbox
    workdir: Path
    outputs: dict[str, Any]
    sent: int = 0
    coupons: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    asked: int = 0
    mine: Path = field(init=False)

    def __post_init__(self) -> None:
        self.mine = self.workdir / "mine.json"

    def forward(self, **time: float) -> None:
        clock, new = self.workdir / "clock", self.workdir / "new"
        new.write_text(f"{(read_clock(clock) + timedelta(**time)).timestamp()}")
        new.replace(clock)

    def send(self, events: int, *further: dict[str, Any]) -> None:
        """Events as they have always been, by turns with further fields."""
        catalog = load_catalog()
        lines = generate_by_columns(
            self.sent + 1,
            events,
            datetime.now(UTC),
            columns=catalog.sent,
            personal=sorted(catalog.pii_keys),
        )
        records = []
        for line, more in zip(lines, itertools.cycle(further)):
            records.append({"Data": json.dumps(json.loads(line) | more).encode()})
            self.coupons += [more["coupon"]] if "coupon" in more else []
            score = more.get("score")
            self.scores += [score] if isinstance(score, int | float) else []
        answer = self.sandbox.client("firehose").put_record_batch(
            DeliveryStreamName=self.outputs["streams"]["events"], Records=records
        )
        assert answer["FailedPutCount"] == 0
        self.sent += events
        self.sandbox.wait_idle()
        self.ask()

    def tick(self) -> None:
        """Compaction's schedule; what it has queued is done at the end."""
        ticks = self.sandbox.tick("compact")
        assert [tick.outcome.failed for tick in ticks] == [False]
        self.ask()
        self.sandbox.wait_idle()
        self.ask()

    def ask(self) -> dict[str, list[list[str | None]]]:
        """Both tables have all rows, and no query of a column that they have fails."""
        answers = {}
        for fmt in FORMATS:
            columns = self.columns(fmt)
            added = [name.split()[0] for name in NEW if name in columns]
            counts = ", ".join(f"COUNT({name})" for name in ("*", "event_id", *added))
            answers[fmt] = self.query(f"SELECT {counts} FROM {{}}", fmt)  # noqa: S608 - our own names
            assert answers[fmt][0][:2] == [str(self.sent)] * 2
            self.query("SELECT * FROM {} LIMIT 3", fmt)
            self.asked += 2
        return answers

    def query(self, sql: str, fmt: str) -> list[list[str | None]]:
        return run(
            self.sandbox.client("athena"),
            sql.format(self.outputs["tables"]["events"][fmt]),
            database=self.outputs["database"],
            workgroup=self.outputs["workgroup"],
        ).rows

    def columns(self, fmt: str) -> list[str]:
        table = self.sandbox.client("glue").get_table(
            DatabaseName=self.outputs["database"], Name=self.outputs["tables"]["events"][fmt]
        )["Table"]
        return [f"{c['Name']} {c['Type']}" for c in table["StorageDescriptor"]["Columns"]]

    def overlay(self) -> list[str]:
        found = self.sandbox.client("s3").list_objects_v2(
            Bucket=self.outputs["bucket"], Prefix="manifests/overlay/"
        )
        return [entry["Key"].split("/")[2] for entry in found.get("Contents", [])]

    def logged(self, what: str) -> list[dict[str, Any]]:
        """Lines of the compact function's log that have some text."""
        (log,) = self.sandbox.log_dir.glob("*-compact.log")
        found = [line for line in log.read_text().splitlines() if what in line]
        return [json.loads(line[line.index("{") :]) for line in found]

    def clickstream(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "clickstream_lake", *arguments],
            env=os.environ
            | self.sandbox.credentials()
            | {"AWS_ENDPOINT_URL": self.sandbox.endpoint, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


def test_a_day_later_both_fields_are_columns_and_no_query_has_failed(tmp_path: Path) -> None:
    need_terraform()
    mine, clock = tmp_path / "mine.json", tmp_path / "clock"
    mine.write_bytes(CATALOG_PATH.read_bytes())
    clock.write_text(f"{datetime.now(UTC).timestamp()}")
    outputs: dict[str, Any] = {}
    variables = {
        "schema_evolution": "auto",
        "catalog_file": str(mine),
        "force_destroy": True,
        "compact_min_files": 2,
        "compact_schedule": NEVER,
        "cleanup_schedule": NEVER,
        "audit_schedule": NEVER,
    }

    def provision(clients: Clients) -> Resources:
        # No table is there yet, and nothing refuses to make the first.
        key = clients.credentials.access_key_id
        outputs.update(terraform.apply(clients.endpoint, tmp_path, variables, access_key_id=key))
        queues = outputs["queues"]["events"]
        return Resources(
            bucket=outputs["bucket"],
            stream=outputs["streams"]["events"],
            database=outputs["database"],
            workgroup=outputs["workgroup"],
            queue_url=queues["transform"],
            dead_letter_url=queues["transform_dead"],
            compact_queue_url=queues["compact"],
        )

    with lake_sandbox(
        provision=provision,
        entry_point=moved_entry_point,
        clock=lambda: read_clock(clock),
        environment={CLOCK: str(clock), "PYTHONPATH": str(PROJECT)},
        directory=tmp_path / "sandbox",
    ) as sandbox:
        lake = Lake(sandbox, tmp_path, outputs)
        evolves(lake)
        has_nothing_to_plan_and_is_pulled(lake)
        refuses_what_would_break_it(lake)
        rings_when_it_cannot_go_on(lake)


def evolves(lake: Lake) -> None:
    before = {fmt: lake.columns(fmt) for fmt in FORMATS}
    # With a suspect, and a field that too few events have; and later with one that came too late.
    old = [{}, {"coupon": "A", "score": 1.5}, {"contact": "ann@example.com"}, {}]
    for _ in range(2):
        lake.send(80, *old * 5, {"rare": 1})
    lake.tick()
    lake.forward(hours=23)
    lake.send(80, *old, {"late": 1, "coupon": "B", "score": 2})
    lake.tick()
    assert lake.overlay() == []
    lake.forward(hours=2)
    lake.tick()
    # First the functions, then the tables.
    assert lake.overlay() == ["coupon", "score"]
    assert {fmt: lake.columns(fmt) for fmt in FORMATS} == before
    (said,) = lake.logged('"columns added"')
    assert said["columns"] == NEW
    counted = [line["ColumnsAdded"] for line in lake.logged('"ColumnsAdded"')]
    assert sum(value for (value,) in counted) == 2
    lake.send(80, *old, {"coupon": "C", "score": 3.5})
    lake.tick()
    assert {fmt: lake.columns(fmt) for fmt in FORMATS} == before
    lake.forward(minutes=31)
    lake.tick()
    assert {fmt: lake.columns(fmt) for fmt in FORMATS} == {f: before[f] + NEW for f in FORMATS}
    lake.send(80, *old, {"coupon": "D", "score": "many"})
    lake.tick()
    # Old rows and new ones; what does not fit is NULL.
    figures = [len(lake.coupons), len({*lake.coupons}), len(lake.scores), sum(lake.scores)]
    for fmt in FORMATS:
        sql = "SELECT COUNT(coupon), COUNT(DISTINCT coupon), COUNT(score), SUM(score) FROM {}"
        assert lake.query(sql, fmt) == [[str(figure) for figure in figures]]
    assert lake.asked > 50
    assert [line["EvolutionFailed"] for line in lake.logged('"EvolutionFailed"')][-1] == [0.0]


def has_nothing_to_plan_and_is_pulled(lake: Lake) -> None:
    assert plan_drift(lake.workdir) == []
    stream = ("--stream", lake.outputs["streams"]["events"])
    mine = str(lake.mine)
    assert "stay as they are" in lake.clickstream("catalog", "diff", mine, *stream)
    assert "added coupon, score" in lake.clickstream("catalog", "pull", mine, *stream)
    assert "nothing is wrong" in lake.clickstream("catalog", "check", mine)
    assert "stay as they are" in lake.clickstream("catalog", "diff", mine, *stream)
    # The functions get the file's new name; the tables stay, and no partition is rewritten.
    assert {drift.address.split("[")[0] for drift in plan_drift(lake.workdir)} == ANOTHER_CATALOG
    terraform._run(terraform._directory(lake.workdir, "terraform"), ["apply", _PLAN_FILE])
    lake.send(80, {"coupon": "E", "score": 1}, {})
    lake.tick()
    assert [line["PartitionsBehind"] for line in lake.logged('"PartitionsBehind"')][-1] == [0.0]


def refuses_what_would_break_it(lake: Lake) -> None:
    good = lake.mine.read_text()

    def changed(edit: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads(good)
        edit({entry["name"]: entry for entry in document["columns"]} | {"": document["columns"]})
        lake.mine.write_text(json.dumps(document))

    changed(lambda columns: columns["score"].update(type="string"))
    with pytest.raises(terraform.TerraformFailedError, match="would drop, rename, move or retype"):
        plan_drift(lake.workdir)
    changed(
        lambda columns: columns[""].insert(
            3, {"name": "middle", "type": "string", "added": "2999-01-01"}
        )
    )
    # Somebody has deleted a table meanwhile: there is nothing to compare it with.
    gone = lake.outputs["tables"]["events"]["rejects"]
    lake.sandbox.client("glue").delete_table(DatabaseName=lake.outputs["database"], Name=gone)
    drifts = {drift.address: drift.actions for drift in plan_drift(lake.workdir)}
    tables = {
        f'aws_glue_catalog_table.lake["events-{table}"]': (action,)
        for table, action in {"json": "update", "parquet": "update", "rejects": "create"}.items()
    }
    assert {key: drifts[key] for key in tables} == tables
    others = {address.split("[")[0] for address in drifts.keys() - tables.keys()}
    assert others == ANOTHER_CATALOG | {"terraform_data.table"}


def rings_when_it_cannot_go_on(lake: Lake) -> None:
    alarm = "clickstream-events-evolution-failed"
    assert lake.sandbox.alarms()[alarm] == "OK"
    lake.sandbox.client("s3").put_object(
        Bucket=lake.outputs["bucket"], Key="manifests/overlay/notes.txt", Body=b"mine"
    )
    lake.tick()
    # Once may be a deployment. With a cron schedule, two periods are two whole days.
    for _ in range(2):
        assert lake.sandbox.alarms()[alarm] == "OK"
        lake.forward(hours=24)
        lake.tick()
    assert lake.sandbox.alarms()[alarm] == "ALARM"
    (*_, said) = lake.logged('"evolution failed"')
    assert "manifests/overlay/notes.txt is no column" in said["detail"]

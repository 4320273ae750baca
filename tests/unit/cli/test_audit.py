import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from clickstream_lake.cli import app, audit, connection
from clickstream_lake.lake.catalog_file import CATALOG_PATH
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.requeue import TransformQueue
from tests.protocol.clients import OPTIONS
from tests.protocol.lake import BUCKET, DATABASE, DAY, LakeUnderTest


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LakeUnderTest]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(audit.stdout, "_width", 200)  # so that no key is folded
    config = Config(bucket=BUCKET, database=DATABASE)
    deployed = lambda _, given: (config, connection.catalog_at(given))  # noqa: E731 - no more to say
    monkeypatch.setattr(connection, "deployed", deployed)
    with mock_aws():
        s3, glue = boto3.client("s3", **OPTIONS), boto3.client("glue", **OPTIONS)
        s3.create_bucket(Bucket=BUCKET)
        glue.create_database(DatabaseInput={"Name": DATABASE})
        made = LakeUnderTest(s3, glue, tmp_path)
        made.create_tables()
        source = made.put_raw("a")
        for fmt in ("json", "parquet"):
            made.publish(fmt, source)
        yield made


def run(*options: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["audit", *options])
    return outcome.exit_code, outcome.stdout


@pytest.mark.usefixtures("lake")
def test_a_clean_lake_ends_with_status_0() -> None:
    status, shown = run()
    assert (status, DAY.path in shown) == (0, True)
    told = json.loads(run("--json", "--deep")[1])
    assert (told["clean"], told["partitions"][0]["rows"]) == (True, 2)


@pytest.mark.usefixtures("lake")
def test_another_catalog_than_the_tables_is_a_breach(tmp_path: Path) -> None:
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    document["columns"].insert(3, {"name": "coupon", "type": "string"})
    (tmp_path / "mine.json").write_text(json.dumps(document))
    status, shown = run("--catalog", str(tmp_path / "mine.json"))
    assert status == 1
    assert "missing: coupon string" in shown


def test_a_breach_is_shown_and_ends_with_status_1(lake: LakeUnderTest) -> None:
    lake.put_raw("forgotten")
    status, shown = run("--settle-minutes", "0", "--partition", DAY.path)
    assert status == 1
    assert "gap" in shown
    assert "forgotten.gz" in shown
    assert run("--since", "2025-11-27")[0] == 0


def test_repair_queues_gaps_once_more_and_says_so(
    lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs: Any = boto3.client("sqs", **OPTIONS)
    url = sqs.create_queue(QueueName="transform")["QueueUrl"]
    queue = TransformQueue(sqs, url, BUCKET)
    monkeypatch.setattr(audit, "transform_queue", lambda _stream, _bucket: queue)
    source = lake.put_raw("forgotten")
    status, shown = run("--settle-minutes", "0", "--repair", "--json")
    assert status == 1
    assert json.loads(shown)["repaired"] == [f"queued {source.key} once more"]
    assert "forgotten.gz" in sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]

import gzip
import threading
import time
from pathlib import Path

import pytest

from clickstream_lake.demo.provision import LakeSettings, Stream, by_catalog, lake_sandbox
from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.sandbox import Sandbox
from clickstream_lake.sandbox.state import claim, forget, restore, save
from tests.catalogs import CATALOGS

EVENT = b'{"event_id":"e1","event_type":"click"}\n'


def count(sandbox: Sandbox) -> int:
    (row,) = sandbox.engine.execute(
        "SELECT COUNT(*) FROM clickstream_events_parquet", sandbox.database
    ).rows
    found: int = row[0]
    return found


def test_a_lake_comes_back_as_it_was_and_nothing_is_transformed_twice(tmp_path: Path) -> None:
    directory = tmp_path / "lake"
    with lake_sandbox() as first:
        first.client("s3").put_object(
            Bucket=first.bucket,
            Key="raw/year=2025/month=11/day=26/a.gz",
            Body=gzip.compress(EVENT),
        )
        first.wait_idle()
        saved = save(first.clients, first.resources, directory)

    # Under another name, as a lake that Terraform made has it.
    with lake_sandbox(provision=by_catalog(LakeSettings(name="other"))) as second:
        restored = restore(second.clients, second.resources, directory)
        second.wait_idle()

        # Their catalog, too, and what stands in the way of readers of prefixes.
        assert saved == restored == 3 + 1 + 2
        assert count(second) == 1
        listed = second.client("s3").list_objects_v2(Bucket=second.bucket)["Contents"]
        heads = [
            second.client("s3").head_object(Bucket=second.bucket, Key=entry["Key"])
            for entry in listed
            if entry["Key"].startswith("processed/") and "READ-BY" not in entry["Key"]
        ]
        assert all("raw-etag" in head["Metadata"] for head in heads)
        # Only S3's test event: the raw object was not announced again.
        assert all(stats.failures == 0 for stats in second.functions.stats.values())

        second.client("s3").put_object(
            Bucket=second.bucket,
            Key="raw/year=2025/month=11/day=26/b.gz",
            Body=gzip.compress(EVENT),
        )
        second.wait_idle()
        assert count(second) == 2


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(SandboxError, match="neither empty nor a sandbox's"):
        claim(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_new_directory_restores_to_nothing(tmp_path: Path) -> None:
    claim(tmp_path / "new")

    with lake_sandbox() as sandbox:
        assert restore(sandbox.clients, sandbox.resources, tmp_path / "new") == 0


def test_a_second_sandbox_in_one_process_is_refused() -> None:
    with (
        lake_sandbox(),
        pytest.raises(SandboxError, match="already running in this process"),
        lake_sandbox(),
    ):
        pass


def test_a_demo_starts_with_an_empty_directory_and_deletes_nobody_else_s(tmp_path: Path) -> None:
    claim(tmp_path / "mine")
    (tmp_path / "mine/bucket").mkdir()
    forget(tmp_path / "mine")
    (tmp_path / "other/bucket").mkdir(parents=True)

    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["state.json"]
    with pytest.raises(SandboxError, match="neither empty nor a sandbox's"):
        forget(tmp_path / "other")
    assert (tmp_path / "other/bucket").exists()


def test_a_lake_that_is_saved_while_it_works_loses_nothing(tmp_path: Path) -> None:
    """Whatever a moment finds half done is done after it came back: the messages come, too."""
    directory = tmp_path / "lake"
    with lake_sandbox(concurrency=1) as first:

        def put() -> None:
            for number in range(100):
                first.client("s3").put_object(
                    Bucket=first.bucket,
                    Key=f"raw/year=2025/month=11/day=26/{number}.gz",
                    Body=gzip.compress(b'{"event_id":"e%d"}\n' % number),
                )

        putting = threading.Thread(target=put)
        putting.start()
        time.sleep(0.3)
        save(first.clients, first.resources, directory, still=first.still())
        putting.join()

    with lake_sandbox(provision=by_catalog(LakeSettings(name="other"))) as second:
        restore(second.clients, second.resources, directory)
        raw = [
            entry["Key"]
            for entry in second.client("s3").list_objects_v2(Bucket=second.bucket, Prefix="raw/")[
                "Contents"
            ]
        ]
        second.wait_idle()
        assert 0 < len(raw) < 100, "it was saved while it worked"
        assert count(second) == len(raw)
        assert second.dead_letters() == 0


def test_a_lake_of_several_families_comes_back_with_all_of_them_or_says_what_is_missing(
    tmp_path: Path,
) -> None:
    directory, waiting = tmp_path / "lake", '{"action":"unknown"}'
    (app,) = [path for path in CATALOGS if path.stem == "app"]
    streams = (Stream("web"), Stream("app", app, is_first=False))
    with lake_sandbox(provision=by_catalog(LakeSettings(streams=streams))) as first:
        first.client("s3").put_object(
            Bucket=first.bucket,
            Key="app/raw/year=2025/month=11/day=26/hour=10/a.gz",
            Body=gzip.compress(b'{"screen":"cart","serial":1,"device_id":"x"}\n'),
        )
        first.wait_idle()
        dead = first.resources.further["app"].dead_letter_url
        first.client("sqs").send_message(QueueUrl=dead, MessageBody=waiting)
        save(first.clients, first.resources, directory)

    settings = LakeSettings(name="other", streams=streams)
    with lake_sandbox(provision=by_catalog(settings)) as second:
        restore(second.clients, second.resources, directory)
        sql = "SELECT screen FROM app_app_events_parquet"
        assert [list(row) for row in second.engine.execute(sql, second.database).rows] == [["cart"]]
        dead = second.resources.further["app"].dead_letter_url
        (message,) = second.client("sqs").receive_message(QueueUrl=dead)["Messages"]
        assert message["Body"] == waiting

    with (
        lake_sandbox() as third,
        pytest.raises(SandboxError, match=r"no app/.*app_app_events.*: start it as it was"),
    ):
        restore(third.clients, third.resources, directory)

import json

import pytest
from typer.testing import CliRunner

from clickstream_lake.cli import app
from clickstream_lake.operate import files as operate_files
from tests.catalogs import CATALOGS
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest


@pytest.fixture(autouse=True)
def lake(memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch) -> LakeUnderTest:
    monkeypatch.setattr(operate_files, "glue_client", lambda: memory_lake.glue)
    monkeypatch.setattr(operate_files, "s3_client", lambda: memory_lake.s3)
    source = memory_lake.put_raw("a")
    for fmt in ("json", "parquet"):
        memory_lake.publish(fmt, source)
    return memory_lake


def run(*options: str) -> tuple[int, str, str]:
    outcome = CliRunner().invoke(app, ["files", "--database", DATABASE, *options])
    return outcome.exit_code, outcome.stdout, outcome.stderr


@pytest.mark.parametrize("fmt", ["parquet", "json"])
def test_addresses_go_to_standard_output_and_nothing_else(lake: LakeUnderTest, fmt: str) -> None:
    status, answer, remark = run("--format", fmt)
    (key,) = lake.keys(f"processed/{fmt}/")
    assert (status, answer) == (0, f"s3://{BUCKET}/{key}\n")
    assert f"1 file of {TABLES[fmt]}" in remark
    assert run("--table", TABLES[fmt])[1] == answer


def test_json_has_sizes_and_partitions() -> None:
    told = json.loads(run("--json", "--partition", DAY.path)[1])
    assert told["table"] == TABLES["parquet"]
    (file,) = told["files"]
    assert file["partition"] == {"year": "2025", "month": "11", "day": "26"}
    assert file["bytes"] > 0


def test_dates_choose() -> None:
    assert run("--since", "2025-11-27")[:2] == (0, "")
    assert run("--since", "2025-11-26", "--until", "2025-11-26")[1]


def test_the_catalog_names_the_table() -> None:
    orders = str(next(path for path in CATALOGS if path.stem == "orders"))
    outcome = CliRunner().invoke(app, ["files", "--database", DATABASE, "--catalog", orders])
    assert "orders_parquet" in str(outcome.exception)


def test_rejects_have_files_too(lake: LakeUnderTest) -> None:
    assert run("--rejects")[1] == ""
    lake.partitions.create(TABLES["rejects"], DAY, f"s3://{BUCKET}/rejected/{DAY.path}/")
    lake.store.put_bytes(f"rejected/{DAY.path}/a.json", b"{}\n")
    assert run("--rejects")[1] == f"s3://{BUCKET}/rejected/{DAY.path}/a.json\n"


@pytest.mark.parametrize(
    "options", [("--rejects", "--format", "json"), ("--table", "t", "--rejects")]
)
def test_one_table_at_a_time(options: tuple[str, ...]) -> None:
    outcome = CliRunner().invoke(app, ["files", *options])
    assert "choose one of" in str(outcome.exception)

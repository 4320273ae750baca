import json
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clickstream_lake.cli import app, connection
from clickstream_lake.cli import catalog as catalog_command
from clickstream_lake.cli.errors import report
from clickstream_lake.lake.aws import clients
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.lake.catalogs import SCHEMA_PATH
from clickstream_lake.lake.config import Config
from tests.catalogs import CATALOGS
from tests.protocol.lake import BUCKET, DATABASE, LakeUnderTest

ORDERS = next(path for path in CATALOGS if path.stem == "orders")
NAMES = {"order_no", "status", "placed_at", "total", "lines", "shop", "gift", "address"}


def run(*arguments: str) -> tuple[str, Exception | None]:
    outcome = CliRunner().invoke(app, [*arguments])
    error = outcome.exception
    assert error is None or isinstance(error, Exception)
    return outcome.stdout, error


def test_a_good_catalog_is_told_its_name() -> None:
    said, error = run("catalog", "check", str(ORDERS), str(CATALOG_PATH))
    assert error is None
    first, second = said.splitlines()
    assert sha256(ORDERS.read_bytes()).hexdigest() in first
    assert sha256(CATALOG_PATH.read_bytes()).hexdigest() in second
    account = json.loads(run("catalog", "check", str(ORDERS), "--json")[0])
    assert account["columns"].keys() == NAMES | {"processed_ts", "extra"}
    assert account["personal"] == ["card_number", "email"]


def test_what_is_wrong_with_any_of_them_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, worse = tmp_path / "bad.json", tmp_path / "worse.json"
    bad.write_text(ORDERS.read_text().replace('"type": "double"', '"type": "decimal"'))
    worse.write_text("{")
    said, error = run("catalog", "check", str(bad), str(ORDERS), str(worse))
    assert str(ORDERS) in said
    assert error is not None
    assert report(error) == 1
    first, second = capsys.readouterr().err.splitlines()
    line = bad.read_text().split('"type": "decimal"')[0].count("\n") + 1
    assert first.startswith(f"Error: {bad}:{line}:")
    assert "decimal" in first
    assert second.startswith(f"{worse}:1:2: this is no JSON")


def test_a_file_that_is_not_there_is_named() -> None:
    _, error = run("catalog", "check", "/nowhere/orders.json")
    assert error is not None
    assert report(error) == 1


def test_the_schema_is_printed_as_it_is() -> None:
    assert run("catalog", "schema") == (SCHEMA_PATH.read_text(encoding="utf-8"), None)


def test_generate_and_transform_take_another_catalog(tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw.gz", tmp_path / "lake"
    by = ("--catalog", str(ORDERS))
    assert run("generate", str(raw), "--count", "50", *by) == ("", None)
    assert run("transform", str(raw), "--out", str(lake), *by)[1] is None
    (written,) = lake.glob("processed/json/**/*.json")
    rows = [json.loads(line) for line in written.read_text().splitlines()]
    assert len(rows) == 50
    assert {name for row in rows for name in row} == NAMES | {"processed_ts"}


def test_generate_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        options = ("--seed", seed, "--start", "2025-11-26", "--count", "500")
        run("generate", str(tmp_path / name), "--catalog", str(ORDERS), *options)
    contents = [(tmp_path / name).read_bytes() for name in "abc"]
    assert (contents[0] == contents[1], contents[0] == contents[2]) == (True, False)


def test_a_catalog_that_cannot_be_used_is_one_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[]")
    for command in (
        ("transform", str(ORDERS), "--catalog", str(bad)),
        ("generate", "-", "--catalog", str(bad)),
        ("files", "--catalog", str(bad)),
    ):
        _, error = run(*command)
        assert f"{bad}:1:1: a catalog is a JSON object" in str(error)


@pytest.fixture
def lake(memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch) -> LakeUnderTest:
    monkeypatch.setattr(catalog_command.stdout, "_width", 200)
    config = Config(bucket=BUCKET, database=DATABASE)
    monkeypatch.setattr(connection, "deployed", lambda _: (config, load_catalog()))
    monkeypatch.setattr(clients, "s3_client", lambda: memory_lake.s3)
    monkeypatch.setattr(clients, "glue_client", lambda: memory_lake.glue)
    memory_lake.publish("json", memory_lake.put_raw("a"))
    return memory_lake


@pytest.mark.usefixtures("lake")
def test_a_difference_is_a_table_of_old_and_new_rows(tmp_path: Path) -> None:
    document = json.loads(CATALOG_PATH.read_text())
    coupon = {"name": "coupon", "type": "string", "added": "2025-11-27"}
    document["columns"].insert(2, coupon)
    (tmp_path / "mine.json").write_text(json.dumps(document))
    said, error = run("catalog", "diff", str(tmp_path / "mine.json"))
    assert error is None
    assert "added: string" in said
    assert "1 of 1 json partition would be rewritten" in said
    told = json.loads(run("catalog", "diff", str(tmp_path / "mine.json"), "--json")[0])
    assert {change["column"] for change in told["changes"]} == {"coupon"}
    assert [behind["files"] for behind in told["behind"]] == [1, 0]
    same, _ = run("catalog", "diff", str(CATALOG_PATH))
    assert same == "The tables would stay as they are.\n"


@pytest.mark.usefixtures("lake")
def test_a_difference_that_breaks_queries_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(CATALOG_PATH.read_text())
    document["columns"].pop(10)
    (tmp_path / "mine.json").write_text(json.dumps(document))
    said, error = run("catalog", "diff", str(tmp_path / "mine.json"))
    assert "dropped" in said
    assert error is not None
    assert report(error) == 1
    assert "price, dropped: keep it, with" in capsys.readouterr().err


def test_a_column_whose_own_name_does_not_count_is_warned_of(tmp_path: Path) -> None:
    document = json.loads(CATALOG_PATH.read_text())
    columns = {entry["name"]: entry for entry in document["columns"]}
    columns["price"]["from"] = ["unit_price"]
    columns["country"]["from"] = ["land", "country"]
    (tmp_path / "mine.json").write_text(json.dumps(document))
    outcome = CliRunner().invoke(app, ["catalog", "check", str(tmp_path / "mine.json")])
    assert outcome.exit_code == 0
    assert "'price': from does not name 'price' itself" in outcome.stderr
    assert "country" not in outcome.stderr

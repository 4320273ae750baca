import json
from datetime import UTC, datetime, timedelta
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
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.overlay import Overlay
from tests.catalogs import CATALOGS
from tests.protocol.lake import BUCKET, DATABASE, TABLES, LakeUnderTest
from tests.unit.lake.test_accounts import compact, land

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
def config() -> Config:
    return Config(bucket=BUCKET, database=DATABASE)


@pytest.fixture
def lake(
    memory_lake: LakeUnderTest, config: Config, monkeypatch: pytest.MonkeyPatch
) -> LakeUnderTest:
    monkeypatch.setattr(catalog_command.stdout, "_width", 200)
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


AUTO = pytest.mark.parametrize(
    "config", [Config(bucket=BUCKET, database=DATABASE, schema_evolution="auto")], ids=["auto"]
)
NOON = datetime(2025, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file in a style of its own."""
    file = tmp_path / "mine.json"
    text = (
        CATALOG_PATH.read_text().replace("\n    {", "\n\t\t{").replace('"comment": ', '"comment":')
    )
    file.write_bytes(text.replace("\n", "\r\n").encode())
    assert run("catalog", "check", str(file))[1] is None
    return file


def added_lines(before: bytes, after: bytes) -> list[dict[str, object]]:
    """The columns that were added; everything else is as it was."""
    had, has = before.splitlines(keepends=True), after.splitlines(keepends=True)
    new = [line for line in has if line not in had]
    assert [line for line in has if line not in new] == had
    return [json.loads(line.rstrip(b",\r\n\t ")) for line in new]


def test_proposals_are_written_with_their_day_and_nothing_else_changes(
    lake: LakeUnderTest, mine: Path
) -> None:
    day = Partition.parse(f"{datetime.now(UTC):year=%Y/month=%m/day=%d}")
    land(lake, "x", [{"coupon": "A", "seen": "2025-11-26T12:00:00Z", "phone": "1"}] * 30, day)
    compact(lake, Slot("parquet", day))
    before = mine.read_bytes()
    told = json.loads(run("catalog", "propose", str(mine), "--json")[0])
    assert {field["name"] for field in told["fields"]} == {"coupon", "seen", "phone"}
    assert mine.read_bytes() == before
    said, error = run("catalog", "propose", str(mine), "--write")
    assert error is None
    assert f"{mine}: added coupon, seen\n" in said
    coupon, seen = added_lines(before, mine.read_bytes())
    today = datetime.now(UTC).date().isoformat()
    assert (coupon["name"], coupon["type"], coupon["added"]) == ("coupon", "string", today)
    assert (seen["type"], seen["time_formats"], seen["added"]) == ("timestamp", ["iso"], today)
    assert run("catalog", "check", str(mine))[1] is None
    # A suspect only by its name, and each once.
    assert run("catalog", "propose", str(mine), "--write")[0].endswith("added nothing\n")
    assert run("catalog", "propose", str(mine), "--write", "--column", "phone")[1] is None
    assert [each["name"] for each in added_lines(before, mine.read_bytes())][-1] == "phone"


@pytest.mark.parametrize("name", ["Event_Type", "user_id", "year", "couponCode", "EXTRA"])
def test_a_proposal_for_a_name_that_cannot_be_is_one_error_and_no_change(
    lake: LakeUnderTest, mine: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    day = Partition.parse(f"{datetime.now(UTC):year=%Y/month=%m/day=%d}")
    land(lake, "x", [{name: "A", "coupon": "B"}] * 30, day)
    compact(lake, Slot("parquet", day))
    before = mine.read_bytes()
    arguments = ("--write", "--column", "coupon", "--column", name)
    _, error = run("catalog", "propose", str(mine), *arguments)
    assert error is not None
    assert report(error) == 1
    assert f"{name!r} cannot be a column: " in capsys.readouterr().err
    assert mine.read_bytes() == before


@AUTO
def test_what_compaction_added_is_pulled_into_the_file_and_changes_no_table(
    lake: LakeUnderTest, mine: Path
) -> None:
    overlay = Overlay(lake.store, lake.layout)
    overlay.add("seen", "timestamp", ("iso", "sql"), NOON, "often")
    overlay.add("coupon", "string", (), NOON - timedelta(days=1), "often")
    overlay.add("price", "string", (), NOON, "is in the file")
    live = overlay.over(load_catalog())
    for fmt in ("json", "parquet"):
        lake.partitions.add_columns(TABLES[fmt], live.tables[fmt].glue_columns()[-2:])
    same = "The tables would stay as they are."
    assert same in run("catalog", "diff", str(CATALOG_PATH))[0]
    before = mine.read_bytes()
    assert "pull" in str(run("catalog", "propose", str(mine), "--write")[1])
    assert mine.read_bytes() == before
    assert run("catalog", "pull", str(mine))[0] == f"{mine}: added coupon, seen\n"
    coupon, seen = added_lines(before, mine.read_bytes())
    assert (coupon["added"], seen["added"]) == ("2025-11-26", "2025-11-27")
    assert seen["time_formats"] == ["iso", "sql"]
    assert run("catalog", "check", str(mine))[1] is None
    assert same in run("catalog", "diff", str(mine))[0]
    pulled = load_catalog(mine)
    assert overlay.over(pulled) is pulled
    assert pulled.tables["json"].declared == live.tables["json"].declared
    assert json.loads(run("catalog", "pull", str(mine), "--json")[0]) == {"added": []}


@AUTO
def test_a_pull_that_cannot_be_is_one_error_and_no_change(lake: LakeUnderTest, mine: Path) -> None:
    overlay = Overlay(lake.store, lake.layout)
    overlay.add("coupon", "string", (), NOON, "")
    overlay.add("voucher", "string", (), NOON, "")
    mine.write_text(mine.read_text().replace('"user_id"', '"user_id", "voucher"'))
    before = mine.read_bytes()
    _, error = run("catalog", "pull", str(mine))
    assert "'voucher' cannot be a column: it is a PII key" in str(error)
    lake.store.put_bytes("manifests/overlay/notes.txt", b"")
    _, error = run("catalog", "pull", str(mine))
    assert "manifests/overlay/notes.txt is no column" in str(error)
    mine.write_text("{")
    assert f"{mine}:1:2: this is no JSON" in str(run("catalog", "pull", str(mine))[1])
    mine.write_bytes(before)
    assert run("catalog", "pull", "/nowhere/mine.json")[1] is not None
    assert mine.read_bytes() == before

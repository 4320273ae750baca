import json
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clickstream_lake.cli import app
from clickstream_lake.cli.errors import report
from clickstream_lake.lake.catalog_file import CATALOG_PATH
from clickstream_lake.lake.catalogs import SCHEMA_PATH
from tests.catalogs import CATALOGS

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

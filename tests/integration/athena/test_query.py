"""`clickstream query` and `estimate` on the Athena API: what is printed for people and programs."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clickstream_lake.cli import app
from clickstream_lake.cli.errors import UsageError

TWO = "SELECT id, kind, price FROM events WHERE id IN (0, 1) ORDER BY id"
ODD = "SELECT 'a\tb' AS x, 'c\nd\\' AS x, CAST(NULL AS varchar) AS y, true AS z"


pytestmark = pytest.mark.usefixtures("environment")


def query(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(
        app, ["query", "--database", "web", *arguments], input=stdin, catch_exceptions=False
    )


def test_elsewhere_than_on_a_terminal_rows_are_tsv() -> None:
    done = query(TWO)

    assert done.stdout == 'id\tkind\tprice\n0\t\t0.0\n1\tsay "1"\t0.25\n'
    assert "2 rows, " in done.stderr


def test_what_would_break_a_line_of_tsv_is_escaped() -> None:
    assert query(ODD).stdout == "x\tx\ty\tz\na\\tb\tc\\nd\\\\\t\ttrue\n"


def test_json_is_one_object_a_row_with_the_types_of_json() -> None:
    rows = [json.loads(line) for line in query(TWO, "--json").stdout.splitlines()]

    assert rows == [
        {"id": 0, "kind": None, "price": 0.0},
        {"id": 1, "kind": 'say "1"', "price": 0.25},
    ]


def test_of_two_columns_with_one_name_json_keeps_both() -> None:
    assert json.loads(query(ODD, "--json").stdout) == {
        "x": "a\tb",
        "x_2": "c\nd\\",
        "y": None,
        "z": True,
    }


@pytest.mark.parametrize("option", [("--csv",), ("--format", "csv")])
def test_csv_quotes_what_has_to_be_quoted(option: tuple[str, ...]) -> None:
    rows = list(csv.reader(io.StringIO(query(TWO, *option).stdout)))

    assert rows == [["id", "kind", "price"], ["0", "", "0.0"], ["1", 'say "1"', "0.25"]]


@pytest.mark.parametrize("option", [(), ("--csv",)])
def test_programs_get_all_rows_and_people_the_first_50(option: tuple[str, ...]) -> None:
    everything = "SELECT id FROM events"

    assert len(query(everything, *option).stdout.splitlines()) == 2_501
    shown = query(everything, "--format", "table")
    assert "50 rows (the first 50; --limit 0 shows all)" in shown.stderr
    assert len(query(everything, "--limit", "7", *option).stdout.splitlines()) == 8


def test_a_statement_may_come_from_standard_input_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "two.sql").write_text(TWO)
    expected = query(TWO).stdout

    assert query("-", stdin=TWO).stdout == expected
    assert query("--file", str(tmp_path / "two.sql")).stdout == expected
    assert query("--file", "-", stdin=TWO).stdout == expected


@pytest.mark.parametrize(
    "arguments", [(), ("SELECT 1", "--file", "x"), ("SELECT 1", "--json", "--csv")]
)
def test_what_cannot_be_meant_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        query(*arguments)


def test_an_estimate_as_json() -> None:
    sql = "SELECT kind, COUNT(*) FROM events_parquet GROUP BY kind"

    done = CliRunner().invoke(app, ["estimate", sql, "--database", "web", "--json"])

    told = json.loads(done.stdout)
    (scan,) = told["scans"]
    assert (scan["table"], scan["files"], scan["columns"]) == ("web.events_parquet", 1, 1)
    assert told["bytes_scanned"] == scan["bytes"]
    assert (told["exact"], told["rules"]) == (True, "trino-476")
    assert told["bytes_billed"] == 10 * 1024**2


def test_an_estimate_cuts_no_word_of_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clickstream_lake.console.stdout._width", 80)

    done = CliRunner().invoke(app, ["estimate", "SELECT 1 FROM events", "--database", "web"])

    for word in ("table", "partitions", "files", "row groups", "columns", "bytes"):
        assert word in done.stdout

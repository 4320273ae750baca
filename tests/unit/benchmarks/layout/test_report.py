from dataclasses import asdict

from benchmarks.layout.receiving import HOUR_BEFORE, Received
from benchmarks.layout.report import page
from benchmarks.layout.run import BUSIEST, LANDED, NOON, SETTINGS, Measurement
from benchmarks.layout.suite import QUERIES
from benchmarks.results import Results
from benchmarks.scan.layouts import LayoutFigures

LAYOUTS = [LANDED, *(setting.name for setting in SETTINGS)]


def results() -> Results[Measurement]:
    """Each cell has a size of its own, and one is nothing."""
    cells = [
        Measurement(
            layout, query.name, hour, 0 if number == at == 0 else 1000 * (at + 1) + number, 1
        )
        for at, layout in enumerate(LAYOUTS)
        for number, query in enumerate(QUERIES)
        for hour in ((NOON, BUSIEST) if "{hour}" in query.sql else ("",))
    ]
    figures = [asdict(LayoutFigures(name, [1], 2_500_000, 1.25)) for name in LAYOUTS]
    received = [
        Received("64 MiB", "06:05", "export", "", 1, 2, 9, 1020, 1000),
        Received("64 MiB", "06:05", "one hour", HOUR_BEFORE, 1, 2, 9, 77, 0),
        Received("64 MiB", "13:05", "export", "", 1, 0, 16, 500, 1000),
        Received("64 MiB", "13:05", "one hour", HOUR_BEFORE, 1, 0, 16, 500, 1000),
        Received("300 s", "06:05", "export", "", 1, 0, 72, 400, 1000),
    ]
    facts = {
        "json_bytes": 20_000_000,
        "layouts": figures,
        "busiest": "2025-11-20 20:00:00",
        "receiving": [asdict(one) for one in received],
    }
    return Results("layout", {"events": 1000, "file_events": 100}, cells, facts)


def rows(text: str) -> list[list[str]]:
    return [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_a_row_for_each_question_and_hour_and_a_column_for_each_setting() -> None:
    found = rows(page(results(), "layout"))
    assert found[0][1:] == ["as landed", *(setting.title for setting in SETTINGS)]
    questions = {row[0] for row in found if len(row) == len(LAYOUTS) + 1}
    assert {query.title for query in QUERIES if "{hour}" not in query.sql} < questions
    assert {"Distinct pages of one hour: 12:00", "Distinct pages of one hour: busiest"} < questions


def test_cells_are_shares_of_json_and_bytes() -> None:
    table = [
        row for row in rows(page(results(), "layout")) if row[0] == QUERIES[1].title + ": 12:00"
    ]
    assert [row[1:3] for row in table] == [["1/19,980", "1/9,995"], ["1,001", "2,001"]]


def test_nothing_read_is_no_share() -> None:
    share, size = (row for row in rows(page(results(), "layout")) if row[0] == QUERIES[0].title)
    assert (share[1], size[1]) == ("0", "0")


def test_the_page_has_stored_bytes_and_the_command() -> None:
    one = results()
    text = page(one, "layout")
    assert rows(text)[2][:2] == ["stored, MB", "2.5"]
    assert f"`{one.command}`" in text
    assert "20 MB of uncompressed JSON" in text


def test_a_receiving_day_is_shown_as_a_share_of_its_landing_files() -> None:
    text = page(results(), "layout")
    first, second = text.split("Firehose's buffers: ")[1:]
    assert rows(first) == [
        ["", "06:05", "13:05"],
        ["---", "---:", "---:"],
        ["files: merged + loose / landing", "1 + 2 / 9", "1 + 0 / 16"],
        ["SELECT * of one day", "102.0%", "50.0%"],
        ["Distinct pages of one hour: the hour before", "77 B / 0 B", "50.0%"],
    ]
    assert rows(second)[-1] == ["SELECT * of one day", "40.0%"]

"""What the sandbox's README says of Athena's SQL, line by line."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import clickstream_lake.sandbox
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake

README = (Path(clickstream_lake.sandbox.__file__).parent / "README.md").read_text()


def section(heading: str) -> str:
    found = README.split(f"### {heading}\n", 1)[1]
    return re.split(r"^##", found, maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of the section's tables that have so many columns, without backticks."""
    lines = [line.split(" | ") for line in section(heading).splitlines() if line.startswith("| `")]
    return [
        tuple(cell.strip("| ").strip("`") for cell in line)
        for line in lines
        if len(line) == columns
    ]


def refusal(lake: "Lake", statement: str) -> str:
    with pytest.raises(QueryError) as caught:
        lake.rows(statement)
    return str(caught.value)


ANSWERED = rows("Statements that are answered", 1)
REFUSED = rows("Statements that are refused", 2)


def test_there_is_something_to_hold_it_to() -> None:
    assert list(map(len, [ANSWERED, REFUSED])) == [39, 9]


def test_what_is_said_to_be_answered_is(events: "Lake") -> None:
    for (statement,) in ANSWERED:
        events.rows(statement)


def test_what_is_said_to_be_refused_is(events: "Lake") -> None:
    said = {statement: refusal(events, statement).split(":")[0] for statement, _ in REFUSED}
    assert said == dict(REFUSED)

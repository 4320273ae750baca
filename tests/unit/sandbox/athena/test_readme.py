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
EXPRESSIONS = section("Functions that are answered").split("```")[1].splitlines()[1:]
MISSING = re.findall(r"`(\w+)`", section("Functions that are refused").split("Also:")[0])[1:]
DIFFERENT = rows("Answers that differ, without an error", 3)
TOO_LENIENT = rows("Answers that differ, without an error", 1)


def test_there_is_something_to_hold_it_to() -> None:
    sizes = [ANSWERED, REFUSED, EXPRESSIONS, MISSING, DIFFERENT, TOO_LENIENT]
    assert list(map(len, sizes)) == [39, 10, 43, 30, 15, 4]


def test_what_is_said_to_be_answered_is(events: "Lake") -> None:
    for (statement,) in ANSWERED:
        events.rows(statement)


def test_what_is_said_to_be_refused_is(events: "Lake") -> None:
    said = {statement: refusal(events, statement).split(":")[0] for statement, _ in REFUSED}
    assert said == dict(REFUSED)


def test_functions_that_are_said_to_be_answered_are(lake: "Lake") -> None:
    for expression in EXPRESSIONS:
        lake.rows(f"SELECT {expression}")


def test_functions_that_are_said_to_be_refused_are(lake: "Lake") -> None:
    for name in MISSING:
        said = [refusal(lake, f"SELECT {name}({given})") for given in ("1", "1, 2", "1, 2, 3")]
        assert f"FUNCTION_NOT_FOUND: Function '{name}' not registered" in said


def test_answers_that_are_said_to_differ_are_as_the_page_says(lake: "Lake") -> None:
    given = {
        expression: str(lake.rows(f"SELECT {expression}")[0][0]) for expression, *_ in DIFFERENT
    }
    assert given == {expression: here for expression, here, _ in DIFFERENT}


def test_queries_that_are_said_to_pass_although_athena_refuses_them_do(events: "Lake") -> None:
    for (statement,) in TOO_LENIENT:
        events.rows(statement)

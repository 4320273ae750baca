import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clickstream_lake.cli import app
from clickstream_lake.cli.main import COMMANDS, load

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
WIDE = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}


def commands() -> Iterator[str]:
    for name in COMMANDS:
        command = load(name)
        if isinstance(command, typer.core.TyperGroup):
            yield from (f"{name} {inner}" for inner in command.commands)
        else:
            yield name


def shown(command: str) -> str:
    done = CliRunner().invoke(app, [*command.split(), "--help"], env=WIDE)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_shows_examples_in_its_help_one_a_line(command: str) -> None:
    examples = shown(command).split("Examples:\n\n")[1].splitlines()

    assert len(examples) >= 2
    assert [line for line in examples if "clickstream " not in line or "$ " not in line] == []
    assert any(line.startswith(f"    $ clickstream {command}") for line in examples)


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_is_documented_with_an_example_and_all_its_options(command: str) -> None:
    sections = re.split(r"^## ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [text for text in sections if text.startswith(f"`clickstream {command}`")]
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown(command).split("Examples")[0]))

    assert f"\nclickstream {command}" in section
    assert {option for option in options - {"--help"} if option not in section} == set()


@pytest.mark.parametrize("command", [*commands()])
def test_every_example_of_the_help_is_documented(command: str) -> None:
    examples = shown(command).split("Examples:\n\n")[1].splitlines()
    documented = DOCS.read_text(encoding="utf-8").splitlines()

    assert [line for line in examples if line.removeprefix("    $ ") not in documented] == []


def test_without_a_command_the_help_lists_all_of_them() -> None:
    output = CliRunner().invoke(app, [], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output

    # In full: a line that ends in dots says too little.
    assert [text for text in COMMANDS.values() if text not in output] == []

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clickstream_lake.cli import app

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
WIDE = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}


def commands() -> Iterator[str]:
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    for name, command in root.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from (f"{name} {inner}" for inner in command.commands)
        else:
            yield name


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_shows_an_example_in_its_help(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env=WIDE)

    assert shown.exit_code == 0
    assert "Examples" in shown.output
    assert f"$ clickstream {command}" in shown.output


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_is_documented_with_an_example_and_all_its_options(command: str) -> None:
    sections = re.split(r"^## ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [text for text in sections if text.startswith(f"`clickstream {command}`")]
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env=WIDE).output
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown.split("Examples")[0])) - {"--help"}

    assert f"\nclickstream {command}" in section
    assert {option for option in options if option not in section} == set()


def test_without_a_command_the_help_is_shown() -> None:
    assert "sandbox" in CliRunner().invoke(app, [], env=WIDE).output

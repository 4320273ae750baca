"""Where the commands print, and how they show examples, tables, sizes and progress."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console as RichConsole
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table


class Console(RichConsole):
    """Rich's console, except that a closed pipe is for the entry point to handle."""

    def on_broken_pipe(self) -> NoReturn:
        """Let the error through; Rich itself would end the process with status 1."""
        raise BrokenPipeError


stdout = Console()
stderr = Console(stderr=True)

_UNLIMITED = 10_000  # columns
_KIB = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def examples(*lines: str) -> str:
    """The end of a command's help: its examples, one per line."""
    # Click leaves a paragraph's lines as they are where it starts with a backspace.
    return "Examples:\n\n\b\n" + "\n".join(f"  $ {line}" for line in lines)


def size(count: float) -> str:
    """Bytes for people: `12.3 MiB`."""
    for unit in _UNITS[:-1]:
        if count < _KIB:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= _KIB
    return f"{count:,.1f} {_UNITS[-1]}"


def print_json(value: object, *, indent: int | None = 2) -> None:
    """One JSON value on standard output, never coloured or wrapped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    # As bytes: a terminal's encoding is not part of JSON, and data may hold lone surrogates.
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def new_table(title: str | None = None) -> Table:
    """An empty table, with its title on the left."""
    return Table(title=title, title_justify="left", title_style="bold")


def print_table(table: Table) -> None:
    """Print a table, without its rules where they take the space that its words need."""
    unlimited = stdout.options.update(max_width=_UNLIMITED)
    if Measurement.get(stdout, unlimited, table).minimum > stdout.width:
        table.box, table.pad_edge = None, False
    stdout.print(table)


def counted(count: int, name: str) -> str:
    """How many, in words: `1 row`, `2,000 rows`."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def command_name() -> str:
    """What to type for this command: its name if that is on PATH, otherwise the path to it."""
    beside = Path(sys.executable).with_name("clickstream")
    found = shutil.which("clickstream")
    if found and Path(found).resolve() == beside.resolve():
        return "clickstream"
    if not beside.exists():
        return f"{sys.executable} -m clickstream_lake"
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)


def progress(*, quiet: bool = False, lines: bool = False) -> Progress:
    """Bars on standard error, so that standard output stays clean for pipes.

    Args:
        quiet: show nothing.
        lines: where standard error is not a terminal, print a line when a step begins and one when
            it ends; without this nothing is shown there.
    """
    if not quiet and lines and not stderr.is_terminal:
        return _Lines(disable=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        console=stderr,
        disable=quiet or not stderr.is_terminal,
    )


class _Lines(Progress):
    """Prints as lines, as it happens, what bars would show."""

    def add_task(self, description: str, *args: Any, **fields: Any) -> TaskID:  # noqa: ANN401 - Rich's own
        """Begin a step."""
        self._say(f"{description} …")
        return super().add_task(description, *args, **fields)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance a step."""
        self.update(task_id, advance=advance)

    def update(self, task_id: TaskID, **changes: Any) -> None:  # noqa: ANN401 - Rich's own
        """Change a step, and say so if that ends it."""
        task = self._tasks[task_id]
        ended = task.finished
        super().update(task_id, **changes)
        if task.finished and not ended:
            count = "" if task.total == 1 else f"{task.completed:,.0f}"
            told = " ".join(filter(None, (count, task.fields["note"]))) or "done"
            self._say(f"{task.description}: {told}, {task.finished_time or 0:.1f} s")

    def _say(self, line: str) -> None:
        stderr.print(line, markup=False, highlight=False, soft_wrap=True)

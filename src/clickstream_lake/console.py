"""Where the commands print, and how they show examples, sizes and progress."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

stdout = Console()
stderr = Console(stderr=True)

_KIB = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def examples(*lines: str) -> str:
    """The end of a command's help: its examples, one a line."""
    # typer joins lines that no empty line parts.
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"$ {line}" for line in lines)


def size(count: float) -> str:
    """Bytes for people: `12.3 MiB`."""
    for unit in _UNITS[:-1]:
        if count < _KIB:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= _KIB
    return f"{count:,.1f} {_UNITS[-1]}"


def progress(*, quiet: bool = False) -> Progress:
    """Bars on standard error, so that standard output stays clean for pipes."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=stderr,
        disable=quiet,
    )

"""The options that choose partitions, and what they choose."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_lake.cli.errors import UsageError

if TYPE_CHECKING:
    from clickstream_lake.lake.formats import Format
    from clickstream_lake.lake.layout import Partition

_DAY = ["%Y-%m-%d"]

Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--partition", help="Only this one, as year=2025/month=11/day=26. Can be given again."
    ),
]
Since = Annotated[
    datetime | None, typer.Option(help="Only partitions from this day on.", formats=_DAY)
]
Until = Annotated[
    datetime | None, typer.Option(help="Only partitions up to this day, inclusive.", formats=_DAY)
]


def partitions_of(paths: Paths) -> "list[Partition] | None":
    """The partitions that were named; None if none was.

    Raises:
        LayoutError: a path is not `key=value/…`.
    """
    from clickstream_lake.lake.layout import Partition

    return [Partition.parse(path) for path in paths] if paths else None


def formats_of(names: list[str] | None) -> "list[Format]":
    """The formats that were named; all if none was.

    Raises:
        UsageError: there is no such format.
    """
    from clickstream_lake.lake.errors import LayoutError
    from clickstream_lake.lake.formats import FORMATS, check_formats

    try:
        check_formats(names or ())
    except LayoutError as error:
        raise UsageError(str(error)) from error
    return names or [*FORMATS]


def day_of(moment: datetime | None) -> date | None:
    """The day of an option that is a date."""
    return moment.date() if moment else None

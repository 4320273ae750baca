"""Events for any catalog: a value of its type for each column, and what has to be removed."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from clickstream_lake.generate.calendar import Calendar
from clickstream_lake.generate.events import check_arguments
from clickstream_lake.generate.malformed import mangle

_WORDS = 12
_PAGES = 400
# Shares of events, between 0 and 1.
_NULL = 0.03
_KNOWN = 0.62
_SECONDS = 1_000
# What a number of a timestamp counts, in a millisecond.
_IN_A_MILLISECOND = {"epoch_s": 1 / _SECONDS, "epoch_us": 1_000, "epoch_ns": 1_000_000}


class Field(Protocol):
    """What has to be known of a column."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def sources(self) -> Sequence[str]:
        """Names that it is sent under; none if only its own."""

    @property
    def type(self) -> str:
        """One of the catalog's types."""

    @property
    def dictionary(self) -> bool:
        """Whether its values repeat."""

    @property
    def url(self) -> bool:
        """Whether its texts are URLs."""

    @property
    def time_formats(self) -> Sequence[str]:
        """What its instants may be sent as."""


def generate_by_columns(
    seed: int,
    count: int,
    start: datetime,
    days: float = 1.0,
    malformed: float = 0.0,
    *,
    columns: Sequence[Field],
    personal: Sequence[str] = (),
    undeclared: bool = False,
) -> Iterator[bytes]:
    r"""Yield `count` events as NDJSON lines, each ending in one `\n`, in order of time.

    The same arguments give the same bytes on every machine.

    Args:
        seed: any integer.
        count: how many lines.
        start: the first instant of the events; taken as UTC when it has no offset.
        days: the span that the events' times cover, from `start`.
        malformed: share (0 to 1) of lines that are not publishable events; see `malformed.py`.
        columns: what producers send, in order.
        personal: PII keys, which most events carry.
        undeclared: adds a field that the catalog does not declare (`app_version`).

    Raises:
        ValueError: for a share outside 0 to 1, a negative count or a span that is not positive.
    """
    check_arguments(count, days, malformed)
    rng = random.Random(seed)  # noqa: S311 - test data
    events = _events(rng, count, Calendar(start, days), columns)
    return (_line(rng, event, malformed, personal, undeclared=undeclared) for event in events)


def _events(
    rng: random.Random, count: int, calendar: Calendar, columns: Sequence[Field]
) -> Iterator[dict[str, Any]]:
    for number in range(count):
        instant = calendar.moment(calendar.at(number / count))
        yield {
            (*column.sources, column.name)[0]: _time(column.time_formats[0], instant)
            if column.type == "timestamp"
            else _value(rng, column)
            for column in columns
        }


def _line(
    rng: random.Random,
    event: dict[str, Any],
    malformed: float,
    personal: Sequence[str],
    *,
    undeclared: bool,
) -> bytes:
    if rng.random() < _KNOWN:
        event |= dict.fromkeys(personal, f"p-{rng.randrange(900_000):06d}")
    if undeclared:
        event["app_version"] = f"4.{rng.randrange(12)}.0"
    text = json.dumps(event, separators=(",", ":")) + "\n"
    return mangle(rng, text) if malformed and rng.random() < malformed else text.encode()


def _value(rng: random.Random, column: Field) -> Any:  # noqa: ANN401 - by the column's type
    if not column.dictionary:
        number = rng.getrandbits(52)
        return number if column.type == "bigint" else f"{number:013x}"
    if rng.random() < _NULL:
        return None
    if column.type == "string" and column.url:
        return f"https://shop.example/{column.name}/{rng.randrange(_PAGES)}"
    # Of words the first come up most.
    values: dict[str, Callable[[], Any]] = {
        "string": lambda: f"{column.name}-{int(_WORDS * rng.random() ** 2)}",
        "bigint": lambda: rng.randrange(100),
        "double": lambda: rng.randrange(100_00) / 100,
        "boolean": lambda: rng.random() < 1 / 2,
        "json": lambda: {"variant": rng.choice("ab"), "step": rng.randrange(9)},
    }
    return values[column.type]()


def _time(form: str, instant: datetime) -> str | int | float:
    if form == "iso":
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "sql":
        return instant.strftime("%Y-%m-%d %H:%M:%S")
    epoch = datetime.fromtimestamp(0, instant.tzinfo)
    since = (instant - epoch) // timedelta(milliseconds=1)
    unit = _IN_A_MILLISECOND.get(form, 1)
    return int(since * unit) if unit >= 1 else since / _SECONDS

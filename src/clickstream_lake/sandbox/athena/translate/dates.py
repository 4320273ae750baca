"""Functions over dates, timestamps and intervals, in DuckDB's SQL.

A timestamp in a zone is computed with as the wall time there.
"""

from collections.abc import Callable
from typing import Final

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.casts import cast, instant, local
from clickstream_lake.sandbox.athena.translate.time_functions import (
    joda_format,
    known_zone,
    mysql_format,
    parser,
)
from clickstream_lake.sandbox.athena.translate.typed import NOW, Call, Typed, text
from clickstream_lake.sandbox.athena.translate.types import Type, unsupported
from clickstream_lake.sandbox.errors import QueryError

_UNITS: Final = (
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
)
_MILLIS: Final = {
    "millisecond": 1,
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_DAYS: Final = ("day", "week", "month", "quarter", "year")


def wall(value: Typed) -> str:
    """Give a date or timestamp without its zone."""
    return local(value) if value.type.name == "timestamp with time zone" else value.sql


def _part(template: str) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        value = call.arguments[0]
        if value.type.name.startswith("interval") or (
            value.type.name.startswith("time")
            and (value.type.name in {"time", "time with time zone"})
        ):
            raise unsupported(f"{call.name} of {value.type}")
        return Typed(f"CAST({template.format(wall(value))} AS BIGINT)", call.returns)

    return made


def _unit(call: Call, of: Type) -> str:
    unit = call.arguments[0].literal
    if not isinstance(unit, str):
        raise unsupported(f"{call.name} with a unit that is no constant")
    unit = unit.lower()
    if unit not in (_DAYS if of.name == "date" else _UNITS):
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid {of.name} field")
    if of.name == "time":
        raise unsupported(f"{call.name} of a time")
    return unit


def _date_trunc(call: Call) -> Typed:
    value = call.arguments[1]
    unit = _unit(call, value.type)
    if value.type.name == "date":
        return Typed(f"CAST(date_trunc('{unit}', {value.sql}) AS DATE)", call.returns)
    truncated = f"date_trunc('{unit}', {wall(value)})"
    if value.type.name == "timestamp":
        return Typed(truncated, call.returns)
    if value.type.zone != "UTC" and unit in _MILLIS and unit not in {"day", "week"}:
        raise unsupported(f"date_trunc to {unit} in a time zone other than UTC")
    return Typed(f"timezone('{value.type.zone}', {truncated})", call.returns)


def _date_add(call: Call) -> Typed:
    count, value = call.arguments[1:]
    unit = _unit(call, value.type)
    if unit == "millisecond" and value.type.args and value.type.args[0] < 3:
        raise unsupported("date_add of milliseconds to a time without them")
    amount = f"CAST({count.sql} AS INTEGER)"
    if value.type.name == "date":
        if unit in _MONTHS:
            return Typed(
                f"CAST({value.sql} + to_months({amount} * {_MONTHS[unit]}) AS DATE)", call.returns
            )
        return Typed(
            f"CAST({value.sql} + {amount} * {7 if unit == 'week' else 1} AS DATE)", call.returns
        )
    if value.type.zone not in {None, "UTC"} and unit not in {
        "millisecond",
        "second",
        "minute",
        "hour",
    }:
        raise unsupported(f"date_add of {unit}s in a time zone other than UTC")
    if unit in _MONTHS:
        return Typed(f"({value.sql} + to_months({amount} * {_MONTHS[unit]}))", call.returns)
    return Typed(f"({value.sql} + to_milliseconds({count.sql} * {_MILLIS[unit]}))", call.returns)


def _date_diff(call: Call) -> Typed:
    first, second = call.arguments[1:]
    unit = _unit(call, first.type)
    if "UTC" not in {first.type.zone or "UTC", second.type.zone or "UTC"} or None in {
        one.type.zone for one in (first, second) if one.type.name == "timestamp with time zone"
    }:
        raise unsupported("date_diff in a time zone other than UTC")
    a, b = (f"CAST({wall(one)} AS TIMESTAMP)" for one in (first, second))
    if unit in _MONTHS:
        return Typed(f"CAST(trino_months({a}, {b}) // {_MONTHS[unit]} AS BIGINT)", call.returns)
    return Typed(f"trino_units({a}, {b}, {_MILLIS[unit]})", call.returns)


def _pattern(call: Call) -> str:
    pattern = call.arguments[1].literal
    if not isinstance(pattern, str):
        raise unsupported(f"{call.name} with a pattern that is no constant")
    return pattern


def _printed(spell: Callable[[str], str]) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        spelt = text(spell(_pattern(call)))
        return Typed(f"strftime({wall(call.arguments[0])}, {spelt})", call.returns)

    return made


def _parsed(spell: Callable[[str], str]) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        form = text(parser(spell(_pattern(call))))
        stamp = f"trino_parse_time({call.arguments[0].sql}, {form})"
        if call.returns.name == "timestamp":
            return Typed(stamp, call.returns)
        return Typed(f"timezone('UTC', {stamp})", call.returns)

    return made


def _to_iso8601(call: Call) -> Typed:
    value = call.arguments[0]
    if value.type.name == "date":
        return Typed(f"strftime({value.sql}, '%Y-%m-%d')", call.returns)
    precision = value.type.args[0]
    if precision not in {0, 3, 6} or value.type.zone not in {None, "UTC"}:
        raise unsupported(f"to_iso8601 of {value.type}")
    form = "%Y-%m-%dT%H:%M:%S" + {0: "", 3: ".%g", 6: ".%f"}[precision]
    zone = "Z" if value.type.name == "timestamp with time zone" else ""
    return Typed(f"strftime({wall(value)}, '{form}{zone}')", call.returns)


def _from_unixtime(call: Call) -> Typed:
    given = call.arguments[0].sql
    seconds = f"CASE WHEN isnan({given}) THEN 0e0 ELSE {given} END"  # Java rounds NaN to 0
    instant = f"timezone('UTC', epoch_ms(CAST(floor(({seconds}) * 1000 + 0.5e0) AS BIGINT)))"
    if len(call.arguments) == 1:
        return Typed(instant, call.returns)
    if len(call.arguments) > 2:
        raise unsupported("from_unixtime with an offset")
    return Typed(instant, types.zoned(3, _zone(call)))


def _zone(call: Call) -> str:
    name = call.arguments[1].literal
    if not isinstance(name, str):
        raise unsupported("A time zone that is no constant")
    return known_zone(name)


def _at_timezone(call: Call) -> Typed:
    value = instant(call.arguments[0])
    return Typed(value.sql, types.zoned(value.type.args[0], _zone(call)))


def _with_timezone(call: Call) -> Typed:
    zone = _zone(call)
    value = call.arguments[0]
    if zone != "UTC":
        raise unsupported("with_timezone of a time zone other than UTC")
    return Typed(f"timezone('UTC', {value.sql})", types.zoned(value.type.args[0], zone))


def _date(call: Call) -> Typed:
    return cast(call.arguments[0], types.DATE)


def _to_unixtime(call: Call) -> Typed:
    return Typed(f"(epoch_us({instant(call.arguments[0]).sql}) / 1000000e0)", call.returns)


def _timezone(call: Call) -> Typed:
    zone = call.arguments[0].type.zone
    if zone is None:
        raise unsupported("A column with timestamps of several time zones")
    return Typed(
        f"(CASE WHEN {call.arguments[0].sql} IS NOT NULL THEN {text(zone)} END)", call.returns
    )


def _now(_: Call) -> Typed:
    return Typed(f"date_trunc('millisecond', {NOW})", types.zoned(3))


DATES: Final = {
    "year": _part("year({0})"),
    "quarter": _part("quarter({0})"),
    "month": _part("month({0})"),
    "week": _part("week({0})"),
    "week_of_year": _part("week({0})"),
    "year_of_week": _part("isoyear({0})"),
    "yow": _part("isoyear({0})"),
    "day": _part("day({0})"),
    "day_of_month": _part("day({0})"),
    "day_of_week": _part("isodow({0})"),
    "dow": _part("isodow({0})"),
    "day_of_year": _part("dayofyear({0})"),
    "doy": _part("dayofyear({0})"),
    "hour": _part("hour({0})"),
    "minute": _part("minute({0})"),
    "second": _part("second({0})"),
    "millisecond": _part("(millisecond({0}) % 1000)"),
    "last_day_of_month": "last_day({0})",
    "date": _date,
    "date_trunc": _date_trunc,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "date_format": _printed(mysql_format),
    "format_datetime": _printed(joda_format),
    "date_parse": _parsed(mysql_format),
    "parse_datetime": _parsed(joda_format),
    "from_iso8601_timestamp": "trino_from_iso8601_utc({0})",
    "from_iso8601_date": "trino_from_iso8601_date({0})",
    "to_iso8601": _to_iso8601,
    "from_unixtime": _from_unixtime,
    "to_unixtime": _to_unixtime,
    "at_timezone": _at_timezone,
    "with_timezone": _with_timezone,
    "timezone": _timezone,
    "now": _now,
    "human_readable_seconds": "trino_human_seconds({0})",
    "to_milliseconds": "{0}",
}

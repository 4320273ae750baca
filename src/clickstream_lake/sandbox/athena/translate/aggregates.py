"""The aggregate and window functions that this engine answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.typed import Call, Typed, fail, scaled
from clickstream_lake.sandbox.athena.translate.types import Type, duckdb_type, unsupported
from clickstream_lake.sandbox.errors import QueryError


@dataclass
class Modifiers:
    """What stands around the arguments of an aggregate.

    Attributes:
        order: SQL behind ORDER BY.
        where: SQL of FILTER's condition.
        over: SQL inside OVER, brackets included, or the name of a window.
    """

    distinct: bool = False
    order: str | None = None
    where: str | None = None
    over: str | None = None
    ignore_nulls: bool | None = None


Aggregate = Callable[[Call, Modifiers], Typed]


def _written(function: str, arguments: str, modifiers: Modifiers, *, ordered: bool = True) -> str:
    if modifiers.ignore_nulls is not None and function not in _NULLS:
        raise unsupported(f"IGNORE NULLS of {function}")
    distinct = "DISTINCT " if modifiers.distinct else ""
    order = f" ORDER BY {modifiers.order}" if modifiers.order and ordered else ""
    nulls = " IGNORE NULLS" if modifiers.ignore_nulls else ""
    sql = f"{function}({distinct}{arguments}{order}{nulls})"
    if modifiers.where is not None:
        sql += f" FILTER (WHERE {modifiers.where})"
    if modifiers.over is not None:
        if modifiers.distinct:
            raise unsupported("DISTINCT in a window function")
        sql += f" OVER {modifiers.over}"
    return sql


_NULLS: Final = {"lag", "lead", "first_value", "last_value", "nth_value"}


def _plain(function: str, cast: str | None = None) -> Aggregate:
    """Make an aggregate of the same meaning, cast to its type where DuckDB's is wider."""

    def made(call: Call, modifiers: Modifiers) -> Typed:
        sql = _written(function, ", ".join(one.sql for one in call.arguments), modifiers)
        return Typed(f"CAST({sql} AS {cast})" if cast else f"({sql})", call.returns)

    return made


def _ordered_type(function: str) -> Aggregate:
    def made(call: Call, modifiers: Modifiers) -> Typed:
        if len(call.arguments) != 1 or call.returns.name in {"array", "row", "map", "json"}:
            raise unsupported(f"{call.name} of {call.returns}")
        value = call.arguments[0].sql
        sql = _written(function, value, modifiers)
        if function == "max" and call.returns.name in {"real", "double"}:
            kept = f"NOT isnan({value})" + (f" AND ({modifiers.where})" if modifiers.where else "")
            number = _written(function, value, replace(modifiers, where=kept))
            return Typed(f"coalesce({number}, {sql})", call.returns)
        return Typed(f"({sql})", call.returns)

    return made


def _count(call: Call, modifiers: Modifiers) -> Typed:
    argument = call.arguments[0].sql if call.arguments else "*"
    return Typed(f"({_written('count', argument, modifiers)})", types.BIGINT)


def _sum(call: Call, modifiers: Modifiers) -> Typed:
    value = call.arguments[0]
    sql = _written("sum", value.sql, modifiers)
    match value.type.name:
        case "decimal":
            of = types.decimal(types.MOST_DIGITS, value.type.args[1])
            return Typed(f"CAST({sql} AS {duckdb_type(of)})", of)
        case "interval year to month":
            raise unsupported("sum of months")
    return Typed(f"CAST({sql} AS {duckdb_type(call.returns)})", call.returns)


def _avg(call: Call, modifiers: Modifiers) -> Typed:
    value = call.arguments[0]
    if value.type.name == "decimal":
        scale = value.type.args[1]
        total = _written("sum", f"CAST({value.sql} AS DECIMAL(38,{scale}))", modifiers)
        count = _written("count", value.sql, modifiers)
        digits = (
            f"trino_quotient(trino_digits({total}), CAST({count} AS HUGEINT))"
            if scale
            else (f"trino_quotient(CAST({total} AS HUGEINT), CAST({count} AS HUGEINT))")
        )
        of = duckdb_type(value.type)
        return Typed(
            f"(CASE WHEN {count} > 0 THEN CAST({scaled(digits, scale)} AS {of}) END)", value.type
        )
    if value.type.name.startswith("interval"):
        raise unsupported(f"avg of {value.type}")
    return Typed(
        f"CAST({_written('avg', value.sql, modifiers)} AS {duckdb_type(call.returns)})",
        call.returns,
    )


def _by(function: str) -> Aggregate:
    def made(call: Call, modifiers: Modifiers) -> Typed:
        if len(call.arguments) != 2 or call.arguments[1].type.name in {
            "array",
            "row",
            "map",
            "json",
        }:
            raise unsupported(f"{call.name} with a number of rows")
        value, key = (one.sql for one in call.arguments)
        # DuckDB passes over rows whose value is NULL, which Trino does not.
        sql = _written(function, f"{{'v': {value}}}, {key}", modifiers)
        return Typed(f"({sql}).v", call.returns)

    return made


def _array_agg(call: Call, modifiers: Modifiers) -> Typed:
    return Typed(f"({_written('list', call.arguments[0].sql, modifiers)})", call.returns)


def _approx_distinct(call: Call, modifiers: Modifiers) -> Typed:
    if len(call.arguments) > 1:
        raise unsupported("approx_distinct with an error")
    modifiers.distinct = True
    return Typed(f"({_written('count', call.arguments[0].sql, modifiers)})", types.BIGINT)


def _approx_percentile(call: Call, modifiers: Modifiers) -> Typed:
    if len(call.arguments) != 2:
        raise unsupported("approx_percentile with weights")
    value, share = call.arguments
    if modifiers.distinct or modifiers.order:
        raise unsupported("approx_percentile with DISTINCT or ORDER BY")
    kept = f"{value.sql} IS NOT NULL" + (f" AND ({modifiers.where})" if modifiers.where else "")
    values = f"list_sort({_written('list', value.sql, replace(modifiers, where=kept))})"
    if share.type.name == "array":
        sql = f"list_transform({share.sql}, lambda share: trino_at_share({values}, share))"
        return Typed(f"(CASE WHEN {values} IS NOT NULL THEN {sql} END)", call.returns)
    bad = fail("INVALID_FUNCTION_ARGUMENT", "'Percentile must be between 0 and 1'", call.returns)
    return Typed(
        f"(CASE WHEN {share.sql} BETWEEN 0 AND 1 THEN trino_at_share({values}, {share.sql}) ELSE {bad} END)",
        call.returns,
    )


def _count_if(call: Call, modifiers: Modifiers) -> Typed:
    counted = f"CASE WHEN {call.arguments[0].sql} THEN 1 END"
    return Typed(f"({_written('count', counted, modifiers)})", types.BIGINT)


def _listagg(call: Call, modifiers: Modifiers) -> Typed:
    value, separator = call.arguments
    if separator.literal is None:
        raise unsupported("listagg with a separator that is no constant")
    return Typed(
        f"({_written('string_agg', f'{value.sql}, {separator.sql}', modifiers)})", types.VARCHAR
    )


def _map_agg(call: Call, modifiers: Modifiers) -> Typed:
    if modifiers.over is not None or modifiers.distinct or modifiers.order:
        raise unsupported("map_agg with DISTINCT, ORDER BY or OVER")
    key, value = call.arguments
    if key.type.name not in {"varchar", "integer", "bigint", "date"}:
        raise unsupported(f"map_agg with keys of type {key.type}")
    present = f"{key.sql} IS NOT NULL" + (f" AND ({modifiers.where})" if modifiers.where else "")
    entries = f"list({{'k': {key.sql}, 'v': {value.sql}}}) FILTER (WHERE {present})"
    return Typed(f"trino_first_of_keys({entries})", call.returns)


def _histogram(call: Call, modifiers: Modifiers) -> Typed:
    if modifiers.over is not None or modifiers.distinct or modifiers.order:
        raise unsupported("histogram with DISTINCT, ORDER BY or OVER")
    key = call.arguments[0]
    if key.type.name not in {"varchar", "integer", "bigint", "date", "boolean"}:
        raise unsupported(f"histogram of {key.type}")
    of: Type = Type("map", (key.type, types.BIGINT))
    return Typed(f"CAST({_written('histogram', key.sql, modifiers)} AS {duckdb_type(of)})", of)


def _statistic(function: str) -> Aggregate:
    """Make a statistic that is NULL where it has no value."""

    def made(call: Call, modifiers: Modifiers) -> Typed:
        arguments = ", ".join(_doubles(call, modifiers))
        sql = _written(function, arguments, modifiers)
        wanted = duckdb_type(call.returns)
        return Typed(f"CAST(CASE WHEN NOT isnan({sql}) THEN {sql} END AS {wanted})", call.returns)

    return made


def _moment(function: str, least: int) -> Aggregate:
    """Make a statistic of so many rows at least, which is NaN once a value is not finite."""

    def made(call: Call, modifiers: Modifiers) -> Typed:
        values = _doubles(call, modifiers)
        known = " AND ".join(f"{one} IS NOT NULL" for one in values)
        finite = " AND ".join(f"isfinite({one})" for one in values)
        count = _written("count", f"CASE WHEN {known} THEN 1 END", modifiers)
        strange = _written("count", f"CASE WHEN {known} AND NOT ({finite}) THEN 1 END", modifiers)
        usual = ", ".join(f"CASE WHEN {finite} THEN {one} END" for one in values)
        sql = (
            f"CASE WHEN {count} < {least} THEN NULL WHEN {strange} > 0 THEN 'NaN' "
            f"ELSE {_written(function, usual, modifiers)} END"
        )
        return Typed(f"CAST({sql} AS {duckdb_type(call.returns)})", call.returns)

    return made


def _doubles(call: Call, modifiers: Modifiers) -> list[str]:
    if modifiers.distinct:
        raise unsupported(f"DISTINCT in {call.name}")
    return [f"CAST({one.sql} AS DOUBLE)" for one in call.arguments]


def _geometric_mean(call: Call, modifiers: Modifiers) -> Typed:
    (value,) = _doubles(call, modifiers)
    logarithm = (
        f"CASE WHEN {value} > 0 THEN ln({value}) WHEN {value} = 0 THEN CAST('-Infinity' AS DOUBLE) "
        f"WHEN {value} IS NOT NULL THEN CAST('NaN' AS DOUBLE) END"
    )
    mean = _written("avg", logarithm, modifiers)
    return Typed(f"CAST(exp({mean}) AS {duckdb_type(call.returns)})", call.returns)


def _offset(function: str) -> Aggregate:
    def made(call: Call, modifiers: Modifiers) -> Typed:
        if (
            modifiers.over is not None
            and modifiers.over.startswith("(")
            and "ORDER BY" not in modifiers.over
        ):
            raise QueryError(
                "MISSING_ORDER_BY", f"{call.name} function requires an ORDER BY window clause"
            )
        offset = call.arguments[1] if len(call.arguments) > 1 else None
        if offset is not None and (not isinstance(offset.literal, int) or offset.literal < 0):
            raise unsupported(f"{call.name} with an offset that is no constant")
        return _plain(function)(call, modifiers)

    return made


def _ntile(call: Call, modifiers: Modifiers) -> Typed:
    if not isinstance(call.arguments[0].literal, int):
        raise unsupported("ntile with a number that is no constant")
    if call.arguments[0].literal <= 0:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", "Buckets must be greater than 0")
    return _plain("ntile")(call, modifiers)


def _nth_value(call: Call, modifiers: Modifiers) -> Typed:
    if not isinstance(call.arguments[1].literal, int) or call.arguments[1].literal < 1:
        raise unsupported("nth_value with an offset that is no constant")
    return _plain("nth_value")(call, modifiers)


AGGREGATES: Final[dict[str, Aggregate]] = {
    "count": _count,
    "count_if": _count_if,
    "sum": _sum,
    "avg": _avg,
    "min": _ordered_type("min"),
    "max": _ordered_type("max"),
    "min_by": _by("arg_min"),
    "max_by": _by("arg_max"),
    "arbitrary": _plain("any_value"),
    "any_value": _plain("any_value"),
    "array_agg": _array_agg,
    "bool_and": _plain("bool_and"),
    "bool_or": _plain("bool_or"),
    "every": _plain("bool_and"),
    "approx_distinct": _approx_distinct,
    "approx_percentile": _approx_percentile,
    "listagg": _listagg,
    "map_agg": _map_agg,
    "histogram": _histogram,
    "bitwise_and_agg": _plain("bit_and"),
    "bitwise_or_agg": _plain("bit_or"),
    "stddev": _moment("stddev_samp", 2),
    "stddev_samp": _moment("stddev_samp", 2),
    "stddev_pop": _moment("stddev_pop", 1),
    "variance": _moment("var_samp", 2),
    "var_samp": _moment("var_samp", 2),
    "var_pop": _moment("var_pop", 1),
    "corr": _statistic("corr"),
    "covar_pop": _moment("covar_pop", 1),
    "covar_samp": _moment("covar_samp", 2),
    "regr_slope": _statistic("regr_slope"),
    "regr_intercept": _statistic("regr_intercept"),
    "geometric_mean": _geometric_mean,
}
WINDOWS: Final[dict[str, Aggregate]] = {
    "row_number": _plain("row_number"),
    "rank": _plain("rank"),
    "dense_rank": _plain("dense_rank"),
    "percent_rank": _plain("percent_rank"),
    "cume_dist": _plain("cume_dist"),
    "ntile": _ntile,
    "lag": _offset("lag"),
    "lead": _offset("lead"),
    "first_value": _plain("first_value"),
    "last_value": _plain("last_value"),
    "nth_value": _nth_value,
}

"""Between Trino's types and those of Glue, of results, and of the values that Arrow carries."""

from sqlglot import exp

from clickstream_lake.sandbox.athena.tables import trino_type
from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.casts import to_text
from clickstream_lake.sandbox.athena.translate.typed import Typed, quoted
from clickstream_lake.sandbox.athena.translate.types import Type, of_sqlglot, unsupported

_MILLIS, _MICROS = 3, 6


# Types of columns that no table in Glue has: hidden ones, and those of tables of the engine's own.
_OWN = {"varchar", "timestamp with time zone"}


def of_glue(glue_type: str) -> Type:
    """Read a column's type."""
    if glue_type in _OWN:
        return types.of_name(glue_type)
    spelt = trino_type(glue_type)
    if spelt == "decimal":
        return types.decimal(10, 0)
    return of_sqlglot(exp.DataType.build(spelt, dialect="trino"))


def athena_type(of: Type) -> str:
    """Name a result column's type as `ColumnInfo.Type` does, with a decimal's digits."""
    match of.name:
        case "decimal":
            return str(of)
        case "real":
            return "float"
    return of.name


def shown_value(sql: str, of: Type) -> str:
    """Give a value in a form that Arrow carries to the printer of results."""
    match of.name:
        case "timestamp" if of.args[0] > _MILLIS:
            return f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%f')" if of.args[0] == _MICROS else sql
        case "interval day to second":
            return to_text(Typed(sql, of))
        case "interval year to month":
            return f"trino_months_text({sql})"
        case "timestamp with time zone" if of.zone != "UTC" or of.args[0] > _MILLIS:
            precision = _MICROS if of.args[0] > _MILLIS else _MILLIS
            shown = Typed(sql, types.zoned(precision, of.zone or ""))
            if of.zone is None:
                raise unsupported("A column with timestamps of several time zones")
            return to_text(shown)
        case "array" if _is_changed(of.args[0]):
            return f"list_transform({sql}, lambda v: {shown_value('v', of.args[0])})"
        case "map" if any(map(_is_changed, of.args)):
            keys = f"list_transform(map_keys({sql}), lambda v: {shown_value('v', of.args[0])})"
            items = f"list_transform(map_values({sql}), lambda v: {shown_value('v', of.args[1])})"
            return f"CASE WHEN {sql} IS NOT NULL THEN MAP({keys}, {items}) END"
        case "row":
            fields = [
                f"{quoted(name or f'field{place}')} := {shown_value(f'({sql}).f{place}', part)}"
                for place, (name, part) in enumerate(of.args)
            ]
            return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(fields)}) END"
    return sql


def _is_changed(of: Type) -> bool:
    if of.name == "row" or of.name.startswith("interval"):
        return True
    if of.name == "timestamp with time zone":
        return of.zone != "UTC" or bool(of.args[0] > _MILLIS)
    if of.name == "timestamp":
        return bool(of.args[0] > _MILLIS)
    return any(_is_changed(part) for part in of.args if isinstance(part, Type))

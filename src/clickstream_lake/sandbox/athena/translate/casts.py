"""CAST as Trino does it, from each type to each other; what is not here is refused."""

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.runtime import json_reader, json_writer
from clickstream_lake.sandbox.athena.translate.typed import Typed, fail, null
from clickstream_lake.sandbox.athena.translate.types import Type, duckdb_type, unsupported
from clickstream_lake.sandbox.errors import QueryError

_TEXTS = ("varchar", "char")
_TIMES = ("date", "timestamp", "timestamp with time zone")
_WHOLE = r"[+-]?[0-9]+"
_REAL = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
_TOO_BIG = "NUMERIC_VALUE_OUT_OF_RANGE"
_LIMITS = {"tinyint": 7, "smallint": 15, "integer": 31, "bigint": 63}
# What Trino casts, so that the rest is a mismatch and not only missing here.
_ALLOWED = {
    "boolean": {"boolean", *types.NUMBERS, *_TEXTS, "json"},
    **{name: {"boolean", *types.NUMBERS, *_TEXTS, "json"} for name in types.NUMBERS},
    "varchar": {"boolean", *types.NUMBERS, *_TEXTS, "json", *_TIMES, "time", "varbinary", "uuid"},
    "char": {*_TEXTS},
    "varbinary": {"varbinary"},
    "date": {"date", *_TEXTS, "timestamp", "timestamp with time zone", "json"},
    "time": {"time", *_TEXTS, "timestamp", "timestamp with time zone"},
    "timestamp": {*_TIMES, *_TEXTS, "time", "json"},
    "timestamp with time zone": {*_TIMES, *_TEXTS, "time"},
    "json": {"boolean", *types.NUMBERS, "varchar", "json", "array", "map", "row"},
    "array": {"array", "json"},
    "map": {"map", "json"},
    "row": {"row", "json"},
    "interval day to second": {"interval day to second", *_TEXTS},
    "interval year to month": {"interval year to month", *_TEXTS},
}


def coerce(value: Typed, target: Type) -> Typed:
    """Take a value as a wider type, as Trino does without being asked."""
    if value.type == target:
        return value
    if value.type.name == "unknown":
        return Typed(null(target), target)
    if target.name in {"jsonpath", "joniregexp", "codepoints"}:
        return Typed(value.sql, target, value.literal)
    if duckdb_type(value.type) == duckdb_type(target) and value.type.name == target.name:
        return Typed(value.sql, target, value.literal)
    made = cast(value, target)
    whole = isinstance(value.literal, int) and target.name in types.INTEGERS
    return Typed(made.sql, made.type, value.literal if whole else None)


def cast(value: Typed, target: Type) -> Typed:
    """Translate `CAST(value AS target)`.

    Raises:
        QueryError: Trino does not have this cast, or this engine does not.
    """
    source = value.type
    if source.name == "unknown":
        return Typed(null(target), target)
    if source == target:
        return value
    if target.name not in _ALLOWED.get(source.name, {target.name}):
        raise QueryError("TYPE_MISMATCH", f"Cannot cast {source} to {target}")
    return Typed(_cast(value, target), target)


def _cast(value: Typed, target: Type) -> str:
    source, sql = value.type, value.sql
    wanted = duckdb_type(target)
    if "json" in (source.name, target.name):
        return _json(value, target)
    if target.name in _TEXTS:
        return _shortened(to_text(value), target, source)
    if source.name == target.name and source.name in {"array", "map", "row"}:
        return _nested(value, target)
    if source.name == "varchar":
        return _from_text(value, target)
    if source.name == "boolean":
        return f"CAST(CAST({sql} AS INTEGER) AS {wanted})"
    if target.name == "boolean":
        return f"({sql} <> 0)"
    if source.name in {"real", "double"} and target.name in types.INTEGERS:
        bound = 2.0 ** _LIMITS[target.name]
        rounded = f"trino_round({sql})"
        code = "INVALID_CAST_ARGUMENT" if target.name == "bigint" else _TOO_BIG
        bad = fail(code, f"'Cannot cast ' || {sql} || ' to {target}'", target)
        return (
            f"(CASE WHEN {rounded} >= -{bound!r} AND {rounded} < {bound!r} THEN "
            f"CAST({rounded} AS {wanted}) WHEN {sql} IS NOT NULL THEN {bad} END)"
        )
    if source.name in types.NUMBERS and target.name in types.NUMBERS:
        return _number(value, target)
    return _time(value, target)


def _number(value: Typed, target: Type) -> str:
    """Cast between integers and decimals with a check of the range, and to binary numbers."""
    if target.name in {"real", "double"} and value.type.name == "decimal":
        return f"CAST(CAST({value.sql} AS VARCHAR) AS {duckdb_type(target)})"
    if target.name == "decimal" and value.type.name in {"real", "double"}:
        shown = "trino_decimal_text" if value.type.name == "double" else "trino_decimal_real"
        value = Typed(f"{shown}({value.sql})", value.type)
    elif target.name in {"real", "double"} or types.can_coerce(value.type, target):
        return f"CAST({value.sql} AS {duckdb_type(target)})"
    whole = value.type.name in types.INTEGERS and target.name in types.INTEGERS
    code = _TOO_BIG if whole else "INVALID_CAST_ARGUMENT"
    bad = fail(code, f"'Cannot cast ' || {value.sql} || ' to {target}'", target)
    inner = f"TRY_CAST({value.sql} AS {duckdb_type(target)})"
    return f"(CASE WHEN {inner} IS NOT NULL OR {value.sql} IS NULL THEN {inner} ELSE {bad} END)"


def _time(value: Typed, target: Type) -> str:
    source, sql = value.type, value.sql
    match source.name, target.name:
        case "timestamp", "timestamp":
            return _to_precision(sql, source.args[0], target.args[0])
        case "date", "timestamp":
            return f"CAST({sql} AS TIMESTAMP)"
        case "timestamp", "date":
            return f"CAST({sql} AS DATE)"
        case "timestamp with time zone", "date":
            return f"CAST({local(value)} AS DATE)"
        case "timestamp with time zone", "timestamp":
            return _to_precision(local(value), source.args[0], target.args[0])
        case (("date" | "timestamp"), "timestamp with time zone") if target.zone == "UTC":
            stamp = _cast(value, types.timestamp(target.args[0])) if source.args else sql
            return f"timezone('UTC', CAST({stamp} AS TIMESTAMP))"
        case "timestamp with time zone", "timestamp with time zone" if source.zone == target.zone:
            if source.args <= target.args:
                return sql
    raise unsupported(f"A cast from {source} to {target}")


def _to_precision(sql: str, source: int, target: int) -> str:
    if target >= source or target >= 6:
        return sql
    step = 10 ** (6 - target)
    return f"make_timestamp(CAST(floor((epoch_us({sql}) + {step // 2}) / {step}e0) AS BIGINT) * {step})"


def instant(value: Typed) -> Typed:
    """The same where nothing but its instant counts, so that a text may have any offset.

    Elsewhere it has to be UTC's: a column here has one time zone, and in Trino each value its own.
    """
    one_zone = "trino_from_iso8601_utc("
    if not value.sql.startswith(one_zone):
        return value
    return Typed(f"trino_from_iso8601_timestamp({value.sql.removeprefix(one_zone)}", value.type)


def local(value: Typed) -> str:
    """Give the wall time of a zoned timestamp in its own zone."""
    if value.type.zone is None:
        raise unsupported("A column with timestamps of several time zones")
    return f"timezone('{value.type.zone}', {value.sql})"


def to_text(value: Typed) -> str:
    """Print a value as a cast to varchar does."""
    source, sql = value.type, value.sql
    match source.name:
        case "varchar" | "char":
            return sql
        case "decimal" if source.args[0] == source.args[1]:
            if source.args[0] == types.MOST_DIGITS:
                raise unsupported(f"A cast from {source} to varchar")
            wider = types.decimal(source.args[0] + 1, source.args[1])  # DuckDB leaves the zero out
            return f"CAST(CAST({sql} AS {duckdb_type(wider)}) AS VARCHAR)"
        case "boolean" | "date" | "decimal" | "tinyint" | "smallint" | "integer" | "bigint":
            return f"CAST({sql} AS VARCHAR)"
        case "double":
            return f"trino_double_text({sql})"
        case "real":
            return f"trino_real_text({sql})"
        case "timestamp" if source.args[0] in {0, 3, 6}:
            return f"strftime({sql}, '{_stamp(source.args[0])}')"
        case "timestamp" if source.args[0] < 6:
            return f"left(strftime({sql}, '{_stamp(6)}'), {20 + source.args[0]})"
        case "timestamp with time zone" if source.args[0] in {0, 3, 6}:
            return f"(strftime({local(value)}, '{_stamp(source.args[0])}') || ' {source.zone}')"
        case "interval day to second":
            return f"trino_interval_text({sql})"
    raise unsupported(f"A cast from {source} to varchar")


def _stamp(precision: int) -> str:
    return "%Y-%m-%d %H:%M:%S" + {0: "", 3: ".%g", 6: ".%f"}[precision]


def _shortened(sql: str, target: Type, source: Type) -> str:
    if target.name == "char" or source.name == "char":
        raise unsupported(f"A cast from {source} to {target}")
    if not target.args:
        return sql
    if source.name == "varchar":
        return f"substr({sql}, 1, {target.args[0]})"
    if source.name not in {*types.INTEGERS, "decimal"}:
        raise unsupported(f"A cast from {source} to {target}")
    bad = fail(
        "INVALID_CAST_ARGUMENT",
        f"'Value ' || {sql} || ' cannot be represented as {target}'",
        target,
    )
    return f"(CASE WHEN length({sql}) > {target.args[0]} THEN {bad} ELSE {sql} END)"


def _from_text(value: Typed, target: Type) -> str:
    sql, wanted = value.sql, duckdb_type(target)
    bad = fail(
        "INVALID_CAST_ARGUMENT",
        f"'Cannot cast ''' || {sql} || ''' to {str(target).upper()}'",
        target,
    )
    if target.name == "varbinary":
        return f"encode({sql})"
    if target.name in types.INTEGERS:
        usual = (
            f"TRY_CAST(CASE WHEN regexp_full_match({sql}, '{_WHOLE}') THEN {sql} END AS {wanted})"
        )
        java = f"TRY_CAST(trino_java_whole({sql}) AS {wanted})"
        return (
            f"(CASE WHEN {usual} IS NOT NULL THEN {usual} "
            f"WHEN {java} IS NOT NULL THEN {java} WHEN {sql} IS NOT NULL THEN {bad} END)"
        )
    if target.name in {"real", "double"}:
        form, done = _REAL, f"CAST({sql} AS {wanted})"
        special = f"WHEN {sql} IN ('NaN', 'Infinity', '-Infinity') THEN CAST({sql} AS {wanted}) "
        return (
            f"(CASE WHEN regexp_full_match({sql}, '{form}') THEN trino_{target}_of({sql}) {special}"
            f"WHEN {sql} IS NOT NULL THEN trino_java_{target}({sql}) END)"
        )
    if target.name == "decimal":
        form, done = _REAL, f"TRY_CAST({sql} AS {wanted})"
    elif target.name == "boolean":
        return (
            f"(CASE lower({sql}) WHEN 'true' THEN true WHEN 't' THEN true WHEN '1' THEN true "
            f"WHEN 'false' THEN false WHEN 'f' THEN false WHEN '0' THEN false ELSE "
            f"(CASE WHEN {sql} IS NOT NULL THEN {bad} END) END)"
        )
    elif target.name == "date":
        return f"trino_date({sql})"
    elif target.name == "timestamp":
        return _to_precision(f"trino_timestamp({sql})", 6, target.args[0])
    else:
        raise unsupported(f"A cast from {value.type} to {target}")
    return (
        f"(CASE WHEN regexp_full_match({sql}, '{form}') AND {done} IS NOT NULL THEN {done} "
        f"WHEN {sql} IS NOT NULL THEN {bad} END)"
    )


def _nested(value: Typed, target: Type) -> str:
    source, sql = value.type, value.sql
    match source.name:
        case "array":
            inner = cast(Typed("x", source.args[0]), target.args[0])
            return f"list_transform({sql}, lambda x: {inner.sql})"
        case "map":
            key = cast(Typed("x", source.args[0]), target.args[0])
            item = cast(Typed("x", source.args[1]), target.args[1])
            return (
                f"MAP(list_transform(map_keys({sql}), lambda x: {key.sql}), "
                f"list_transform(map_values({sql}), lambda x: {item.sql}))"
            )
        case "row" if len(source.args) == len(target.args):
            names = types.field_names(target)
            parts = [
                f"{name} := {cast(Typed(f'({sql}).{name}', of), wanted).sql}"
                for name, (_, of), (_, wanted) in zip(names, source.args, target.args, strict=True)
            ]
            return f"(CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(parts)}) END)"
    raise QueryError("TYPE_MISMATCH", f"Cannot cast {source} to {target}")


def _json(value: Typed, target: Type) -> str:
    if target.name == "json":
        return f"{json_writer(value.type)}({value.sql})"
    return f"{json_reader(target)}({value.sql})"

"""Functions over arrays and maps, in DuckDB's SQL."""

from collections.abc import Callable
from typing import Final

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.casts import coerce, to_text
from clickstream_lake.sandbox.athena.translate.typed import Call, Typed, fail
from clickstream_lake.sandbox.athena.translate.types import Type, unsupported
from clickstream_lake.sandbox.errors import QueryError


def _known(call: Call) -> str:
    """Tell whether no argument is NULL: a NULL is the answer before anything else is wrong."""
    return " AND ".join(f"{one.sql} IS NOT NULL" for one in call.arguments)


def _array_join(call: Call) -> Typed:
    values = call.arguments[0]
    inner = to_text(Typed("x", values.type.args[0]))
    if values.type.args[0].name == "unknown":
        raise unsupported("array_join of nothing but NULL")
    shown = f"list_transform({values.sql}, lambda x: {inner})"
    between = call.arguments[1].sql
    if len(call.arguments) > 2:
        shown = f"list_transform({shown}, lambda x: coalesce(x, {call.arguments[2].sql}))"
        between = f"CASE WHEN {call.arguments[2].sql} IS NOT NULL THEN {between} END"
    return Typed(
        f"(CASE WHEN ({between}) IS NOT NULL THEN array_to_string({shown}, {between}) END)",
        call.returns,
    )


def _sequence(call: Call) -> Typed:
    first, last = call.arguments[:2]
    if first.type.name != "bigint":
        if len(call.arguments) == 2:
            step = f"CASE WHEN {last.sql} >= {first.sql} THEN to_days(1) ELSE to_days(-1) END"
        elif call.arguments[2].type == types.DAY_TO_SECOND:
            given = call.arguments[2].sql
            parts = f"{given} % 86400000 <> 0 OR " if first.type.name == "date" else ""
            first, last = _checked_step(
                call,
                f"{parts}{given} = 0 OR ({given} > 0) <> ({last.sql} >= {first.sql}) AND {first.sql} <> {last.sql}",
            )
            step = f"to_milliseconds({call.arguments[2].sql})"
        else:
            raise unsupported("sequence by months")
        made = _series(call, first.sql, last.sql, step)
        if first.type.name == "date":
            made = f"list_transform({made}, lambda d: CAST(d AS DATE))"
        return Typed(made, call.returns)
    step = (
        call.arguments[2].sql
        if len(call.arguments) > 2
        else (
            f"CASE WHEN {last.sql} >= {first.sql} THEN CAST(1 AS BIGINT) ELSE CAST(-1 AS BIGINT) END"
        )
    )
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT", "'sequence step must not be 0, and lead to stop'", call.returns
    )
    return Typed(
        f"(CASE WHEN {_known(call)} AND (({step}) = 0 OR (({step}) > 0) <> ({last.sql} >= {first.sql}) "
        f"AND {first.sql} <> {last.sql}) THEN {bad} ELSE {_series(call, first.sql, last.sql, step)} END)",
        call.returns,
    )


def _series(call: Call, first: str, last: str, step: str) -> str:
    """Give a sequence, which Trino makes of 10,000 entries at most; no longer one is begun."""
    by, to, kind = f"{first} + 10000 * ({step})", last, ""
    if call.arguments[0].type.name == "bigint":
        by, to, kind = (
            f"CAST({first} AS HUGEINT) + 10000 * CAST(({step}) AS HUGEINT)",
            f"CAST({last} AS HUGEINT)",
            "BIGINT",
        )
    # Not ELSE: least and greatest leave a NULL out.
    end = (
        f"CASE WHEN {last} > {first} THEN least({to}, {by}) "
        f"WHEN {last} < {first} THEN greatest({to}, {by}) WHEN {last} = {first} THEN {to} END"
    )
    end = f"CAST({end} AS {kind})" if kind else end
    made = f"generate_series({first}, {end}, {step})"
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT",
        "'result of sequence function must not have more than 10000 entries'",
        types.array(call.arguments[0].type),
    )
    return f"(CASE WHEN len({made}) > 10000 THEN {bad} ELSE {made} END)"


def _checked_step(call: Call, wrong: str) -> tuple[Typed, Typed]:
    """Fail where a step leads nowhere."""
    first, last = call.arguments[:2]
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT", "'sequence step must not be 0, and lead to stop'", first.type
    )
    return Typed(
        f"(CASE WHEN {_known(call)} AND ({wrong}) THEN {bad} ELSE {first.sql} END)", first.type
    ), last


def _element_at(call: Call) -> Typed:
    values, key = call.arguments
    if values.type.name == "map":
        return Typed(f"{values.sql}[{key.sql}]", call.returns)
    bad = fail("INVALID_FUNCTION_ARGUMENT", "'SQL array indices start at 1'", call.returns)
    return Typed(
        f"(CASE WHEN {_known(call)} AND {key.sql} = 0 THEN {bad} ELSE {values.sql}[{key.sql}] END)",
        call.returns,
    )


def subscript(values: Typed, key: Typed) -> Typed:
    """Translate `values[key]`, which fails where there is no such place or key."""
    if values.type.name == "map":
        if not types.can_coerce(key.type, values.type.args[0]):
            raise QueryError("TYPE_MISMATCH", f"Cannot subscript {values.type} with {key.type}")
        wanted = coerce(key, values.type.args[0])
        of = values.type.args[1]
        bad = fail("INVALID_FUNCTION_ARGUMENT", "'Key not present in map'", of)
        found = f"map_contains({values.sql}, {wanted.sql})"
        return Typed(
            f"(CASE WHEN {found} THEN {values.sql}[{wanted.sql}] WHEN NOT {found} THEN {bad} END)",
            of,
        )
    if values.type.name == "array":
        if key.type.name not in types.INTEGERS:
            raise QueryError("TYPE_MISMATCH", f"Cannot subscript {values.type} with {key.type}")
        of = values.type.args[0]
        bad = fail("INVALID_FUNCTION_ARGUMENT", "'Array subscript out of bounds'", of)
        return Typed(
            f"(CASE WHEN {key.sql} BETWEEN 1 AND len({values.sql}) THEN {values.sql}[{key.sql}] "
            f"WHEN {key.sql} IS NOT NULL AND {values.sql} IS NOT NULL THEN {bad} END)",
            of,
        )
    if values.type.name == "unknown":
        raise unsupported("A subscript of NULL")
    raise QueryError("TYPE_MISMATCH", f"Cannot subscript {values.type}")


def _with_lambda(template: str, returns: Callable[[Call, Type], Type]) -> Callable[[Call], Typed]:
    """Make a function over an array and a lambda of its elements."""

    def made(call: Call) -> Typed:
        source = call.arguments[0]
        spelt, body = call.lambdas[0].bind(source.type.args[:1], None)
        return Typed(template.format(source.sql, spelt), returns(call, body.type))

    return made


def _boolean_lambda(template: str) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        source = call.arguments[0]
        spelt, body = call.lambdas[0].bind(source.type.args[:1], None)
        if body.type.name != "boolean":
            raise QueryError(
                "FUNCTION_NOT_FOUND", f"Unexpected parameters for function {call.name}"
            )
        same = source.type if call.name == "filter" else types.BOOLEAN
        return Typed(template.format(source.sql, spelt), same)

    return made


def _map_lambda(kind: str) -> Callable[[Call], Typed]:
    """Make a function over the pairs of a map."""

    def made(call: Call) -> Typed:
        source = call.arguments[0]
        key, value = source.type.args
        pair = f"pair{call.lambdas[0].depth}"
        body = call.lambdas[0].bind((key, value), (f"{pair}.key", f"{pair}.value"))[1]
        entries = f"map_entries({source.sql})"
        if kind == "filter" and body.type.name != "boolean":
            raise QueryError(
                "FUNCTION_NOT_FOUND", f"Unexpected parameters for function {call.name}"
            )
        if kind == "filter":
            sql = f"map_from_entries(list_filter({entries}, lambda {pair}: {body.sql}))"
            return Typed(f"(CASE WHEN {source.sql} IS NOT NULL THEN {sql} END)", source.type)
        keys = f"list_transform({entries}, lambda {pair}: {body.sql if kind == 'keys' else f'{pair}.key'})"
        items = f"list_transform({entries}, lambda {pair}: {body.sql if kind == 'values' else f'{pair}.value'})"
        of = (body.type, value) if kind == "keys" else (key, body.type)
        return _new_map(keys, items, source.sql, Type("map", of))

    return made


def _reduce(call: Call) -> Typed:
    source, first = call.arguments
    of = source.type.args[0]
    spelt, body = call.lambdas[0].bind((first.type, of), None)
    if body.type.name != first.type.name and types.can_coerce(first.type, body.type):
        first = coerce(first, body.type)  # the lambda decides: Trino casts no result of its
        spelt, body = call.lambdas[0].bind((first.type, of), None)
    if body.type.name != first.type.name:
        raise QueryError("FUNCTION_NOT_FOUND", f"Unexpected parameters for function {call.name}")
    head = spelt.partition(":")[0]
    step = f"{head}: {coerce(body, first.type).sql}"
    state = f"list_reduce({source.sql}, {step}, {first.sql})"
    last = call.lambdas[1].bind((first.type,), (state,))[1]
    return Typed(f"(CASE WHEN {source.sql} IS NOT NULL THEN {last.sql} END)", last.type)


def _zip_with(call: Call) -> Typed:
    a, b = call.arguments
    pair = f"pair{call.lambdas[0].depth}"
    body = call.lambdas[0].bind((a.type.args[0], b.type.args[0]), (f"{pair}[1]", f"{pair}[2]"))[1]
    return Typed(
        f"(CASE WHEN {a.sql} IS NOT NULL AND {b.sql} IS NOT NULL THEN "
        f"list_transform(list_zip({a.sql}, {b.sql}), lambda {pair}: {body.sql}) END)",
        types.array(body.type),
    )


def _zip(call: Call) -> Typed:
    parts = [argument.sql for argument in call.arguments]
    fields = ", ".join(f"'f{i}': pair[{i + 1}]" for i in range(len(parts)))
    present = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    return Typed(
        f"(CASE WHEN {present} THEN list_transform(list_zip({', '.join(parts)}), "
        f"lambda pair: {{{fields}}}) END)",
        call.returns,
    )


def _new_map(keys: str, items: str, present: str, of: Type) -> Typed:
    twice = fail("INVALID_FUNCTION_ARGUMENT", "'Duplicate map keys are not allowed'", of)
    none = fail("INVALID_FUNCTION_ARGUMENT", "'map key cannot be null'", of)
    return Typed(
        f"(CASE WHEN {present} IS NULL THEN NULL WHEN trino_has_null({keys}) THEN {none} "
        f"WHEN len(list_distinct({keys})) <> len({keys}) THEN {twice} "
        f"ELSE MAP({keys}, {items}) END)",
        of,
    )


def _map_from_entries(call: Call) -> Typed:
    source = call.arguments[0].sql
    keys = f"list_transform({source}, lambda pair: pair.f0)"
    items = f"list_transform({source}, lambda pair: pair.f1)"
    return _new_map(keys, items, source, call.returns)


def _map_concat(call: Call) -> Typed:
    parts = [argument.sql for argument in call.arguments]
    missing = " OR ".join(f"{part} IS NULL" for part in parts)
    return Typed(
        f"(CASE WHEN {missing} THEN NULL ELSE map_concat({', '.join(parts)}) END)", call.returns
    )


def _map(call: Call) -> Typed:
    if not call.arguments:
        raise unsupported("An empty map")
    keys, values = call.arguments
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT", "'Key and value arrays must be the same length'", call.returns
    )
    made = _new_map(
        keys.sql,
        values.sql,
        f"({keys.sql} IS NOT NULL AND {values.sql} IS NOT NULL OR NULL)",
        call.returns,
    )
    return Typed(
        f"(CASE WHEN len({keys.sql}) <> len({values.sql}) THEN {bad} ELSE {made.sql} END)",
        call.returns,
    )


def _slice(call: Call) -> Typed:
    values, start, length = (one.sql for one in call.arguments)
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT", "'start must not be 0, nor length negative'", call.returns
    )
    return Typed(
        f"(CASE WHEN {_known(call)} AND ({start} = 0 OR {length} < 0) THEN {bad} "
        f"ELSE trino_slice({values}, {start}, {length}) END)",
        call.returns,
    )


def _array_max(call: Call) -> Typed:
    values = call.arguments[0]
    numbers = values.type.args[0].name in {"real", "double"}
    best = f"trino_number_max({values.sql})" if numbers else f"list_max({values.sql})"
    return Typed(f"trino_extreme({values.sql}, {best})", call.returns)


def _trim_array(call: Call) -> Typed:
    values, count = (one.sql for one in call.arguments)
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT", "'size must not exceed array cardinality'", call.returns
    )
    return Typed(
        f"(CASE WHEN {_known(call)} AND ({count} < 0 OR {count} > len({values})) THEN {bad} "
        f"WHEN {_known(call)} THEN {values}[1:len({values}) - {count}] END)",
        call.returns,
    )


def _array_sort(call: Call) -> Typed:
    if call.lambdas:
        raise unsupported("array_sort with a function")
    return Typed(f"list_sort({call.arguments[0].sql}, 'ASC', 'NULLS LAST')", call.returns)


def _repeat(call: Call) -> Typed:
    value, count = call.arguments
    bad = fail(
        "INVALID_FUNCTION_ARGUMENT",
        "'count argument of repeat function must be between 0 and 10000'",
        call.returns,
    )
    return Typed(
        f"(CASE WHEN {count.sql} NOT BETWEEN 0 AND 10000 THEN {bad} "
        f"ELSE list_transform(range({count.sql}), lambda i: {value.sql}) END)",
        call.returns,
    )


def _entries(call: Call) -> Typed:
    """Name a pair's fields as DuckDB's structs are named here."""
    source = call.arguments[0]
    return Typed(
        f"list_transform(map_entries({source.sql}), lambda p: {{'f0': p.key, 'f1': p.value}})",
        call.returns,
    )


NESTED: Final[dict[str, str | Callable[[Call], Typed]]] = {
    "cardinality(array)": "len({0})",
    "cardinality(map)": "CAST(cardinality({0}) AS BIGINT)",
    "contains": "trino_contains({0}, {1})",
    "element_at(array)": _element_at,
    "element_at(map)": _element_at,
    "array_distinct": "trino_distinct({0})",
    "array_max": _array_max,
    "array_min": "trino_extreme({0}, list_min({0}))",
    "array_join": _array_join,
    "array_position": "(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN coalesce(list_position({0}, {1}), 0) END)",
    "array_remove": "(CASE WHEN {1} IS NOT NULL THEN list_filter({0}, lambda trino_y: trino_y IS NULL OR trino_y <> {1}) END)",
    "array_sort": _array_sort,
    "array_union": "(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN trino_distinct(list_concat({0}, {1})) END)",
    "array_intersect": "(CASE WHEN {1} IS NOT NULL THEN trino_distinct(list_filter({0}, lambda trino_v: trino_holds({1}, trino_v))) END)",
    "array_except": "(CASE WHEN len({1}) = 0 THEN {0} WHEN {1} IS NOT NULL THEN trino_distinct(list_filter({0}, lambda trino_v: NOT trino_holds({1}, trino_v))) END)",
    "flatten": "flatten(list_filter({0}, lambda trino_y: trino_y IS NOT NULL))",
    "repeat": _repeat,
    "sequence": _sequence,
    "slice": _slice,
    "transform": _with_lambda("list_transform({0}, {1})", lambda _, of: types.array(of)),
    "filter": _boolean_lambda("list_filter({0}, {1})"),
    "any_match": _boolean_lambda("trino_any(list_transform({0}, {1}))"),
    "all_match": _boolean_lambda("trino_all(list_transform({0}, {1}))"),
    "none_match": _boolean_lambda("(NOT trino_any(list_transform({0}, {1})))"),
    "map": _map,
    "map_keys": "map_keys({0})",
    "map_values": "map_values({0})",
    "map_entries": _entries,
    "map_filter": _map_lambda("filter"),
    "transform_values": _map_lambda("values"),
    "transform_keys": _map_lambda("keys"),
    "map_from_entries": _map_from_entries,
    "map_concat": _map_concat,
    "reduce": _reduce,
    "zip_with": _zip_with,
    "zip": _zip,
    "arrays_overlap": "trino_overlap({0}, {1})",
    "trim_array": _trim_array,
}

"""The scalar functions that this engine answers: each in DuckDB's SQL, by name and first type.

A text is a template of the arguments' SQL; a function makes the SQL of a call. What is not here,
is refused, whatever DuckDB has under the same name.
"""

from collections.abc import Callable
from typing import Final

from clickstream_lake.sandbox.athena.translate import regexps, types
from clickstream_lake.sandbox.athena.translate.casts import to_text
from clickstream_lake.sandbox.athena.translate.dates import DATES
from clickstream_lake.sandbox.athena.translate.json_functions import steps
from clickstream_lake.sandbox.athena.translate.nested import NESTED
from clickstream_lake.sandbox.athena.translate.strings import SPACES
from clickstream_lake.sandbox.athena.translate.typed import (
    Call,
    Typed,
    fail,
    quoted,
    scaled,
    text,
)
from clickstream_lake.sandbox.athena.translate.types import Type, duckdb_type, unsupported
from clickstream_lake.sandbox.errors import QueryError

Template = str | Callable[[Call], Typed]


def _constant(call: Call, place: int, what: str) -> str:
    value = call.arguments[place].literal
    if not isinstance(value, str):
        raise unsupported(f"{call.name} with {what} that is no constant")
    return value


def _pattern(call: Call) -> str:
    return text(regexps.checked(_constant(call, 1, "a pattern")))


def _regexp(template: str) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        subject = call.arguments[0].sql
        rest = [argument.sql for argument in call.arguments[2:]]
        if f"{{{len(rest) + 1}}}" not in template:
            raise unsupported(f"Function {call.name} with {len(call.arguments)} arguments")
        return Typed(template.format(subject, _pattern(call), *(rest or ["0"])), call.returns)

    return made


def _regexp_replace(call: Call) -> Typed:
    if call.lambdas:
        raise unsupported("regexp_replace with a function")
    new = call.arguments[2].sql if len(call.arguments) > 2 else "''"
    return Typed(
        f"trino_regexp_replace({call.arguments[0].sql}, {_pattern(call)}, {new})", call.returns
    )


def _json_path(call: Call) -> tuple[str, str]:
    """Give a JSON path as Trino spells it, and as DuckDB does."""
    path = _constant(call, 1, "a path")
    own = "$" + "".join(f"[{s}]" if isinstance(s, int) else f".{quoted(s)}" for s in steps(path))
    return text(path), text(own)


def _json_extract_scalar(call: Call) -> Typed:
    path, own = _json_path(call)
    value = call.arguments[0].sql
    if any('"' in str(step) or str(step).isdigit() for step in steps(_constant(call, 1, "a path"))):
        return Typed(f"trino_json_extract_scalar_of({value}, {path})", call.returns)
    return Typed(f"trino_json_scalar({value}, {own}, {path})", call.returns)


def _json(template: str) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        path, _ = _json_path(call)
        return Typed(template.format(call.arguments[0].sql, path), call.returns)

    return made


def _json_array_contains(call: Call) -> Typed:
    value, wanted = call.arguments
    if wanted.type.name == "double":
        raise unsupported("json_array_contains of a double")
    shown = to_text(wanted)
    return Typed(
        f"trino_json_array_contains({value.sql}, {text(wanted.type.name)}, {shown})", call.returns
    )


def _rounded(call: Call) -> Typed:
    value = call.arguments[0]
    match value.type.name:
        case "decimal" if len(call.arguments) == 1:
            precision, scale = value.type.args
            whole = types.decimal(min(types.MOST_DIGITS, precision - scale + min(1, scale)), 0)
            sql = f"trino_quotient(trino_digits({value.sql}), {10**scale})" if scale else value.sql
            return Typed(f"CAST({sql} AS {duckdb_type(whole)})", whole)
        case "decimal":
            digits = call.arguments[1].literal
            precision, scale = value.type.args
            if not isinstance(digits, int) or not digits >= 0:
                raise unsupported("round of a decimal to digits that are no constant")
            of = types.decimal(min(types.MOST_DIGITS, precision + 1), scale)
            if digits >= scale:
                return Typed(f"CAST({value.sql} AS {duckdb_type(of)})", of)
            step = 10 ** (scale - digits)
            sql = scaled(f"trino_quotient(trino_digits({value.sql}), {step}) * {step}", scale)
            return Typed(f"CAST({sql} AS {duckdb_type(of)})", of)
        case "double":
            if len(call.arguments) == 1:
                return Typed(f"round({value.sql})", call.returns)
            return Typed(f"trino_round_to({value.sql}, {call.arguments[1].sql})", call.returns)
        case "real":
            raise unsupported("round of a real")
    if len(call.arguments) == 1:
        return Typed(value.sql, call.returns)
    raise unsupported("round of an integer to digits")


def _whole(function: str) -> Callable[[Call], Typed]:
    def made(call: Call) -> Typed:
        value = call.arguments[0]
        match value.type.name:
            case "double" | "real":
                return Typed(f"{function}({value.sql})", call.returns)
            case "decimal":
                precision, scale = value.type.args
                of = types.decimal(min(types.MOST_DIGITS, precision - scale + min(scale, 1)), 0)
                return Typed(f"CAST({function}({value.sql}) AS {duckdb_type(of)})", of)
        return Typed(value.sql, call.returns)

    return made


def _sign(call: Call) -> Typed:
    value = call.arguments[0]
    if value.type.name in {"double", "real"}:
        sql = f"(CASE WHEN isnan({value.sql}) THEN {value.sql} ELSE CAST(sign({value.sql}) AS {duckdb_type(value.type)}) END)"
        return Typed(sql, call.returns)
    return Typed(f"CAST(sign({value.sql}) AS {duckdb_type(call.returns)})", call.returns)


def _mod(call: Call) -> Typed:
    from clickstream_lake.sandbox.athena.translate.operators import arithmetic  # noqa: PLC0415

    rest = arithmetic("%", *call.arguments)
    if rest.type.name not in types.INTEGERS:
        return rest
    # The function, unlike the operator, says what Java says.
    a, b = (one.sql for one in call.arguments)
    bad = fail("GENERIC_INTERNAL_ERROR", "'/ by zero'", rest.type)
    return Typed(
        f"(CASE WHEN {b} = 0 AND {a} IS NOT NULL THEN {bad} ELSE {rest.sql} END)", rest.type
    )


def _typeof(call: Call) -> Typed:
    of = call.arguments[0].type
    if types.ANY_LENGTH in _lengths(of):
        raise unsupported("typeof of a text whose length is computed")
    return Typed(text(str(of)), call.returns, str(of))


def _lengths(of: Type) -> list[object]:
    if of.name == "varchar":
        return list(of.args)
    parts = [part[1] if isinstance(part, tuple) else part for part in of.args]
    return [length for part in parts if isinstance(part, Type) for length in _lengths(part)]


def _variadic(function: str) -> Callable[[Call], Typed]:
    """Make greatest or least: NULL if any argument is."""

    def made(call: Call) -> Typed:
        if call.returns.name in {"array", "row", "map", "json", "unknown"}:
            raise unsupported(f"{call.name} of {call.returns}")
        parts = [argument.sql for argument in call.arguments]
        if call.returns.name in {"double", "real"} and function == "greatest":
            missing = " OR ".join(f"{part} IS NULL" for part in parts)
            best = f"trino_number_max([{', '.join(parts)}])"
            return Typed(f"(CASE WHEN {missing} THEN NULL ELSE {best} END)", call.returns)
        missing = " OR ".join(f"{part} IS NULL" for part in parts)
        return Typed(
            f"(CASE WHEN {missing} THEN NULL ELSE {function}({', '.join(parts)}) END)", call.returns
        )

    return made


def _concat(call: Call) -> Typed:
    if len(call.arguments) < 2:
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments"
        )
    if call.returns.name == "array":
        return _concat_arrays(call)
    return Typed(f"({' || '.join(argument.sql for argument in call.arguments)})", call.returns)


def _concat_arrays(call: Call) -> Typed:
    parts = []
    for argument in call.arguments:
        if argument.type.name != "array":
            raise unsupported("concat of an array and an element")
        parts.append(argument.sql)
    missing = " OR ".join(f"{part} IS NULL" for part in parts)
    joined = parts[0]
    for part in parts[1:]:
        joined = f"list_concat({joined}, {part})"
    return Typed(f"(CASE WHEN {missing} THEN NULL ELSE {joined} END)", call.returns)


def _concat_ws(call: Call) -> Typed:
    if call.arguments[1].type.name == "array":
        raise unsupported("concat_ws of an array")
    return Typed(f"concat_ws({', '.join(a.sql for a in call.arguments)})", call.returns)


def _format(call: Call) -> Typed:
    """Print values by a pattern of `java.util.Formatter`, as far as it is known to be the same."""
    import re  # noqa: PLC0415

    if len(call.arguments) < 2:
        raise QueryError("SYNTAX_ERROR", "Function format needs a pattern and values")
    pattern = _constant(call, 0, "a pattern")
    values = list(call.arguments[1:])
    parts, at = [], 0
    for match in re.finditer(r"%(,?)(0?)(\d*)(?:\.(\d+))?([sdf%n])", pattern):
        plain = pattern[at : match.start()]
        if "%" in plain:
            raise unsupported(f"The format {pattern}")
        parts.append(text(plain))
        at = match.end()
        grouped, zero, width, digits, kind = match.groups()
        if kind == "%":
            parts.append(text("%"))
            continue
        if kind == "n":
            raise unsupported(f"The format {pattern}")
        if not values:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid format string: {pattern}")
        parts.append(_formatted(values.pop(0), kind, (grouped, zero, width, digits or ""), pattern))
    if "%" in pattern[at:]:
        raise unsupported(f"The format {pattern}")
    return Typed(f"({' || '.join([*parts, text(pattern[at:])])})", types.VARCHAR)


def _formatted(value: Typed, kind: str, spec: tuple[str, str, str, str], pattern: str) -> str:
    wanted = {"d": types.INTEGERS, "f": ("double", "decimal")}.get(kind)
    if wanted and value.type.name not in wanted:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid format string: {pattern}")
    if kind == "s":
        if any(spec) or value.type.name in {
            "real",
            "timestamp",
            "timestamp with time zone",
            "date",
        }:
            raise unsupported(f"The format {pattern}")
        return f"coalesce({to_text(value)}, 'null')"
    if value.type.name == "double":
        shown = f"trino_format_number({to_text(value)}, {text(' '.join([*spec, kind]))})"
        return f"coalesce(CASE WHEN isfinite({value.sql}) THEN {shown} ELSE {to_text(value)} END, 'null')"
    finite = to_text(value)
    return f"coalesce(trino_format_number({finite}, {text(' '.join([*spec, kind]))}), 'null')"


def _random(call: Call) -> Typed:
    if call.arguments:
        raise unsupported("random with bounds")
    return Typed("random()", call.returns)


_SPACES: Final = text(SPACES)
_MATH: Final[dict[str, Template]] = {
    "abs": "abs({0})",
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "floor": _whole("floor"),
    "round": _rounded,
    "truncate(double)": "trunc({0})",
    "sign": _sign,
    "mod": _mod,
    "sqrt": "sqrt({0})",
    "cbrt": "cbrt({0})",
    "exp": "exp({0})",
    "ln": "ln({0})",
    "log2": "log2({0})",
    "log10": "log10({0})",
    "pow": "pow({0}, {1})",
    "power": "pow({0}, {1})",
    "degrees": "degrees({0})",
    "radians": "radians({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tan": "tan({0})",
    "asin": "trino_asin({0})",
    "acos": "trino_acos({0})",
    "atan": "atan({0})",
    "atan2": "atan2({0}, {1})",
    "sinh": "sinh({0})",
    "cosh": "cosh({0})",
    "tanh": "tanh({0})",
    "pi": "pi()",
    "e": "exp(1e0)",
    "nan": "CAST('NaN' AS DOUBLE)",
    "infinity": "CAST('Infinity' AS DOUBLE)",
    "is_nan": "isnan({0})",
    "is_finite": "isfinite({0})",
    "is_infinite": "isinf({0})",
    "bitwise_and": "({0} & {1})",
    "bitwise_or": "({0} | {1})",
    "bitwise_xor": "xor({0}, {1})",
    "bitwise_not": "(~{0})",
    "to_base": "trino_to_base({0}, {1})",
    "from_base": "trino_from_base({0}, {1})",
    "rand": _random,
    "random": _random,
    "greatest": _variadic("greatest"),
    "least": _variadic("least"),
    "typeof": _typeof,
}
_TEXT: Final[dict[str, Template]] = {
    "length(varchar)": "length({0})",
    "length(varbinary)": "octet_length({0})",
    "lower(varchar)": "trino_lower({0})",
    "upper(varchar)": "trino_upper({0})",
    "reverse(varchar)": "trino_reverse({0})",
    "reverse(array)": "list_reverse({0})",
    "concat(varchar)": _concat,
    "concat(array)": _concat,
    "concat_ws": _concat_ws,
    "trim(varchar)": f"trim({{0}}, {_SPACES})",
    "ltrim(varchar)": f"ltrim({{0}}, {_SPACES})",
    "rtrim(varchar)": f"rtrim({{0}}, {_SPACES})",
    "trim(varchar,2)": "trim({0}, {1})",
    "ltrim(varchar,2)": "ltrim({0}, {1})",
    "rtrim(varchar,2)": "rtrim({0}, {1})",
    "substr(varchar)": "trino_substr_from({0}, {1})",
    "substr(varchar,3)": "trino_substr({0}, {1}, {2})",
    "substring(varchar)": "trino_substr_from({0}, {1})",
    "substring(varchar,3)": "trino_substr({0}, {1}, {2})",
    "strpos": "strpos({0}, {1})",
    "strpos(varchar,3)": "trino_strpos({0}, {1}, {2})",
    "starts_with": "starts_with({0}, {1})",
    "replace": "replace({0}, {1}, '')",
    "replace(varchar,3)": "(CASE WHEN {1} = '' THEN trino_between({0}, {2}) ELSE replace({0}, {1}, {2}) END)",
    "split": "trino_split({0}, {1})",
    "split(varchar,3)": "trino_split_limited({0}, {1}, {2})",
    "split_part": "trino_split_part({0}, {1}, {2})",
    "split_to_map": "trino_split_to_map({0}, {1}, {2})",
    "lpad(varchar)": "trino_lpad({0}, {1}, {2})",
    "rpad(varchar)": "trino_rpad({0}, {1}, {2})",
    "translate": "trino_translate({0}, {1}, {2})",
    "chr": "trino_chr({0})",
    "codepoint": "trino_codepoint({0})",
    "levenshtein_distance": "trino_levenshtein({0}, {1})",
    "hamming_distance": "trino_hamming({0}, {1})",
    "luhn_check": "trino_luhn({0})",
    "format": _format,
    "to_utf8(varchar)": "encode({0})",
    "from_utf8": "trino_from_utf8({0})",
    "to_hex": "hex({0})",
    "from_hex(varchar)": "trino_from_hex({0})",
    "to_base64": "base64({0})",
    "md5": "trino_md5({0})",
    "sha1": "trino_sha1({0})",
    "sha256": "trino_sha256({0})",
    "sha512": "trino_sha512({0})",
    "crc32": "trino_crc32({0})",
    "hmac_sha256": "trino_hmac_sha256({0}, {1})",
    "url_decode": "trino_url_decode({0})",
    "url_encode": "trino_url_encode({0})",
    "url_extract_protocol": "trino_url_protocol({0})",
    "url_extract_host": "trino_url_host({0})",
    "url_extract_port": "trino_url_port({0})",
    "url_extract_path": "trino_url_part({0}, 'path')",
    "url_extract_query": "trino_url_part({0}, 'query')",
    "url_extract_fragment": "trino_url_part({0}, 'fragment')",
    "url_extract_parameter": "trino_url_parameter({0}, {1})",
    "regexp_like": _regexp("trino_regexp_like({0}, {1})"),
    "regexp_extract": _regexp("trino_regexp_extract({0}, {1}, {2})"),
    "regexp_extract_all": _regexp("trino_regexp_extract_all({0}, {1}, {2})"),
    "regexp_count": _regexp("trino_regexp_count({0}, {1})"),
    "regexp_position": _regexp("trino_regexp_position({0}, {1})"),
    "regexp_split": _regexp("trino_regexp_split({0}, {1})"),
    "regexp_replace": _regexp_replace,
    "json_extract": _json("trino_json_extract_of({0}, {1})"),
    "json_extract_scalar": _json_extract_scalar,
    "json_size": _json("trino_json_size({0}, {1})"),
    "json_array_length": "trino_json_array_length({0})",
    "json_array_get": "trino_json_array_get({0}, {1})",
    "json_array_contains": _json_array_contains,
    "json_format": "{0}",
    "json_parse": "trino_parse_json({0})",
    "is_json_scalar": "trino_json_scalar_kind({0})",
}
SCALARS: Final[dict[str, Template]] = {**_MATH, **_TEXT, **NESTED, **DATES}  # type: ignore[dict-item]  # texts and functions, as above


def template(name: str, arguments: "list[Typed]", first: str | None) -> Template | None:
    """Find how a function is answered for a number of arguments, and the type of the first."""
    for key in (f"{name}({first},{len(arguments)})", f"{name}({first})", name):
        if key in SCALARS:
            return SCALARS[key]
    return None

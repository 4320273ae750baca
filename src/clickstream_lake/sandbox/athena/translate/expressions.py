"""Expressions of Trino's SQL, typed and translated one by one.

Each kind of node that is not named here is refused, and so is each argument of a node that is not.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlglot import exp

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.calls import Calls
from clickstream_lake.sandbox.athena.translate.casts import cast, coerce, instant
from clickstream_lake.sandbox.athena.translate.grammar import (
    ARGUMENTS,
    ARITHMETIC,
    COMPARISONS,
    DAY_UNITS,
    FOREIGN,
    KNOWN_ARGUMENTS,
    MONTH_UNITS,
    MOST_BIGINT,
    MOST_INTEGER,
)
from clickstream_lake.sandbox.athena.translate.json_functions import parse as parse_json
from clickstream_lake.sandbox.athena.translate.nested import subscript
from clickstream_lake.sandbox.athena.translate.operators import (
    arithmetic,
    comparable,
    comparison,
    negated,
)
from clickstream_lake.sandbox.athena.translate.time_functions import known_zone
from clickstream_lake.sandbox.athena.translate.typed import NOW, Typed, null, text
from clickstream_lake.sandbox.athena.translate.types import (
    BOOLEAN,
    Type,
    decimal,
    duckdb_type,
    of_sqlglot,
    unsupported,
)
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.translate.scope import Scope


def where(node: exp.Expr) -> str:
    """Say where a name stands, as Trino does: `line 1:8: `."""
    meta = node.meta or (node.this.meta if isinstance(node.this, exp.Expr) else {})
    if "line" not in meta or "col" not in meta:
        return ""
    return f"line {meta['line']}:{meta['col'] - (meta['end'] - meta['start'])}: "


class Expressions(Calls):
    """Translates the expressions of one query block."""

    special: ClassVar = {
        "coalesce": "_coalesce",
        "nullif": "_nullif",
        "try": "_try",
        "row": "_row_call",
        "grouping": "_grouping",
    }

    def __init__(self, scope: "Scope") -> None:
        self._scope = scope
        self._parameters: list[dict[str, Typed]] = []

    def typed(self, node: exp.Expr) -> Typed:
        """Translate one expression.

        Raises:
            QueryError: it is wrong in Trino, or not supported here.
        """
        for kind in type(node).__mro__:
            if kind in _HANDLERS:
                known = KNOWN_ARGUMENTS.get(kind, set()) | ARGUMENTS
                if any(
                    value not in (None, False, [])
                    for name, value in node.args.items()
                    if name not in known
                ):
                    raise unsupported(node.sql(dialect="trino"))
                return _HANDLERS[kind](self, node)
        if isinstance(node, FOREIGN):
            raise QueryError(
                "SYNTAX_ERROR", f"{where(node)}mismatched input: {node.sql(dialect='trino')}"
            )
        raise unsupported(node.sql(dialect="trino"))

    def boolean(self, node: exp.Expr, what: str) -> str:
        """Translate a condition."""
        found = self.typed(node)
        if found.type.name not in {"boolean", "unknown"}:
            raise QueryError(
                "TYPE_MISMATCH", f"{what} must evaluate to a boolean: actual type {found.type}"
            )
        return coerce(found, BOOLEAN).sql

    # Names and constants.

    def _column(self, node: exp.Column) -> Typed:
        if not node.table and not isinstance(node.this, exp.Star):
            found = self._parameter(node.name)
            if found:
                return found
        return self._scope.column(node)

    def _identifier(self, node: exp.Identifier) -> Typed:
        found = self._parameter(node.name)
        if found is None:
            raise QueryError(
                "COLUMN_NOT_FOUND", f"{where(node)}Column '{node.name}' cannot be resolved"
            )
        return found

    def _parameter(self, name: str) -> Typed | None:
        for level in reversed(self._parameters):
            if name.lower() in level:
                return level[name.lower()]
        return None

    def _dot(self, node: exp.Dot) -> Typed:
        row = self.typed(node.this)
        return self._field(row, node.expression)

    def _field(self, row: Typed, field: exp.Expr) -> Typed:
        if row.type.name != "row":
            raise QueryError("TYPE_MISMATCH", f"Expression {row.sql} is not of type ROW")
        for index, (name, of) in enumerate(row.type.args):
            if name == field.name.lower():
                return Typed(f"({row.sql}).f{index}", of)
        raise QueryError(
            "COLUMN_NOT_FOUND", f"{where(field)}Column '{field.name}' cannot be resolved"
        )

    def _literal(self, node: exp.Literal) -> Typed:
        spelt = node.name
        if node.is_string:
            return Typed(text(spelt), Type("varchar", (len(spelt),)), spelt)
        if re.fullmatch(r"\d+", spelt):
            number = int(spelt)
            if number > MOST_BIGINT:
                raise QueryError("SYNTAX_ERROR", f"Invalid numeric literal: {spelt}")
            of = types.INTEGER if number <= MOST_INTEGER else types.BIGINT
            return Typed(f"CAST({spelt} AS {duckdb_type(of)})", of, number)
        if re.fullmatch(r"\d*\.\d*", spelt):
            whole, _, fraction = spelt.partition(".")
            whole = whole.lstrip("0")
            of = decimal(max(1, len(whole + fraction)), len(fraction))
            return Typed(f"CAST('{whole or '0'}.{fraction or ''}' AS {duckdb_type(of)})", of)
        if re.fullmatch(r"(\d+\.?\d*|\.\d+)[eE][+-]?\d+", spelt):
            return Typed(f"CAST('{spelt}' AS DOUBLE)", types.DOUBLE, 1)
        raise unsupported(f"The number {spelt}")

    def _boolean_literal(self, node: exp.Boolean) -> Typed:
        return Typed("true" if node.this else "false", BOOLEAN)

    def _null(self, _: exp.Expr) -> Typed:
        return Typed("NULL", types.UNKNOWN)

    def _hex(self, node: exp.HexString) -> Typed:
        digits = re.sub(r"\s", "", node.name)
        if not re.fullmatch("([0-9A-Fa-f]{2})*", digits):
            raise QueryError("SYNTAX_ERROR", "Binary literal must contain an even number of digits")
        return Typed(f"unhex('{digits}')", types.VARBINARY)

    def _interval(self, node: exp.Interval) -> Typed:
        unit = node.args.get("unit")
        amount = node.this
        sign = 1
        if isinstance(amount, exp.Literal) and amount.is_string and unit is None:
            raise QueryError("TYPE_NOT_FOUND", "Unknown type: interval")
        if isinstance(amount, exp.Neg):
            sign, amount = -1, amount.this
        if not isinstance(amount, exp.Literal) or not isinstance(unit, exp.Var):
            raise unsupported(node.sql(dialect="trino"))
        if not amount.is_string:
            raise QueryError(
                "SYNTAX_ERROR", f"mismatched input '{amount.name}'. Expecting: '+', '-', <string>"
            )
        name = unit.name.upper()
        if re.fullmatch(r"-?\d+", amount.name):
            number = sign * int(amount.name)
            if name in DAY_UNITS:
                return Typed(f"CAST({number * DAY_UNITS[name]} AS BIGINT)", types.DAY_TO_SECOND)
            if name in MONTH_UNITS:
                return Typed(f"CAST({number * MONTH_UNITS[name]} AS INTEGER)", types.YEAR_TO_MONTH)
        if name not in {*DAY_UNITS, *MONTH_UNITS}:
            raise QueryError("SYNTAX_ERROR", f"mismatched input '{name.lower()}'")
        raise unsupported(node.sql(dialect="trino"))

    def _array(self, node: exp.Array) -> Typed:
        values = [self.typed(one) for one in node.expressions]
        of = _same(values, "All ARRAY elements must be the same type")
        items = ", ".join(coerce(value, of).sql for value in values)
        return Typed(f"CAST([{items}] AS {duckdb_type(types.array(of))})", types.array(of))

    def _row(self, values: Sequence[Typed], names: Sequence[str | None]) -> Typed:
        if not values:
            raise unsupported("An empty row")
        of = Type("row", tuple((n, v.type) for n, v in zip(names, values, strict=True)))
        fields = (f"f{i} := {coerce(v, v.type).sql}" for i, v in enumerate(values))
        return Typed(f"CAST(struct_pack({', '.join(fields)}) AS {duckdb_type(of)})", of)

    def _tuple(self, node: exp.Tuple) -> Typed:
        return self._row(
            [self.typed(one) for one in node.expressions], [None] * len(node.expressions)
        )

    # Operators.

    def _arithmetic(self, node: exp.Binary) -> Typed:
        return arithmetic(ARITHMETIC[type(node)], self.typed(node.left), self.typed(node.right))

    def _negated(self, node: exp.Neg) -> Typed:
        return negated(self.typed(node.this))

    def _comparison(self, node: exp.Binary) -> Typed:
        right = node.right
        if isinstance(right, (exp.Any, exp.All)):
            raise unsupported("A comparison with ANY or ALL")
        return comparison(COMPARISONS[type(node)], self.typed(node.left), self.typed(right))

    def _distinct_from(self, node: exp.Binary) -> Typed:
        a, b, both = comparable(self.typed(node.left), "IS DISTINCT FROM", self.typed(node.right))
        if both.name in {"array", "row", "real", "double"}:
            raise unsupported(f"IS DISTINCT FROM of {both}")
        word = "IS DISTINCT FROM" if isinstance(node, exp.NullSafeNEQ) else "IS NOT DISTINCT FROM"
        return Typed(f"({a.sql} {word} {b.sql})", BOOLEAN)

    def _logic(self, node: exp.Binary) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        left, right = (
            self.boolean(side, "Logical expression term") for side in (node.left, node.right)
        )
        return Typed(f"({left} {word} {right})", BOOLEAN)

    def _not(self, node: exp.Not) -> Typed:
        return Typed(f"(NOT {self.boolean(node.this, 'Value of logical NOT expression')})", BOOLEAN)

    def _is(self, node: exp.Is) -> Typed:
        if not isinstance(node.expression, exp.Null):
            raise QueryError("SYNTAX_ERROR", f"mismatched input '{node.expression.sql()}'")
        value = self.typed(node.this)
        word = "IS NOT NULL" if node.args.get("negate") else "IS NULL"
        return Typed(f"({value.sql} {word})", BOOLEAN)

    def _between(self, node: exp.Between) -> Typed:
        if node.args.get("symmetric"):
            raise QueryError("SYNTAX_ERROR", "mismatched input 'SYMMETRIC'")
        value, low, high = (
            self.typed(node.this),
            self.typed(node.args["low"]),
            self.typed(node.args["high"]),
        )
        first, second = comparison(">=", value, low), comparison("<=", value, high)
        return Typed(f"({first.sql} AND {second.sql})", BOOLEAN)

    def _in(self, node: exp.In) -> Typed:
        value = self.typed(node.this)
        query = node.args.get("query")
        if query is not None:
            return self._scope.in_query(value, query)
        if node.args.get("unnest") or node.args.get("field") or not node.expressions:
            raise QueryError("SYNTAX_ERROR", f"mismatched input in {node.sql(dialect='trino')}")
        others = [self.typed(one) for one in node.expressions]
        both = value.type
        for other in others:
            wider = types.common(both, other.type)
            if wider is None:
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"IN value and list items must be the same type: {both}, {other.type}",
                )
            both = wider
        if both.name in {"real", "double", "array", "row", "map", "json", "unknown"}:
            tests = [comparison("=", coerce(value, both), coerce(one, both)).sql for one in others]
            return Typed(f"({' OR '.join(tests)})", BOOLEAN)
        items = ", ".join(coerce(one, both).sql for one in others)
        return Typed(f"({coerce(value, both).sql} IN ({items}))", BOOLEAN)

    def _like(self, node: exp.Like, escape: str | None = None) -> Typed:
        value, pattern = self.typed(node.this), self.typed(node.expression)
        for side, what in ((value, "Left side"), (pattern, "Pattern")):
            if side.type.name not in {"varchar", "unknown"}:
                if side.type.name == "char":
                    raise unsupported("LIKE of a char")
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"{what} of LIKE expression must evaluate to a varchar (actual: {side.type})",
                )
        a, b = coerce(value, types.VARCHAR).sql, coerce(pattern, types.VARCHAR).sql
        word = "NOT LIKE" if node.args.get("negate") else "LIKE"
        if escape is None:
            return Typed(f"({a} {word} {b})", BOOLEAN)
        shown = pattern.literal
        if not isinstance(shown, str) or len(escape) != 1:
            raise unsupported("LIKE with an escape, and no constant pattern")
        if re.search(
            f"{re.escape(escape)}(?![%_{re.escape(escape)}])", shown.replace(escape * 2, "")
        ):
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT",
                "Escape character must be followed by '%', '_' or the escape character itself",
            )
        return Typed(f"({a} {word} {b} ESCAPE {text(escape)})", BOOLEAN)

    def _escape(self, node: exp.Escape) -> Typed:
        if not isinstance(node.this, exp.Like) or not isinstance(node.expression, exp.Literal):
            raise unsupported(node.sql(dialect="trino"))
        return self._like(node.this, node.expression.name)

    def _concat(self, node: exp.DPipe) -> Typed:
        return self._call("concat", [node.left, node.right])

    def _case(self, node: exp.Case) -> Typed:
        subject = self.typed(node.this) if node.this else None
        tests, values = [], []
        for branch in node.args["ifs"]:
            if subject is None:
                tests.append(self.boolean(branch.this, "CASE WHEN clause"))
            else:
                tests.append(comparison("=", subject, self.typed(branch.this)).sql)
            values.append(self.typed(branch.args["true"]))
        default = node.args.get("default")
        if default is not None:
            values.append(self.typed(default))
        of = _same(values, "All CASE results must be the same type")
        shown = [coerce(value, of).sql for value in values]
        branches = " ".join(f"WHEN {t} THEN {v}" for t, v in zip(tests, shown, strict=False))
        last = f" ELSE {shown[-1]}" if default is not None else ""
        return Typed(f"(CASE {branches}{last} END)", of)

    def _if(self, node: exp.If) -> Typed:
        condition = self.boolean(node.this, "IF condition")
        values = [self.typed(node.args["true"])]
        if node.args.get("false") is not None:
            values.append(self.typed(node.args["false"]))
        of = _same(values, "Result types for IF must be the same")
        shown = [coerce(value, of).sql for value in values]
        last = f" ELSE {shown[1]}" if len(shown) > 1 else ""
        return Typed(f"(CASE WHEN {condition} THEN {shown[0]}{last} END)", of)

    def _cast(self, node: exp.Cast) -> Typed:
        if any(node.args.get(name) for name in ("format", "action", "default")):
            raise unsupported(node.sql(dialect="trino"))
        value = self.typed(node.this)
        target = of_sqlglot(node.args["to"])
        if target.name == "timestamp with time zone" and isinstance(value.literal, str):
            return self._zoned_literal(value.literal, target.args[0])
        return cast(value, target)

    def _zoned_literal(self, written: str, precision: int) -> Typed:
        match = re.fullmatch(
            r"(\d{4}-\d\d?-\d\d?(?: \d\d?:\d\d?(?::\d\d?(?:\.(\d{1,6}))?)?)?) ?(UTC|Z|[A-Za-z]+/.*)",
            written,
        )
        if match is None or len(match[2] or "") > precision:
            raise unsupported(f"The timestamp {written}")
        of = types.zoned(precision, known_zone(match[3]))
        return Typed(f"timezone('{of.zone}', trino_timestamp({text(match[1])}))", of)

    def _try_cast(self, node: exp.TryCast) -> Typed:
        return self._tried(self._cast(node))

    def _tried(self, value: Typed) -> Typed:
        if value.type.name == "unknown":
            return value
        return Typed(f"TRY({value.sql})", value.type)

    def _at_time_zone(self, node: exp.AtTimeZone) -> Typed:
        value = self.typed(node.this)
        zone = node.args["zone"]
        if not isinstance(zone, exp.Literal) or not zone.is_string:
            raise unsupported("AT TIME ZONE with a zone that is no constant")
        if value.type.name == "timestamp":
            value = cast(value, types.zoned(value.type.args[0]))
        if value.type.name != "timestamp with time zone":
            raise QueryError(
                "TYPE_MISMATCH",
                f"Type of value must be a time or timestamp with or without time zone (actual {value.type})",
            )
        return Typed(instant(value).sql, types.zoned(value.type.args[0], known_zone(zone.name)))

    def _bracket(self, node: exp.Bracket) -> Typed:
        if len(node.expressions) != 1 or node.args.get("safe") or node.args.get("offset"):
            raise unsupported(node.sql(dialect="trino"))
        values = self.typed(node.this)
        key = node.expressions[0]
        if values.type.name == "row":
            return self._row_place(values, key)
        return subscript(values, self.typed(key))

    def _row_place(self, row: Typed, key: exp.Expr) -> Typed:
        if not isinstance(key, exp.Literal) or key.is_string:
            raise QueryError(
                "TYPE_MISMATCH", "Subscript expression on ROW requires a constant index"
            )
        place = int(key.name)
        if not 1 <= place <= len(row.type.args):
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"ROW index out of bounds: {place}")
        return Typed(f"({row.sql}).f{place - 1}", row.type.args[place - 1][1])

    # What looks like a function and is not one.

    def _coalesce(self, arguments: Sequence[exp.Expr]) -> Typed:
        if len(arguments) < 2:
            raise QueryError(
                "SYNTAX_ERROR", "The 'coalesce' function must have at least two arguments"
            )
        values = [self.typed(one) for one in arguments]
        of = _same(values, "All COALESCE operands must be the same type")
        return Typed(f"coalesce({', '.join(coerce(one, of).sql for one in values)})", of)

    def _coalesce_node(self, node: exp.Coalesce) -> Typed:
        return self._coalesce([node.this, *node.expressions])

    def _nullif(self, arguments: Sequence[exp.Expr]) -> Typed:
        if len(arguments) != 2:
            raise QueryError("SYNTAX_ERROR", "Invalid number of arguments for 'nullif' function")
        first, second = map(self.typed, arguments)
        equal = comparison("=", first, second)
        return Typed(
            f"(CASE WHEN {equal.sql} THEN {null(first.type)} ELSE {first.sql} END)", first.type
        )

    def _try(self, arguments: Sequence[exp.Expr]) -> Typed:
        if len(arguments) != 1:
            raise QueryError("SYNTAX_ERROR", "The 'try' function must have exactly one argument")
        return self._tried(self.typed(arguments[0]))

    def _row_call(self, arguments: Sequence[exp.Expr]) -> Typed:
        values, names = [], []
        for one in arguments:
            names.append(one.alias.lower() if isinstance(one, exp.Alias) else None)
            values.append(self.typed(one.this if isinstance(one, exp.Alias) else one))
        return self._row(values, names)

    def _grouping(self, arguments: Sequence[exp.Expr]) -> Typed:
        if not self._scope.is_grouped:
            raise QueryError(
                "MISSING_GROUP_BY", "A GROUPING() operation can only be used with a GROUP BY clause"
            )
        columns = ", ".join(self.typed(one).sql for one in arguments)
        self._scope.note_aggregate(False)
        of = types.INTEGER if len(arguments) < 32 else types.BIGINT
        return Typed(f"CAST(GROUPING({columns}) AS {duckdb_type(of)})", of)

    def _extract(self, node: exp.Extract) -> Typed:
        field = node.this.name.lower()
        if field not in {
            "year", "quarter", "month", "week", "day", "day_of_month", "day_of_week", "dow", "day_of_year",
            "doy", "year_of_week", "yow", "hour", "minute", "second",
        }:  # fmt: skip
            raise QueryError("SYNTAX_ERROR", f"Invalid EXTRACT field: {field}")
        return self._call(field, [node.expression])

    def _trim(self, node: exp.Trim) -> Typed:
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
            str(node.args.get("position") or ""), "trim"
        )
        extra = node.args.get("expression")
        return self._call(name, [node.this, *([extra] if extra else [])])

    def _substring(self, node: exp.Substring) -> Typed:
        parts = [node.this, node.args.get("start"), node.args.get("length")]
        return self._call("substring", [part for part in parts if part is not None])

    def _position(self, node: exp.StrPosition) -> Typed:
        return self._call("strpos", [node.this, node.args["substr"]])

    def _normalize(self, node: exp.Normalize) -> Typed:
        value = self.typed(node.this)
        form = node.args.get("form")
        name = form.name.upper() if isinstance(form, exp.Expr) else "NFC"
        if value.type.name not in {"varchar", "char", "unknown"}:
            raise QueryError(
                "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function normalize"
            )
        if name not in {"NFC", "NFD", "NFKC", "NFKD"} or value.type.name != "varchar":
            raise unsupported(node.sql(dialect="trino"))
        return Typed(f"trino_normalize({value.sql}, '{name}')", types.VARCHAR)

    def _current(self, node: exp.Expr) -> Typed:
        if node.this is not None:
            raise unsupported(node.sql(dialect="trino"))
        match type(node):
            case exp.CurrentDate:
                return Typed(f"CAST(timezone('UTC', {NOW}) AS DATE)", types.DATE)
            case exp.CurrentTimestamp:
                return Typed(f"date_trunc('millisecond', {NOW})", types.zoned(3))
            case exp.Localtimestamp:
                return Typed(
                    f"timezone('UTC', date_trunc('millisecond', {NOW}))", types.timestamp(3)
                )
        raise unsupported(node.sql(dialect="trino"))

    def _json_literal(self, node: exp.ParseJSON) -> Typed:
        if not isinstance(node.this, exp.Literal) or not node.args.get("is_literal"):
            raise unsupported(node.sql(dialect="trino"))
        try:
            shown = parse_json(node.this.name)
        except QueryError:
            raise QueryError(
                "INVALID_LITERAL", f"'{node.this.name}' is not a valid JSON literal"
            ) from None
        return Typed(text(shown), types.JSON)

    def _chr(self, node: exp.Chr) -> Typed:
        return self._call("chr", node.expressions)

    def _subquery(self, node: exp.Expr) -> Typed:
        return self._scope.scalar_query(node)

    def _exists(self, node: exp.Exists) -> Typed:
        return self._scope.exists(node.this)

    def _paren(self, node: exp.Paren) -> Typed:
        return self.typed(node.this)


def _same(values: Sequence[Typed], complaint: str) -> Type:
    of = types.UNKNOWN
    for value in values:
        wider = types.common(of, value.type)
        if wider is None:
            raise QueryError("TYPE_MISMATCH", f"{complaint}: {of}, {value.type}")
        of = wider
    return of


_HANDLERS: Final[dict[type, Callable[[Expressions, Any], Typed]]] = {
    exp.Column: Expressions._column,
    exp.Identifier: Expressions._identifier,
    exp.Dot: Expressions._dot,
    exp.Literal: Expressions._literal,
    exp.Boolean: Expressions._boolean_literal,
    exp.Null: Expressions._null,
    exp.HexString: Expressions._hex,
    exp.Interval: Expressions._interval,
    exp.Array: Expressions._array,
    exp.Tuple: Expressions._tuple,
    **dict.fromkeys(ARITHMETIC, Expressions._arithmetic),
    **dict.fromkeys(COMPARISONS, Expressions._comparison),
    exp.NullSafeEQ: Expressions._distinct_from,
    exp.NullSafeNEQ: Expressions._distinct_from,
    exp.And: Expressions._logic,
    exp.Or: Expressions._logic,
    exp.Not: Expressions._not,
    exp.Neg: Expressions._negated,
    exp.Is: Expressions._is,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.Escape: Expressions._escape,
    exp.DPipe: Expressions._concat,
    exp.Case: Expressions._case,
    exp.If: Expressions._if,
    exp.TryCast: Expressions._try_cast,
    exp.Cast: Expressions._cast,
    exp.AtTimeZone: Expressions._at_time_zone,
    exp.Bracket: Expressions._bracket,
    exp.Anonymous: Expressions._function,
    exp.Filter: Expressions._filter,
    exp.Window: Expressions._window,
    exp.GroupConcat: Expressions._listagg,
    exp.Coalesce: Expressions._coalesce_node,
    exp.Extract: Expressions._extract,
    exp.Trim: Expressions._trim,
    exp.Substring: Expressions._substring,
    exp.StrPosition: Expressions._position,
    exp.Normalize: Expressions._normalize,
    exp.CurrentDate: Expressions._current,
    exp.CurrentTimestamp: Expressions._current,
    exp.Localtimestamp: Expressions._current,
    exp.ParseJSON: Expressions._json_literal,
    exp.Chr: Expressions._chr,
    exp.Subquery: Expressions._subquery,
    exp.Exists: Expressions._exists,
    exp.Paren: Expressions._paren,
}

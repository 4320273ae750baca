"""Whole queries: what each block reads, groups, orders and gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.casts import coerce
from clickstream_lake.sandbox.athena.translate.expressions import Expressions, where
from clickstream_lake.sandbox.athena.translate.scope import (
    Columns,
    Scope,
    comparable,
    ordered,
    sortable,
)
from clickstream_lake.sandbox.athena.translate.typed import Typed, null, quoted
from clickstream_lake.sandbox.athena.translate.types import Type, duckdb_type, unsupported
from clickstream_lake.sandbox.errors import QueryError

_SELECT: Final = {
    "kind", "expressions", "distinct", "from_", "joins", "laterals", "where", "group", "having", "windows",
    "order", "limit", "offset", "hint", "match", "qualify", "operation_modifiers", "with_", "sort", "cluster",
    "distribute", "into", "pivots", "prewhere", "sample", "settings", "format", "options", "locks", "connect",
}  # fmt: skip
_ANSWERED: Final = {
    "expressions", "distinct", "from_", "joins", "laterals", "where", "group", "having", "windows", "order",
    "limit", "offset",
}  # fmt: skip
_UNORDERED: Final = {"map", "json", "function"}


@dataclass(frozen=True, slots=True)
class Translation:
    """A query for DuckDB.

    Attributes:
        sql: its columns have no names that count.
        types: Trino's types of its columns.
    """

    sql: str
    types: list[Type]


@dataclass(frozen=True, slots=True)
class Source:
    """A table as a query sees it: its columns, and which of them are there to be read."""

    columns: Columns
    loaded: frozenset[str]


def translate(tree: exp.Expr, sources: Mapping[str, Source]) -> Translation:
    """Translate a query whose names have been resolved.

    Args:
        tree: the query, with functions by the names that Trino gives them.
        sources: the tables, by the names that the tree has for them.

    Raises:
        QueryError: it is wrong in Trino, or not supported here.
    """
    sql, columns = _Query(sources, None).query(tree)
    return Translation(sql, [of for _, of in columns])


class _Query:
    """Translates one query, with what it can see of the one around it."""

    def __init__(self, sources: Mapping[str, Source], outer: Scope | None) -> None:
        self.sources = sources
        self._outer = outer

    def nested(self, outer: Scope) -> "_Query":
        """Give the translator of a query inside this one."""
        return _Query(self.sources, outer)

    def query(self, node: exp.Expr) -> tuple[str, Columns]:
        """Translate a query of any kind."""
        _refuse(
            node, {"with_", "settings", "format", "options", "locks", "into", "pivots", "sample"}
        )
        if isinstance(node, exp.Select):
            return self._select(node)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node)
        if isinstance(node, exp.Subquery):
            sql, columns = self.query(node.this)
            return self._tail(f"SELECT * FROM ({sql}) AS q", node, columns)
        if isinstance(node, exp.Values):
            return self._values(node)
        if isinstance(node, exp.Paren):
            return self.query(node.this)
        raise unsupported(node.sql(dialect="trino"))

    def _set_operation(self, node: exp.SetOperation) -> tuple[str, Columns]:
        if (
            node.args.get("by_name")
            or node.args.get("side")
            or node.args.get("kind")
            or node.args.get("on")
        ):
            raise QueryError("SYNTAX_ERROR", "mismatched input 'BY'")
        (left, names), (right, others) = self.query(node.this), self.query(node.expression)
        word = type(node).__name__.upper()
        if len(names) != len(others):
            raise QueryError(
                "TYPE_MISMATCH",
                f"{word} query has different number of fields: {len(names)}, {len(others)}",
            )
        columns: Columns = []
        for place, ((name, a), (_, b)) in enumerate(zip(names, others, strict=True)):
            both = types.common(a, b)
            if both is None:
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"column {place + 1} in {word} query has incompatible types: {a}, {b}",
                )
            columns.append((name, both))
        distinct = node.args.get("distinct")
        if word != "UNION" and not distinct:
            raise unsupported(f"{word} ALL")
        for _, of in columns:
            if distinct and of.name in {"map", "json", "row", "array", "real", "double"}:
                raise unsupported(f"{word} of {of}")
        sides = [self._retyped(sql, own, columns) for sql, own in ((left, names), (right, others))]
        sql = f"({sides[0]}) {word}{'' if distinct else ' ALL'} ({sides[1]})"
        return self._tail(f"SELECT * FROM ({sql}) AS q", node, columns)

    def _retyped(self, sql: str, own: Columns, wanted: Columns) -> str:
        names = [f"c{place}" for place in range(len(own))]
        parts = [
            f"{coerce(Typed(f'q.{name}', of), to).sql} AS {quoted(label)}"
            for name, (_, of), (label, to) in zip(names, own, wanted, strict=True)
        ]
        return f"SELECT {', '.join(parts)} FROM ({sql}) AS q({', '.join(names)})"

    def _tail(self, sql: str, node: exp.Expr, columns: Columns) -> tuple[str, Columns]:
        """Add ORDER BY, OFFSET and LIMIT to a query that is done."""
        order = node.args.get("order")
        if order:
            scope = Scope(self, self._outer)
            scope.relations["q"] = columns
            scope.name_outputs((name, Typed(f"q.{quoted(name)}", of)) for name, of in columns)
            scope.output_names = True
            expressions = Expressions(scope)
            parts = []
            for one in order.expressions:
                place = _place(one.this, len(columns))
                if place is not None:
                    sortable(Typed("", columns[place][1]))
                inner = (
                    str(place + 1)
                    if place is not None
                    else sortable(expressions.typed(one.this)).sql
                )
                parts.append(ordered(one, inner))
            sql += f" ORDER BY {', '.join(parts)}"
        return sql + _limit(node), columns

    def _values(self, node: exp.Values) -> tuple[str, Columns]:
        scope = Scope(self, self._outer)
        expressions = Expressions(scope)
        rows = []
        for one in node.expressions:
            items = one.expressions if isinstance(one, exp.Tuple) else [one]
            rows.append([expressions.typed(item) for item in items])
        if len({len(row) for row in rows}) != 1:
            raise QueryError("TYPE_MISMATCH", "Values rows have mismatched sizes")
        columns: Columns = []
        for place, values in enumerate(zip(*rows, strict=True)):
            of = types.UNKNOWN
            for value in values:
                wider = types.common(of, value.type)
                if wider is None:
                    raise QueryError(
                        "TYPE_MISMATCH", f"Values rows have mismatched types: {of} vs {value.type}"
                    )
                of = wider
            columns.append((f"_col{place}", of))
        shown = [
            ", ".join(coerce(value, of).sql for value, (_, of) in zip(row, columns, strict=True))
            for row in rows
        ]
        names = ", ".join(quoted(name) for name, _ in columns)
        return (
            f"SELECT * FROM (VALUES {', '.join(f'({row})' for row in shown)}) AS v({names})",
            columns,
        )

    def _select(self, node: exp.Select) -> tuple[str, Columns]:
        _refuse(node, _SELECT - _ANSWERED)
        scope = Scope(self, self._outer)
        scope.is_grouped = node.args.get("group") is not None
        expressions = Expressions(scope)
        source = self._from(node, scope, expressions)
        condition = node.args.get("where")
        if condition:
            source += f" WHERE {expressions.boolean(condition.this, 'WHERE clause')}"
            if scope.has_aggregate:
                raise QueryError(
                    "EXPRESSION_NOT_SCALAR", "WHERE clause cannot contain aggregations"
                )
        for window in node.args.get("windows") or []:
            scope.windows.add(window.name.lower())
        outputs = [self._output(one, expressions) for one in node.expressions]
        scope.name_outputs(outputs)
        group = node.args.get("group")
        grouping = self._group(group, outputs, expressions) if group else ""
        having = node.args.get("having")
        kept = f" HAVING {expressions.boolean(having.this, 'HAVING clause')}" if having else ""
        windows = self._windows(node, scope, expressions)
        distinct = self._distinct(node, outputs)
        order = self._order(node, outputs, scope, expressions, distinct=bool(distinct))
        shown = ", ".join(
            f"{value.sql} AS {quoted(name or f'_col{i}')}"
            for i, (name, value) in enumerate(outputs)
        )
        if not outputs:
            raise unsupported("A SELECT of nothing")
        sql = f"SELECT {distinct}{shown}{source}{grouping}{kept}{windows}{order}{_limit(node)}"
        return sql, [(name or f"_col{i}", value.type) for i, (name, value) in enumerate(outputs)]

    def _output(self, node: exp.Expr, expressions: Expressions) -> tuple[str, Typed]:
        if isinstance(node, exp.Star) or node.is_star:
            raise QueryError("SYNTAX_ERROR", f"mismatched input in {node.sql(dialect='trino')}")
        value = expressions.typed(node.unalias())
        if value.type.name == "unknown":
            value = Typed(null(value.type), value.type)
        duckdb_type(value.type)
        return node.alias_or_name.lower(), value

    def _distinct(self, node: exp.Select, outputs: Sequence[tuple[str, Typed]]) -> str:
        distinct = node.args.get("distinct")
        if not distinct:
            return ""
        if distinct.args.get("on"):
            raise QueryError("SYNTAX_ERROR", "mismatched input 'ON'")
        for _, value in outputs:
            if value.type.name in {"map", "json", "array", "row"}:
                raise unsupported(f"DISTINCT {value.type}")
        return "DISTINCT "

    def _group(
        self, group: exp.Group, outputs: Sequence[tuple[str, Typed]], expressions: Expressions
    ) -> str:
        _refuse(group, {"totals", "all"})

        def key(node: exp.Expr) -> str:
            place = _place(node, len(outputs))
            value = outputs[place][1] if place is not None else expressions.typed(node)
            value = comparable(value)
            if value.type.name in {"array", "row"}:
                raise unsupported(f"GROUP BY {value.type}")
            return value.sql

        def keys(nodes: Sequence[exp.Expr]) -> str:
            return ", ".join(
                f"({keys(n.expressions)})"
                if isinstance(n, exp.Tuple)
                else key(n.this if isinstance(n, exp.Paren) else n)
                for n in nodes
            )

        words: dict[type, str] = {
            exp.GroupingSets: "GROUPING SETS",
            exp.Cube: "CUBE",
            exp.Rollup: "ROLLUP",
        }
        parts = []
        for one in _grouped(group):
            word = words.get(type(one))
            if word is None:
                parts.append(key(one))
            elif one.expressions:
                parts.append(f"{word} ({self._sets(one.expressions, keys)})")
        if not parts:
            raise unsupported(group.sql(dialect="trino"))
        return f" GROUP BY {', '.join(parts)}"

    def _sets(self, nodes: Sequence[exp.Expr], keys: object) -> str:
        shown = []
        for one in nodes:
            if isinstance(one, (exp.Rollup, exp.Cube, exp.GroupingSets)):
                raise unsupported("ROLLUP or CUBE inside GROUPING SETS")
            shown.append(keys([one]))  # type: ignore[operator]  # a function
        return ", ".join(shown)

    def _windows(self, node: exp.Select, scope: Scope, expressions: Expressions) -> str:
        windows = node.args.get("windows") or []
        if not windows:
            return ""
        parts = [
            f"{quoted(one.name.lower())} AS ({scope.window_parts(one, expressions)})"
            for one in windows
        ]
        return f" WINDOW {', '.join(parts)}"

    def _order(
        self,
        node: exp.Select,
        outputs: Sequence[tuple[str, Typed]],
        scope: Scope,
        expressions: Expressions,
        *,
        distinct: bool,
    ) -> str:
        order = node.args.get("order")
        if not order:
            return ""
        scope.output_names = True
        texts = {value.sql: place for place, (_, value) in reversed(list(enumerate(outputs)))}
        parts = []
        for one in order.expressions:
            place = _place(one.this, len(outputs))
            value = outputs[place][1] if place is not None else expressions.typed(one.this)
            sortable(value)
            place = texts.get(value.sql)
            if place is None and distinct:
                raise QueryError(
                    "EXPRESSION_NOT_IN_DISTINCT",
                    "For SELECT DISTINCT, ORDER BY expressions must appear in select list",
                )
            parts.append(ordered(one, str(place + 1) if place is not None else value.sql))
        scope.output_names = False
        return f" ORDER BY {', '.join(parts)}"

    # FROM.

    def _from(self, node: exp.Select, scope: Scope, expressions: Expressions) -> str:
        start = node.args.get("from_")
        if start is None:
            return ""
        sql = f" FROM {self._relation(start.this, scope, expressions)}"
        for lateral in node.args.get("laterals") or []:
            raise unsupported(lateral.sql(dialect="trino"))
        for join in node.args.get("joins") or []:
            sql += self._join(join, scope, expressions)
        return sql

    def _join(self, join: exp.Join, scope: Scope, expressions: Expressions) -> str:
        side, kind = str(join.side or "").upper(), str(join.kind or "").upper()
        if join.args.get("method"):
            word = str(join.args["method"])
            raise (
                QueryError("SYNTAX_ERROR", f"mismatched input '{word}'")
                if word != "NATURAL"
                else unsupported("NATURAL JOIN")
            )
        if kind not in {"", "INNER", "CROSS", "OUTER"} or join.args.get("using"):
            raise unsupported(join.sql(dialect="trino"))
        relation = self._relation(join.this, scope, expressions)
        condition = join.args.get("on")
        lateral = isinstance(join.this, (exp.Unnest, exp.Lateral))
        if condition is None:
            if side or kind == "INNER":
                raise QueryError("SYNTAX_ERROR", "mismatched input: a join needs a condition")
            return f" CROSS JOIN {relation}"
        if lateral and side in {"RIGHT", "FULL"}:
            raise unsupported(f"{side} JOIN with UNNEST")
        if lateral and not (isinstance(condition, exp.Boolean) and condition.this):
            raise unsupported("JOIN UNNEST with a condition other than TRUE")
        test = expressions.boolean(condition, "JOIN ON clause")
        return f" {side or 'INNER'} JOIN {relation} ON {test}"

    def _relation(self, node: exp.Expr, scope: Scope, expressions: Expressions) -> str:
        if node.args.get("joins") or node.args.get("pivots") or node.args.get("laterals"):
            raise unsupported(node.sql(dialect="trino"))
        alias = node.alias.lower()
        if alias in scope.relations:
            raise unsupported(f"Two tables with the name {alias}")
        match node:
            case exp.Table():
                return self._table(node, alias, scope)
            case exp.Unnest():
                return self._unnest(node, alias, scope, expressions)
            case exp.Lateral():
                inner = node.this
                if not isinstance(inner, exp.Subquery) or node.args.get("view"):
                    raise QueryError("SYNTAX_ERROR", "mismatched input 'VIEW'")
                sql, columns = _Query(self.sources, scope).query(inner)
                lateral = "LATERAL "
            case exp.Subquery() | exp.Values():
                sql, columns = _Query(self.sources, self._outer).query(
                    node.this if isinstance(node, exp.Subquery) else node
                )
                lateral = ""
            case _:
                raise unsupported(node.sql(dialect="trino"))
        alias = alias or f"q{len(scope.relations)}"
        names = _alias_columns(node, columns)
        scope.relations[alias] = [(name, of) for name, (_, of) in zip(names, columns, strict=True)]
        inner_names = _unique(names)
        return (
            f"{lateral}({sql}) AS {quoted(alias)}({', '.join(map(quoted, inner_names))})"
            + _sample(node)
        )

    def _table(self, node: exp.Table, alias: str, scope: Scope) -> str:
        _refuse(
            node,
            {
                "when",
                "only",
                "partition",
                "hints",
                "system_time",
                "version",
                "ordinality",
                "changes",
                "rows_from",
            },
        )
        source = self.sources.get(node.name)
        if source is None:
            raise unsupported(node.sql(dialect="trino"))
        names = _alias_columns(node, source.columns)
        scope.relations[alias] = [
            (name, of) for name, (_, of) in zip(names, source.columns, strict=True)
        ]
        parts = []
        for name, (own, of) in zip(names, source.columns, strict=True):
            if own in source.loaded:
                parts.append(f"{_adopted(quoted(own), of)} AS {quoted(name)}")
            else:
                parts.append(f"{null(of)} AS {quoted(name)}")
        if not parts:
            parts = ["1"]
        return f"(SELECT {', '.join(parts)} FROM {quoted(node.name)}{_sample(node)}) AS {quoted(alias)}"

    def _unnest(self, node: exp.Unnest, alias: str, scope: Scope, expressions: Expressions) -> str:
        offset = node.args.get("offset")
        columns: Columns = []
        parts, lengths = [], []
        for one in node.expressions:
            value = expressions.typed(one)
            place = len(columns)
            match value.type.name:
                case "array" if value.type.args[0].name == "row":
                    for field, (name, of) in enumerate(value.type.args[0].args):
                        item = f"list_transform({value.sql}, lambda e: e.f{field})"
                        parts.append(f"unnest({item}) AS c{place + field}")
                        columns.append((name or f"_col{place + field}", of))
                    lengths.append(f"len({value.sql})")
                case "array":
                    parts.append(f"unnest({value.sql}) AS c{place}")
                    columns.append((f"_col{place}", value.type.args[0]))
                    lengths.append(f"len({value.sql})")
                case "map":
                    parts += [
                        f"unnest(map_keys({value.sql})) AS c{place}",
                        f"unnest(map_values({value.sql})) AS c{place + 1}",
                    ]
                    columns += [
                        (f"_col{place}", value.type.args[0]),
                        (f"_col{place + 1}", value.type.args[1]),
                    ]
                    lengths.append(f"len(map_keys({value.sql}))")
                case _:
                    raise QueryError(
                        "INVALID_FUNCTION_ARGUMENT"
                        if value.type.name != "unknown"
                        else "TYPE_MISMATCH",
                        f"Cannot unnest type: {value.type}",
                    )
        if offset:
            most = ", ".join(f"coalesce({length}, 0)" for length in lengths)
            parts.append(
                f"unnest(range(1, CAST(greatest({most}) AS BIGINT) + 1)) AS c{len(columns)}"
            )
            columns.append(("ordinality", types.BIGINT))
        table = node.args.get("alias")
        given = (
            [column.name.lower() for column in (table.args.get("columns") or [])] if table else []
        )
        if offset and isinstance(offset, exp.Expr):
            given = [*given, offset.name.lower()]
        if given and len(given) != len(columns):
            raise QueryError(
                "MISMATCHED_COLUMN_ALIASES",
                f"Column alias list has {len(given)} entries but '{alias}' has {len(columns)} columns available",
            )
        names = given or [name for name, _ in columns]
        alias = alias or f"q{len(scope.relations)}"
        scope.relations[alias] = [(name, of) for name, (_, of) in zip(names, columns, strict=True)]
        return f"LATERAL (SELECT {', '.join(parts)}) AS {quoted(alias)}({', '.join(map(quoted, _unique(names)))})"


def _grouped(group: exp.Group) -> Sequence[exp.Expr]:
    kinds = ("grouping_sets", "cube", "rollup")
    return [*group.expressions, *(one for kind in kinds for one in group.args.get(kind) or [])]


def _adopted(sql: str, of: Type) -> str:
    """Name the fields of rows that come from a file by their places."""
    match of.name:
        case "row":
            fields = [
                f"f{place} := {_adopted(f'({sql}).{quoted(name or str(place))}', part)}"
                for place, (name, part) in enumerate(of.args)
            ]
            return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(fields)}) END"
        case "array" if of.args[0].name in {"row", "array", "map"}:
            return f"list_transform({sql}, lambda v: {_adopted('v', of.args[0])})"
        case "map" if of.args[1].name in {"row", "array", "map"}:
            items = f"list_transform(map_values({sql}), lambda v: {_adopted('v', of.args[1])})"
            return f"CASE WHEN {sql} IS NOT NULL THEN MAP(map_keys({sql}), {items}) END"
    return sql


def _refuse(node: exp.Expr, names: set[str]) -> None:
    for name in names:
        if node.args.get(name):
            if name in {
                "qualify",
                "sort",
                "cluster",
                "distribute",
                "prewhere",
                "connect",
                "settings",
                "format",
            }:
                raise QueryError("SYNTAX_ERROR", f"mismatched input '{name.upper()}'")
            raise unsupported(node.sql(dialect="trino"))


def _place(node: exp.Expr, count: int) -> int | None:
    """Read a number that stands for an output column."""
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    if not node.name.isdigit() or not 1 <= int(node.name) <= count:
        raise QueryError(
            "INVALID_COLUMN_REFERENCE",
            f"{where(node)}ORDER BY position {node.name} is not in select list",
        )
    return int(node.name) - 1


def _alias_columns(node: exp.Expr, columns: Columns) -> list[str]:
    table = node.args.get("alias")
    given = [one.name.lower() for one in (table.args.get("columns") or [])] if table else []
    if given and len(given) != len(columns):
        raise QueryError(
            "MISMATCHED_COLUMN_ALIASES",
            f"Column alias list has {len(given)} entries but '{node.alias}' has {len(columns)} columns available",
        )
    return given or [name for name, _ in columns]


def _unique(names: Sequence[str]) -> list[str]:
    """Tell columns of one name apart; a reference to them is ambiguous, and has been refused."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}\x01{seen[name]}")
    return made


def _limit(node: exp.Expr) -> str:
    sql = ""
    for name in ("limit", "offset"):
        limit = node.args.get(name)
        if limit is None:
            continue
        if isinstance(limit, exp.Fetch):
            options = limit.args.get("limit_options")
            if options is not None and any(
                options.args.get(one) for one in ("percent", "with_ties")
            ):
                raise unsupported("FETCH FIRST … WITH TIES")
            count = limit.args.get("count")
        else:
            count = limit.expression
        if count is None and isinstance(limit, exp.Fetch):
            count = exp.Literal.number(1)
        if isinstance(count, exp.Literal) and count.name.isdigit():
            sql += f" {name.upper()} {count.name}"
        elif not (isinstance(count, exp.Column) and count.name.lower() == "all"):
            raise QueryError("SYNTAX_ERROR", f"mismatched input in {limit.sql(dialect='trino')}")
    return sql


def _sample(node: exp.Expr) -> str:
    sample = node.args.get("sample")
    if not sample:
        return ""
    percent = sample.args.get("percent") or sample.args.get("size")
    method = str(sample.args.get("method") or "").upper()
    if (
        method not in {"BERNOULLI", "SYSTEM"}
        or not isinstance(percent, exp.Literal)
        or sample.args.get("seed")
    ):
        raise unsupported(sample.sql(dialect="trino"))
    return f" TABLESAMPLE BERNOULLI ({percent.name} PERCENT)"

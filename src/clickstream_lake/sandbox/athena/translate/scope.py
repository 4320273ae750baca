"""The names that an expression may use, and what of a query stands inside expressions."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlglot import exp

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.calls import Calls
from clickstream_lake.sandbox.athena.translate.casts import coerce
from clickstream_lake.sandbox.athena.translate.expressions import where
from clickstream_lake.sandbox.athena.translate.typed import Typed, null, quoted
from clickstream_lake.sandbox.athena.translate.types import Type, unsupported
from clickstream_lake.sandbox.errors import QueryError

Columns = list[tuple[str, Type]]


class Translator(Protocol):
    """Translates a query."""

    def query(self, node: exp.Expr) -> tuple[str, Columns]:
        """Give its SQL and its columns."""
        ...


class Nesting(Protocol):
    """A query that has others inside it."""

    def nested(self, outer: "Scope") -> Translator:
        """Give the translator of a query inside this one."""
        ...


class Scope:
    """The names that an expression may use."""

    def __init__(self, query: "Nesting", outer: "Scope | None") -> None:
        self._query = query
        self._outer = outer
        self.relations: dict[str, Columns] = {}
        self.outputs: dict[str, list[Typed]] = {}
        self.output_names = False
        self.has_aggregate = False
        self.is_grouped = False
        self.windows: set[str] = set()

    def name_outputs(self, outputs: Iterable[tuple[str, Typed]]) -> None:
        """Let ORDER BY know what the block gives, by name."""
        for name, value in outputs:
            if name:
                self.outputs.setdefault(name, []).append(value)

    def column(self, node: exp.Column) -> Typed:
        """Resolve a column, here or in the query around this one."""
        if isinstance(node.this, exp.Star):
            raise QueryError("SYNTAX_ERROR", "mismatched input '*'")
        found = self._find(node)
        if found is None:
            spelt = node.sql(dialect="trino").replace('"', "")
            raise QueryError(
                "COLUMN_NOT_FOUND", f"{where(node)}Column '{spelt}' cannot be resolved"
            )
        return found

    def _find(self, node: exp.Column) -> Typed | None:
        table, name = node.table.lower(), node.name.lower()
        hits = self.outputs.get(name, []) if not table and self.output_names else []
        hits = hits or [
            Typed(f"{quoted(alias)}.{quoted(column)}", of)
            for alias, columns in self.relations.items()
            for column, of in columns
            if column == name and table in {"", alias}
        ]
        if len(hits) > 1:
            raise QueryError("AMBIGUOUS_NAME", f"{where(node)}Column '{node.name}' is ambiguous")
        if hits:
            return hits[0]
        if table and table not in self.relations:
            row = self._row_field(table, name)
            if row is not None:
                return row
        return self._outer._find(node) if self._outer is not None else None

    def _row_field(self, table: str, name: str) -> Typed | None:
        for alias, columns in self.relations.items():
            for column, of in columns:
                if column == table and of.name == "row":
                    for place, (field, kind) in enumerate(of.args):
                        if field == name:
                            return Typed(f"({quoted(alias)}.{quoted(column)}).f{place}", kind)
        return None

    def note_aggregate(self, over_window: bool) -> None:  # noqa: FBT001 - one fact
        """Note that the block has an aggregate."""
        self.has_aggregate = self.has_aggregate or not over_window

    def order(self, nodes: Sequence[exp.Expr], expressions: Calls) -> str:
        """Translate what stands behind ORDER BY inside a call or a window."""
        return ", ".join(
            ordered(node, sortable(expressions.typed(node.this)).sql) for node in nodes
        )

    def window(self, node: exp.Window, expressions: Calls) -> str:
        """Translate what stands behind OVER."""
        if node.args.get("over") and str(node.args["over"]).upper() != "OVER":
            raise unsupported(node.sql(dialect="trino"))
        if node.args.get("alias") is not None:
            name = node.args["alias"].name.lower()
            if not (
                node.args.get("partition_by") or node.args.get("order") or node.args.get("spec")
            ):
                if name not in self.windows:
                    raise QueryError(
                        "INVALID_WINDOW_REFERENCE", f"Cannot resolve WINDOW name {name}"
                    )
                return quoted(name)
            raise unsupported(node.sql(dialect="trino"))
        return f"({self.window_parts(node, expressions)})"

    def window_parts(self, node: exp.Expr, expressions: Calls) -> str:
        """Translate a window's partition, order and frame."""
        parts = []
        if node.args.get("partition_by"):
            keys = [comparable(expressions.typed(one)).sql for one in node.args["partition_by"]]
            parts.append(f"PARTITION BY {', '.join(keys)}")
        order = node.args.get("order")
        if order:
            parts.append(f"ORDER BY {self.order(order.expressions, expressions)}")
        spec = node.args.get("spec")
        if spec:
            parts.append(self._frame(spec, expressions, order))
        return " ".join(parts)

    def _frame(self, spec: exp.WindowSpec, expressions: Calls, order: exp.Expr | None) -> str:
        kind = spec.args["kind"].upper()
        if spec.args.get("exclude"):
            raise QueryError("SYNTAX_ERROR", "mismatched input 'EXCLUDE'")
        ends = []
        for side in ("start", "end"):
            value = spec.args.get(side)
            edge = str(spec.args.get(f"{side}_side") or "")
            if isinstance(value, exp.Expr):
                value = self._frame_offset(value, kind, expressions, order)
            ends.append(f"{value} {edge}".strip() if value else "CURRENT ROW")
        return f"{kind} BETWEEN {ends[0]} AND {ends[1]}"

    def _frame_offset(
        self, value: exp.Expr, kind: str, expressions: Calls, order: exp.Expr | None
    ) -> str:
        offset = expressions.typed(value)
        if kind == "RANGE" and order is not None:
            of = expressions.typed(order.expressions[0].this).type
            if of.name in {"date", "timestamp", "timestamp with time zone"}:
                if offset.type == types.DAY_TO_SECOND:
                    return f"to_milliseconds({offset.sql})"
                raise unsupported("A frame of months")
            if of.name in types.INTEGERS and offset.type.name in types.INTEGERS:
                return offset.sql
            raise unsupported(f"A frame over {of}")
        if offset.type.name not in types.INTEGERS:
            raise QueryError(
                "TYPE_MISMATCH", f"Window frame {kind} value type must be INTEGER or BIGINT"
            )
        if not isinstance(offset.literal, int) or offset.literal < 0:
            raise unsupported("A frame whose size is no constant")
        return offset.sql

    def scalar_query(self, node: exp.Expr) -> Typed:
        """Translate a query in place of a value."""
        sql, columns = self._query.nested(self).query(node)
        if len(columns) != 1:
            of = Type("row", tuple(columns))
            raise unsupported(f"A subquery of {len(of.args)} columns")
        return Typed(f"({sql})", columns[0][1])

    def exists(self, node: exp.Expr) -> Typed:
        """Translate EXISTS."""
        sql, _ = self._query.nested(self).query(node)
        return Typed(f"EXISTS ({sql})", types.BOOLEAN)

    def in_query(self, value: Typed, node: exp.Expr) -> Typed:
        """Translate `value IN (query)`."""
        sql, columns = self._query.nested(self).query(node)
        if len(columns) != 1:
            raise QueryError(
                "NOT_SUPPORTED", "Multiple columns returned by subquery are not yet supported"
            )
        of = columns[0][1]
        both = types.common(value.type, of)
        if both is None:
            raise QueryError(
                "TYPE_MISMATCH",
                f"value and result of subquery must be of the same type for IN expression: {value.type} vs {of}",
            )
        if both.name in {"array", "row", "map", "json", "real", "double"}:
            raise unsupported(f"{both} IN a subquery")
        inner = coerce(Typed("v", of), both).sql
        return Typed(
            f"({coerce(value, both).sql} IN (SELECT {inner} FROM ({sql}) AS q(v)))", types.BOOLEAN
        )


def ordered(node: exp.Expr, sql: str) -> str:
    """Add direction and place of NULLs to what is ordered by."""
    if not isinstance(node, exp.Ordered) or node.args.get("with_fill"):
        raise unsupported(node.sql(dialect="trino"))
    first = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{sql} {'DESC' if node.args.get('desc') else 'ASC'} NULLS {first}"


def sortable(value: Typed) -> Typed:
    """Refuse what has no order."""
    if value.type.name in {"map", "json", "array", "row"}:
        if value.type.name in {"map", "json"}:
            raise QueryError(
                "TYPE_MISMATCH",
                f"Type {value.type} is not orderable, and therefore cannot be used in ORDER BY",
            )
        raise unsupported(f"ORDER BY {value.type}")
    return value


def comparable(value: Typed) -> Typed:
    """Refuse what cannot be grouped by."""
    if value.type.name in {"map", "json"} or value.type.zone == "":
        raise unsupported(f"Grouping by {value.type}")
    if value.type.name == "unknown":
        return Typed(null(value.type), value.type)
    return value

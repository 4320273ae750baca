"""A SELECT taken apart: which tables it reads, which of their columns, and under which conditions.

Every reference to a table becomes a scan of its own, as Trino plans it: a common table expression
that is used twice is read, and paid, twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from clickstream_lake.sandbox.athena.errors import QueryError, not_supported
from clickstream_lake.sandbox.athena.pushdown import predicates_by_scan
from clickstream_lake.sandbox.athena.types import trino_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickstream_lake.sandbox.athena.tables import Column, Table

_UNNAMED = "__unnamed"
_UNRESOLVED = re.compile(r"Column '([^']+)' could not be resolved(?:.*?Line: (\d+), Col: (\d+))?")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between)


@dataclass
class Scan:
    """One reference to a table.

    Attributes:
        name: what the statement calls it after planning.
        columns: data columns that the query reads.
        keys: partition keys that the query reads.
        predicates: conditions that every row of this scan must meet; their columns are this
            table's, and nothing else's.
    """

    name: str
    table: Table
    columns: tuple[Column, ...] = ()
    keys: tuple[Column, ...] = ()
    predicates: list[exp.Expr] = field(default_factory=list)


@dataclass(frozen=True)
class SelectPlan:
    """A statement over scans, ready to be run once they are loaded."""

    tree: exp.Expr
    scans: list[Scan]
    names: list[str]


def plan_select(tree: exp.Expr, database: str, lookup: Callable[[str, str], Table]) -> SelectPlan:
    """Plan a parsed query.

    Args:
        tree: the statement, which is taken over.
        database: where tables stand that the statement does not qualify.
        lookup: (database, table) -> Table.

    Raises:
        QueryError: a table or column does not exist, or types do not fit.
    """
    tree = _inline_common_tables(tree)
    scans = _take_scans(tree, database, lookup)
    _name_outputs(tree)
    schema = MappingSchema(
        {
            scan.name: {
                column.name: trino_type(column.type)
                for column in (*scan.table.columns, *scan.table.partition_keys)
            }
            for scan in scans
        },
        dialect="trino",
    )
    try:
        tree = qualify(tree, schema=schema, dialect="trino", expand_alias_refs=False)
        tree = annotate_types(pushdown_projections(tree), schema=schema, dialect="trino")
    except OptimizeError as error:
        raise _unresolved(error) from error
    _check_comparisons(tree)
    _note_columns(tree, {scan.name: scan for scan in scans})
    for name, predicates in predicates_by_scan(tree).items():
        next(scan for scan in scans if scan.name == name).predicates.extend(predicates)
    assert isinstance(tree, exp.Query)  # noqa: S101  # for mypy: a query stays one
    names = [
        f"_col{index}" if name.startswith(_UNNAMED) else name
        for index, name in enumerate(tree.named_selects)
    ]
    return SelectPlan(tree, scans, names)


def _inline_common_tables(tree: exp.Expr) -> exp.Expr:
    """Put the body of every WITH query in the place of each reference to it, innermost first."""
    for with_ in reversed(list(tree.find_all(exp.With))):
        if with_.recursive:
            raise not_supported("WITH RECURSIVE")
        scope = with_.parent
        tables = list(with_.expressions)
        for position, common in enumerate(tables):
            for place in (*tables[position + 1 :], scope):
                _inline(common, place, with_)
        with_.pop()
    return tree


def _inline(common: exp.CTE, place: exp.Expr, with_: exp.With) -> None:
    for table in list(place.find_all(exp.Table)):
        inside_with = place is with_.parent and table.find_ancestor(exp.With) is with_
        if table.name.lower() != common.alias.lower() or table.db or inside_with:
            continue
        columns = common.args["alias"].args.get("columns")
        own = table.args.get("alias")
        alias = exp.TableAlias(
            this=exp.to_identifier(table.alias or common.alias),
            columns=(own and own.args.get("columns"))
            or [column.copy() for column in columns or []],
        )
        table.replace(exp.Subquery(this=common.this.copy(), alias=alias))


def _take_scans(tree: exp.Expr, database: str, lookup: Callable[[str, str], Table]) -> list[Scan]:
    scans = []
    for index, node in enumerate(list(tree.find_all(exp.Table))):
        if not isinstance(node.this, exp.Identifier):
            raise not_supported(f"{node.sql(dialect='trino')} in place of a table")
        table = lookup((node.db or database).lower(), node.name.lower())
        scan = Scan(f"scan_{index}", table)
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
        node.set("this", exp.to_identifier(scan.name))
        node.set("db", None)
        node.set("catalog", None)
        scans.append(scan)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    return scans


def _name_outputs(tree: exp.Expr) -> None:
    """Mark outputs without a name, which Trino calls `_colN` after their place."""
    query = tree
    while not isinstance(query, exp.Select):
        query = query.this
        if query is None:
            return
    for index, output in enumerate(query.expressions):
        if not isinstance(output, (exp.Alias, exp.Column, exp.Star)) and not output.is_star:
            query.expressions[index] = exp.alias_(output, f"{_UNNAMED}{index}", copy=False)
    query.set("expressions", query.expressions)


def _note_columns(tree: exp.Expr, scans: dict[str, Scan]) -> None:
    """Note what each scan is asked for, after the projections have been pushed down."""
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table) and source.name in scans:
                scan = scans[source.name]
                used = {column.name for column in scope.source_columns(alias)}
                scan.columns = tuple(c for c in scan.table.columns if c.name in used)
                scan.keys = tuple(c for c in scan.table.partition_keys if c.name in used)


def _check_comparisons(tree: exp.Expr) -> None:
    """Refuse what DuckDB would cast in silence and Trino does not: text against other types."""
    for node in tree.find_all(*_COMPARISONS):
        if isinstance(node, exp.In):
            others = node.expressions
        elif isinstance(node, exp.Between):
            others = [node.args["low"], node.args["high"]]
        else:
            others = [node.args["expression"]]
        for other in others:
            left, right = _family(node.this), _family(other)
            if left != right and "text" in (left, right) and None not in (left, right):
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"Cannot apply operator: {_spell(node.this)} {_OPERATORS.get(type(node), '=')} "
                    f"{_spell(other)} in {node.sql(dialect='trino')}",
                )


_OPERATORS: dict[type[exp.Expr], str] = {
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


def _family(node: exp.Expr) -> str | None:
    kind = node.type
    if kind is None:
        return None
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    if kind.is_type(*exp.DataType.NUMERIC_TYPES):
        return "number"
    if kind.is_type(*exp.DataType.TEMPORAL_TYPES):
        return "time"
    return "boolean" if kind.is_type("BOOLEAN") else None


def _spell(node: exp.Expr) -> str:
    return node.type.sql(dialect="trino").lower() if node.type else "unknown"


def _unresolved(error: OptimizeError) -> QueryError:
    text = str(error)
    if match := _UNRESOLVED.search(text):
        name, line, column = match.groups()
        where = f"line {line}:{column}: " if line else ""
        return QueryError("COLUMN_NOT_FOUND", f"{where}Column '{name}' cannot be resolved")
    return QueryError("SYNTAX_ERROR", text)

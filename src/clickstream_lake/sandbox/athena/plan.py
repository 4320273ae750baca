"""A SELECT taken apart: which tables it reads, which of their columns, and under which conditions.

Every reference to a table becomes a scan of its own, as Trino plans it: a common table expression
that is used twice is read, and paid, twice. Conditions are carried down to the scans that they
are about, carefully rather than completely: one reaches a scan only if dropping rows that fail it
cannot change the answer.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from clickstream_lake.sandbox.athena.prune import conjuncts, has_aggregate
from clickstream_lake.sandbox.athena.tables import HIDDEN, trino_type
from clickstream_lake.sandbox.athena.translate.calls import is_aggregate
from clickstream_lake.sandbox.athena.translate.expressions import where
from clickstream_lake.sandbox.athena.translate.types import unsupported
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.tables import Column, Table


_Found = dict[str, list[exp.Expr]]

# What a column stands in where the engine hands it on without computing anything.
_PLAIN = (exp.Select, exp.Alias, exp.Group, exp.Ordered, exp.AggFunc, exp.Distinct)

_UNNAMED = "__unnamed"
_UNRESOLVED = re.compile(r"Column '([^']+)' could not be resolved(?:.*?Line: (\d+), Col: (\d+))?")


@dataclass
class Scan:
    """One reference to a table.

    Attributes:
        name: what the statement calls it after planning.
        columns: data columns that the query reads.
        keys: partition keys that the query reads.
        hidden: columns that no table declares, such as `$path`, that the query reads.
        predicates: conditions that every row of this scan must meet; their columns are this
            table's, and nothing else's.
        output: those of `columns` that are needed for more than a condition.
        is_plain: whether the query takes its columns as they are, into no expression.
        may_end_early: whether a LIMIT or a join may have the engine read less of it.
    """

    name: str
    table: "Table"
    columns: "tuple[Column, ...]" = ()
    keys: "tuple[Column, ...]" = ()
    hidden: tuple[str, ...] = ()
    predicates: list[exp.Expr] = field(default_factory=list)
    output: "tuple[Column, ...]" = ()
    is_plain: bool = True
    may_end_early: bool = False


@dataclass(frozen=True)
class SelectPlan:
    """A statement over scans, ready to be run once they are loaded.

    Attributes:
        tree: with all names resolved, and functions by Trino's names.
    """

    tree: exp.Expr
    scans: list[Scan]
    names: list[str]


def plan_select(tree: exp.Expr, database: str, lookup: "Callable[[str, str], Table]") -> SelectPlan:
    """Plan a parsed query.

    Args:
        tree: the statement, which is taken over.
        database: the database of tables that the statement does not qualify.
        lookup: (database, table) -> Table.

    Raises:
        QueryError: a table or column does not exist, or types do not fit.
    """
    tree = inline_common_tables(tree)
    scans = _take_scans(tree, database, lookup)
    _name_outputs(tree)
    _check_joined(tree)
    declared = {
        scan.name: {
            column.name: trino_type(column.type)
            for column in (*scan.table.columns, *scan.table.partition_keys)
        }
        for scan in scans
    }
    hidden = {scan.name: _hidden(scan.table) for scan in scans}
    schema = MappingSchema(
        {name: columns | hidden[name] for name, columns in declared.items()},
        visible={name: list(columns) for name, columns in declared.items()},
        dialect="trino",
    )
    try:
        tree = qualify(tree, schema=schema, dialect="trino", expand_alias_refs=False)
        planned = pushdown_projections(tree.copy())
    except OptimizeError as error:
        raise _unresolved(error, tree, declared) from error
    _note_columns(planned, {scan.name: scan for scan in scans})
    for name, predicates in predicates_by_scan(planned).items():
        next(scan for scan in scans if scan.name == name).predicates.extend(predicates)
    assert isinstance(tree, exp.Query)  # noqa: S101 - for mypy: a query stays one
    names = [
        f"_col{index}" if name.startswith(_UNNAMED) else name
        for index, name in enumerate(tree.named_selects)
    ]
    return SelectPlan(tree, scans, names)


def inline_common_tables(tree: exp.Expr) -> exp.Expr:
    """Replace each reference to a WITH query by its body, innermost first."""
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


def _take_scans(tree: exp.Expr, database: str, lookup: "Callable[[str, str], Table]") -> list[Scan]:
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


def _hidden(table: "Table") -> dict[str, str]:
    if table.rows is not None:
        return {}
    return {
        name: kind for name, kind in HIDDEN.items() if name != "$partition" or table.partition_keys
    }


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


def _check_joined(tree: exp.Expr) -> None:
    """Refuse `e.key` beside `JOIN … USING (key)`: the column is then no table's own any more.

    Raises:
        QueryError: a query says it.
    """
    for column in tree.find_all(exp.Column):
        select = column.find_ancestor(exp.Select)
        while column.table and select is not None:
            taken = _joined(select).get(column.table.lower())
            if taken is not None:
                if isinstance(column.this, exp.Star) and taken:
                    raise unsupported(f"{column.table}.* beside JOIN … USING")
                if column.name.lower() in taken:
                    spelt = f"{column.table}.{column.name}"
                    raise QueryError(
                        "COLUMN_NOT_FOUND", f"{where(column)}Column '{spelt}' cannot be resolved"
                    )
                break
            select = select.find_ancestor(exp.Select)


def _joined(select: exp.Select) -> dict[str, set[str]]:
    """Tell of each table of a FROM which of its columns USING has taken."""
    found: dict[str, set[str]] = {}
    for source in _sources(select):
        found[source.alias_or_name.lower()] = set()
        join = source.parent
        if isinstance(join, exp.Join):
            names = {name.name.lower() for name in join.args.get("using") or []}
            found = {name: taken | names for name, taken in found.items()}
    return found


def _note_columns(tree: exp.Expr, scans: dict[str, Scan]) -> None:
    """Note what each scan is asked for, after the projections have been pushed down."""
    early = bool(tree.find(exp.Join)) or any(
        limit.parent and not limit.parent.args.get("order") for limit in tree.find_all(exp.Limit)
    )
    for scan in scans.values():
        scan.may_end_early = early
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table) and source.name in scans:
                scan = scans[source.name]
                found = scope.source_columns(alias)
                used = {column.name for column in found}
                shown = {
                    column.name
                    for column in found
                    if not isinstance(column.find_ancestor(exp.Where, exp.Select), exp.Where)
                }
                scan.output = tuple(c for c in scan.table.columns if c.name in shown)
                scan.is_plain = all(map(_is_plain, found))
                scan.columns = tuple(c for c in scan.table.columns if c.name in used)
                scan.keys = tuple(c for c in scan.table.partition_keys if c.name in used)
                scan.hidden = tuple(name for name in HIDDEN if name in used)


def _is_plain(column: exp.Column) -> bool:
    parent = column.parent
    return isinstance(parent, _PLAIN) or (
        isinstance(parent, exp.Anonymous) and is_aggregate(parent.name.lower())
    )


def _unresolved(
    error: OptimizeError, tree: exp.Expr, declared: Mapping[str, Iterable[str]]
) -> QueryError:
    text = str(error)
    match = _UNRESOLVED.search(text)
    if match is None:
        return QueryError("SYNTAX_ERROR", text)
    name, line, column = match.groups()
    place = f"line {line}:{int(column) - len(name) + 1}: " if line else ""
    for node in tree.find_all(exp.Column):
        select = node.find_ancestor(exp.Select)
        if select is not None and not node.table and node.name.lower() == name.lower():
            known = [one for source in _sources(select) for one in _outputs(source, declared)]
            if known.count(name.lower()) > 1:
                return QueryError("AMBIGUOUS_NAME", f"{place}Column '{name}' is ambiguous")
    return QueryError("COLUMN_NOT_FOUND", f"{place}Column '{name}' cannot be resolved")


def _outputs(source: exp.Expr, declared: Mapping[str, Iterable[str]]) -> Iterable[str]:
    """Name the columns of what stands in a FROM."""
    alias = source.args.get("alias")
    if alias and alias.args.get("columns"):
        return [column.name.lower() for column in alias.args["columns"]]
    if isinstance(source, exp.Table):
        return declared.get(source.name, ())
    inner = source.this
    return [name.lower() for name in inner.named_selects] if isinstance(inner, exp.Query) else ()


def predicates_by_scan(tree: exp.Expr) -> dict[str, list[exp.Expr]]:
    """Find the conditions of every scan of a qualified query, by the scan's name."""
    found: _Found = defaultdict(list)
    _query(tree, [], found)
    return found


def _query(node: exp.Expr, incoming: Sequence[exp.Expr], found: _Found) -> None:
    """Walk one query; `incoming` are conditions over its output columns."""
    if isinstance(node, exp.Subquery):
        _query(node.this, [] if _cuts_rows(node) else incoming, found)
    elif isinstance(node, exp.SetOperation):
        inner = [] if _cuts_rows(node) else incoming
        names = node.named_selects
        for side in (node.this, node.expression):
            own = side.named_selects if isinstance(side, exp.Query) else names
            _query(side, [_renamed(one, names, own) for one in inner], found)
    elif isinstance(node, exp.Select):
        _select(node, incoming, found)


def _select(select: exp.Select, incoming: Sequence[exp.Expr], found: _Found) -> None:
    clause = select.args.get("where")
    conditions = list(conjuncts(clause.this if clause else None))
    conditions += _through_outputs(select, incoming)
    joins = select.args.get("joins") or []
    outer = [join.side in {"LEFT", "RIGHT", "FULL"} for join in joins]
    for join in joins:
        if not any(outer):
            conditions += conjuncts(join.args.get("on"))
    for position, source in enumerate(_sources(select)):
        own = [] if _may_be_absent(position, joins) else list(conditions)
        if position and joins[position - 1].side == "LEFT":
            own += conjuncts(joins[position - 1].args.get("on"))
        alias = source.alias_or_name
        here = [one for one in own if _speaks_of(one, alias)]
        if isinstance(source, exp.Table):
            found[source.name] += here
        else:
            _query(source, [_output_condition(one, source) for one in here], found)
    for nested in _nested_queries(select):
        _query(nested, [], found)


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    start = select.args.get("from_")
    if start is None:
        return
    yield start.this
    for join in select.args.get("joins") or []:
        yield join.this


def _may_be_absent(position: int, joins: Sequence[exp.Join]) -> bool:
    """Tell whether an outer join can replace this source's rows by NULLs."""
    if position and joins[position - 1].side in {"LEFT", "FULL"}:
        return True
    return any(join.side in {"RIGHT", "FULL"} for join in joins[position:])


def _speaks_of(condition: exp.Expr, alias: str) -> bool:
    columns = list(condition.find_all(exp.Column))
    return bool(columns) and all(column.table == alias for column in columns)


def _cuts_rows(query: exp.Expr) -> bool:
    return bool(query.args.get("limit") or query.args.get("offset"))


def _through_outputs(select: exp.Select, incoming: Sequence[exp.Expr]) -> Iterator[exp.Expr]:
    """Restate conditions over a query's outputs as conditions over its inputs."""
    if _cuts_rows(select) or select.find(exp.Window):
        return
    outputs = {output.alias_or_name: output.unalias() for output in select.selects}
    group = select.args.get("group")
    keys = list(group.expressions) if group else []
    plain_group = group is None or not any(
        group.args.get(name) for name in ("grouping_sets", "cube", "rollup")
    )
    aggregates = group is not None or any(map(has_aggregate, select.selects))
    for condition in incoming:
        used = {column.name for column in condition.find_all(exp.Column)}
        if not plain_group or not used <= outputs.keys():
            continue
        if aggregates and not all(outputs[name] in keys for name in used):
            continue
        yield condition.copy().transform(
            lambda part: outputs[part.name].copy() if isinstance(part, exp.Column) else part
        )


def _output_condition(condition: exp.Expr, source: exp.Expr) -> exp.Expr:
    """Restate a condition over `alias.column` as one over the subquery's own output names."""
    bare = condition.copy()
    alias = source.args.get("alias")
    declared = [column.name for column in (alias.args.get("columns") or [])] if alias else []
    inner = source.this.named_selects if isinstance(source.this, exp.Query) else []
    return _renamed(bare, declared, inner) if declared else _renamed(bare, inner, inner)


def _renamed(condition: exp.Expr, names: Sequence[str], new: Sequence[str]) -> exp.Expr:
    renames = dict(zip(names, new, strict=False))
    return condition.copy().transform(
        lambda part: (
            exp.column(renames.get(part.name, part.name), quoted=True)
            if isinstance(part, exp.Column)
            else part
        )
    )


def _nested_queries(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield the queries inside expressions; those in FROM have been walked already."""
    walked = {id(source) for source in _sources(select)}

    def skip(node: exp.Expr) -> bool:
        return node is not select and (id(node) in walked or isinstance(node, exp.Query))

    for node in select.walk(prune=skip):
        if node is not select and isinstance(node, exp.Query) and id(node) not in walked:
            yield node

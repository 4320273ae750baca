"""Carries conditions of a query down to the table scans they speak of.

Careful rather than complete: a condition reaches a scan only where dropping rows that fail it
cannot change the answer.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlglot import exp

from clickstream_lake.sandbox.athena.prune import conjuncts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Found = defaultdict[str, list[exp.Expr]]


def predicates_by_scan(tree: exp.Expr) -> dict[str, list[exp.Expr]]:
    """Find the conditions of every scan of a qualified query, by the scan's name."""
    found: Found = defaultdict(list)
    _query(tree, [], found)
    return found


def _query(node: exp.Expr, incoming: Sequence[exp.Expr], found: Found) -> None:
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


def _select(select: exp.Select, incoming: Sequence[exp.Expr], found: Found) -> None:
    where = select.args.get("where")
    conditions = list(conjuncts(where.this if where else None))
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
    """Tell whether an outer join can put NULLs in the place of this source's rows."""
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
    aggregates = group is not None or any(output.find(exp.AggFunc) for output in select.selects)
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

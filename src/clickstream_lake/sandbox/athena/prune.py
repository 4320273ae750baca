"""Which partitions a WHERE clause rules out, by the values of their keys alone.

A predicate over rows is rewritten into one over partition keys, which is false only where no row
of the partition can satisfy the old one.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from sqlglot import exp

from clickstream_lake.sandbox.athena.translate.calls import is_aggregate

_CHANGING = frozenset({"rand", "random", "shuffle", "uuid"})


def has_aggregate(node: exp.Expr) -> bool:
    """Tell whether an aggregate function is called anywhere in an expression."""
    calls = (call.name.lower() for call in node.find_all(exp.Anonymous))
    return node.find(exp.AggFunc) is not None or any(map(is_aggregate, calls))


def is_settled(node: exp.Expr) -> bool:
    """Tell whether an expression's value depends on the columns in it alone."""
    return (
        not node.find(exp.Query, exp.Window, exp.Lambda)
        and not has_aggregate(node)
        and not any(call.name.lower() in _CHANGING for call in node.find_all(exp.Anonymous))
    )


def conjuncts(predicate: exp.Expr | None) -> Iterator[exp.Expr]:
    """Split a predicate at its outermost ANDs."""
    if predicate is None:
        return
    inner = predicate.unnest()
    if isinstance(inner, exp.And):
        yield from conjuncts(inner.left)
        yield from conjuncts(inner.right)
    else:
        yield inner


def may_match(predicate: exp.Expr, keys: AbstractSet[str]) -> exp.Expr:
    """Rewrite a predicate over rows into one over the columns that are known."""
    return _rewritten(predicate, keys, negated=False)


def bare(node: exp.Expr) -> exp.Expr:
    """Drop the table from column names, for a query over one table alone."""
    return node.copy().transform(
        lambda part: exp.column(part.name, quoted=True) if isinstance(part, exp.Column) else part
    )


def _rewritten(node: exp.Expr, keys: AbstractSet[str], *, negated: bool) -> exp.Expr:
    node = node.unnest()
    if isinstance(node, exp.Not):
        return _rewritten(node.this, keys, negated=not negated)
    if isinstance(node, (exp.And, exp.Or)):
        joined = exp.and_ if isinstance(node, exp.And) != negated else exp.or_
        return joined(
            _rewritten(node.left, keys, negated=negated),
            _rewritten(node.right, keys, negated=negated),
        )
    if not is_settled(node) or not all(one.name in keys for one in node.find_all(exp.Column)):
        return exp.true()
    value = exp.not_(bare(node)) if negated else bare(node)
    return exp.func("COALESCE", value, exp.false())

"""What a WHERE clause rules out before a byte of data is read: partitions and row groups.

A predicate over rows is rewritten into one over what is known about a set of rows: the exact value
of its partition keys, and the least and greatest value of its columns. The new predicate is false
only where no row of the set can satisfy the old one. DuckDB evaluates it, constants included.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

_INVERSE: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.LT: exp.GTE,
    exp.GTE: exp.LT,
    exp.GT: exp.LTE,
    exp.LTE: exp.GT,
}
_MIRROR: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.LT: exp.GT,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.GTE: exp.LTE,
}
# These keep the order of the timestamps they are given, so bounds stay bounds.
_MONOTONE_IN_TIME = (exp.Cast, exp.Date, exp.TsOrDsToDate, exp.DateTrunc, exp.TimestampTrunc)
_INSTANTS = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")  # but no time of day
_TEMPORAL = ("timestamp", "date")
_OPAQUE = (exp.Query, exp.AggFunc, exp.Window, exp.Rand, exp.Lambda)
_UNDERSTOOD = {"this", "expression", "expressions", "low", "high"}
_LAST_CHARACTER = "\U0010ffff"


def minimum(column: str) -> str:
    """Name the column that holds the least value."""
    return f"min {column}"


def maximum(column: str) -> str:
    """Name the column that holds the greatest value."""
    return f"max {column}"


def null_rows(column: str) -> str:
    """Name the column that holds the number of NULLs."""
    return f"nulls {column}"


ROWS = "rows"


@dataclass(frozen=True)
class Knowledge:
    """What is known about the rows of a set.

    Attributes:
        exact: columns with one known value in all rows.
        bounded: columns with bounds, and their Glue types.
    """

    exact: frozenset[str]
    bounded: dict[str, str]


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


def may_match(predicate: exp.Expr, known: Knowledge) -> exp.Expr:
    """Rewrite a predicate over rows into one over what is known about them."""
    return _Rewriter(known).rewrite(predicate, negated=False)


class _Rewriter:
    def __init__(self, known: Knowledge) -> None:
        self._known = known

    def rewrite(self, node: exp.Expr, *, negated: bool) -> exp.Expr:
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self.rewrite(node.this, negated=not negated)
        if isinstance(node, (exp.And, exp.Or)):
            joined = exp.and_ if isinstance(node, exp.And) != negated else exp.or_
            return joined(
                self.rewrite(node.left, negated=negated),
                self.rewrite(node.right, negated=negated),
            )
        if node.find(*_OPAQUE):
            return exp.true()
        if self._is_exact(node):
            value = exp.not_(_bare(node)) if negated else _bare(node)
            return exp.func("COALESCE", value, exp.false())
        if {name for name, value in node.args.items() if value} - _UNDERSTOOD:
            return exp.true()  # such as NOT LIKE, which is a Like with `negate`
        return self._leaf(node, negated=negated)

    def _is_exact(self, node: exp.Expr) -> bool:
        return all(column.name in self._known.exact for column in node.find_all(exp.Column))

    def _leaf(self, node: exp.Expr, *, negated: bool) -> exp.Expr:
        if isinstance(node, exp.Between):
            low = exp.GTE(this=node.this, expression=node.args["low"])
            high = exp.LTE(this=node.this, expression=node.args["high"])
            return self.rewrite(exp.And(this=low, expression=high), negated=negated)
        if isinstance(node, exp.In) and node.expressions and not negated:
            return exp.or_(
                *(
                    self.rewrite(exp.EQ(this=node.this, expression=value), negated=False)
                    for value in node.expressions
                )
            )
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return self._null_test(node.this, negated=negated)
        if isinstance(node, exp.Like) and not negated:
            return self._prefix_test(node)
        if type(node) in _INVERSE:
            kind = _INVERSE[type(node)] if negated else type(node)
            return self._comparison(kind, node)
        return exp.true()

    def _comparison(self, kind: type[exp.Expr], node: exp.Expr) -> exp.Expr:
        left, right = node.args["this"], node.args["expression"]
        bounds = self._bounds(left)
        if bounds is None:
            bounds, kind, right = self._bounds(right), _MIRROR[kind], left
        if bounds is None or not self._is_exact(right):
            return exp.true()
        column, low, high = bounds
        value = _bare(right)
        tests: dict[type[exp.Expr], Callable[[], exp.Expr]] = {
            exp.EQ: lambda: exp.and_(low <= value, high >= value),
            exp.NEQ: lambda: exp.not_(exp.and_(low.eq(value), high.eq(value))),
            exp.LT: lambda: low < value,
            exp.LTE: lambda: low <= value,
            exp.GT: lambda: high > value,
            exp.GTE: lambda: high >= value,
        }
        return _unless_unknown(column, tests[kind]())

    def _prefix_test(self, node: exp.Like) -> exp.Expr:
        pattern = node.expression
        bounds = self._bounds(node.this)
        if bounds is None or not isinstance(pattern, exp.Literal) or "\\" in pattern.name:
            return exp.true()
        prefix = pattern.name.split("%")[0].split("_")[0]
        column, low, high = bounds
        last = exp.Literal.string(prefix + _LAST_CHARACTER)
        first = exp.Literal.string(prefix)
        return _unless_unknown(column, exp.and_(high >= first, low <= last))

    def _null_test(self, node: exp.Expr, *, negated: bool) -> exp.Expr:
        column = node.unnest()
        if not isinstance(column, exp.Column) or column.name not in self._known.bounded:
            return exp.true()
        nulls, rows = _name(null_rows(column.name)), _name(ROWS)
        test = nulls < rows if negated else nulls > exp.Literal.number(0)
        return exp.func("COALESCE", test, exp.true())

    def _bounds(self, node: exp.Expr) -> tuple[str, exp.Expr, exp.Expr] | None:
        """Give the column inside an expression, and the expression at its two bounds."""
        node = node.unnest()
        columns = list(node.find_all(exp.Column))
        if len(columns) != 1 or columns[0].name not in self._known.bounded:
            return None
        column = columns[0].name
        if node is not columns[0] and not self._keeps_order(node, column):
            return None
        return column, _at(node, minimum(column)), _at(node, maximum(column))

    def _keeps_order(self, node: exp.Expr, column: str) -> bool:
        if not self._known.bounded[column].startswith(_TEMPORAL):
            return False
        while not isinstance(node, exp.Column):
            to_time = not isinstance(node, exp.Cast) or node.to.is_type(*_INSTANTS)
            if not isinstance(node, _MONOTONE_IN_TIME) or not to_time:
                return False
            node = node.this.unnest()
        return True


def _name(column: str) -> exp.Column:
    return exp.column(column, quoted=True)


def _bare(node: exp.Expr) -> exp.Expr:
    """Drop the table from column names: what is known is in one table of its own."""
    return node.copy().transform(
        lambda part: _name(part.name) if isinstance(part, exp.Column) else part
    )


def _at(node: exp.Expr, bound: str) -> exp.Expr:
    return node.copy().transform(
        lambda part: _name(bound) if isinstance(part, exp.Column) else part
    )


def _unless_unknown(column: str, test: exp.Expr) -> exp.Expr:
    """Keep what has no bounds, drop what has nothing but NULLs: a comparison is never true there.

    A bound may be unknown while the other is known, and a comparison with NULL is never true.
    """
    low, high = _name(minimum(column)), _name(maximum(column))
    all_null = _name(null_rows(column)).eq(_name(ROWS))
    unknown = exp.or_(low.is_(exp.null()), high.is_(exp.null()))
    return (
        exp.Case()
        .when(exp.func("COALESCE", all_null, exp.false()), exp.false())
        .when(unknown, exp.true())
        .else_(exp.func("COALESCE", test, exp.false()))
    )

"""Metric math: arithmetic, comparisons, AND, OR, IF and FILL over series of data points.

What else CloudWatch knows (SEARCH, METRICS, rates, bands, …) is refused, never guessed.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

Point = float | None
Series = list[Point]
_Value = Series | float

_WORDS: Final = {"AND": "and", "OR": "or", "&&": " and ", "||": " or "}
_WORD: Final = re.compile(r"\bAND\b|\bOR\b|&&|\|\|")
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class ExpressionError(ValueError):
    """An expression that CloudWatch would refuse, or that the sandbox does not know."""


def compute(expression: str, series: Mapping[str, Series], points: int) -> Series:
    """The value of an expression, data point by data point.

    A point is missing where an operand is, and where something is divided by zero.

    Args:
        expression: metric math, such as `100 * errors / FILL(all, 0)`.
        series: by id, each of `points` data points, the oldest first.
        points: how many there are of each.

    Raises:
        ExpressionError: the expression has another form.
    """
    value = _Computation(series, points).value(_parsed(expression))
    return value if isinstance(value, list) else [value] * points


@cache
def _parsed(expression: str) -> ast.expr:
    try:
        text = _WORD.sub(lambda word: _WORDS[word[0]], expression.strip())
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        raise ExpressionError(f"{expression!r} is not metric math that the sandbox knows") from None


class _Computation:
    def __init__(self, series: Mapping[str, Series], points: int) -> None:
        self._series = series
        self._points = points

    def value(self, node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in self._series:
                return self._series[name]
        return self._computed(node)

    def _computed(self, node: ast.expr) -> Series:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=of):
                return self._each(operator.neg, self.value(of))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._each(_ARITHMETIC[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                compare = _COMPARISONS[type(op)]
                return self._each(
                    lambda a, b: float(compare(a, b)), self.value(left), self.value(right)
                )
            case ast.BoolOp(op=op, values=values):
                decide = all if isinstance(op, ast.And) else any
                return self._each(lambda *each: float(decide(each)), *map(self.value, values))
            case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
                return self._choose(condition, then, otherwise)
            case ast.Call(func=ast.Name(id="FILL"), args=[of, filling]):
                return self._fill(of, filling)
        raise ExpressionError(f"{ast.unparse(node)!r} is not metric math that the sandbox knows")

    def _each(self, compute: Callable[..., float], *values: _Value) -> Series:
        def point(operands: tuple[Point, ...]) -> Point:
            if None in operands:
                return None
            try:
                return compute(*operands)
            except ZeroDivisionError:
                return None

        return [point(operands) for operands in zip(*map(self._spread, values), strict=True)]

    def _choose(self, condition: ast.expr, then: ast.expr, otherwise: ast.expr) -> Series:
        ways = (self._spread(self.value(each)) for each in (condition, then, otherwise))
        return [
            None if true is None else (first if true else second)
            for true, first, second in zip(*ways, strict=True)
        ]

    def _fill(self, of: ast.expr, filling: ast.expr) -> Series:
        points = self._spread(self.value(of))
        if isinstance(filling, ast.Name) and filling.id == "REPEAT":
            last: Point = None
            return [last := point if point is not None else last for point in points]
        fillings = self._spread(self.value(filling))
        return [
            point if point is not None else other
            for point, other in zip(points, fillings, strict=True)
        ]

    def _spread(self, value: _Value) -> Series:
        return value if isinstance(value, list) else [value] * self._points

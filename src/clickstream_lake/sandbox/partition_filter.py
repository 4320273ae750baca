"""Glue's filter of partitions: a condition on their keys, as a WHERE clause has it.

moto's own knows no NOT, no `!=`, takes BETWEEN for its bounds in either order, and a key only as it
is spelt.
"""

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from moto.glue.exceptions import InvalidInputException, InvalidStateException
from moto.glue.utils import _cast
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

_COMPARE: Final[Mapping[type[exp.Expr], Callable[[Any, Any], bool]]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
# The condition seen from its other side.
_TURNED: Final[Mapping[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
_OPERATION: Final = "GetPartitions"


class PartitionFilter:
    """Tells which of moto's partitions pass; in place of moto's class of this name."""

    def __init__(self, expression: str | None, table: Any) -> None:  # noqa: ANN401 - moto's own
        """Read an expression; without one everything passes."""
        self._condition = _parse(expression) if expression and expression.strip() else None
        keys = list(table.versions.values())[-1].get("PartitionKeys", [])
        self._types: dict[str, str] = {key["Name"].lower(): key["Type"] for key in keys}

    def __call__(self, partition: Any) -> bool:  # noqa: ANN401 - moto's own
        """Whether a partition passes."""
        if self._condition is None:
            return True
        values = dict(zip(self._types, partition.partition_input["Values"], strict=False))
        return self._holds(self._condition, values)

    def _holds(self, node: exp.Expr, values: Mapping[str, str]) -> bool:
        if isinstance(node, exp.Paren):
            return self._holds(node.this, values)
        if isinstance(node, exp.Not):
            return not self._holds(node.this, values)
        if isinstance(node, exp.And | exp.Or):
            left = self._holds(node.left, values)
            right = self._holds(node.right, values)  # looked at anyway: it may be wrong
            return (left and right) if isinstance(node, exp.And) else (left or right)
        # Some conditions say themselves that they are turned round.
        return self._compares(node, values) is not bool(node.args.get("negate"))

    def _compares(self, node: exp.Expr, values: Mapping[str, str]) -> bool:
        kind = type(node)
        if kind in _COMPARE:
            key, other = node.this.unnest(), node.expression.unnest()
            if not isinstance(key, exp.Column):
                key, other, kind = other, key, _TURNED[kind]
            return _COMPARE[kind](self._value(key, values), self._literal(key, other))
        key = node.this.unnest() if isinstance(node.this, exp.Expr) else node
        value = self._value(key, values)
        if isinstance(node, exp.In):
            return value in [self._literal(key, each) for each in node.expressions]
        if isinstance(node, exp.Between):
            low, high = (self._literal(key, node.args[name]) for name in ("low", "high"))
            return bool(low <= value <= high)
        if isinstance(node, exp.Like) and isinstance(value, str):
            pattern = re.escape(str(self._literal(key, node.expression)))
            pattern = pattern.replace("%", ".*").replace("_", ".")
            return re.fullmatch(pattern, value, re.DOTALL) is not None
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return False  # every partition has all of its keys
        raise InvalidInputException(_OPERATION, f"Unsupported expression '{node.sql()}'")

    def _type(self, key: exp.Expr) -> str:
        name = key.name.lower() if isinstance(key, exp.Column) else ""
        if name not in self._types:
            raise InvalidInputException(_OPERATION, "Invalid partition expression!")
        return self._types[name]

    def _value(self, key: exp.Expr, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - of any type
        try:
            return _cast(self._type(key), values[key.name.lower()])
        except ValueError as error:  # not of the type that the key has now
            raise InvalidStateException(_OPERATION, str(error)) from error

    def _literal(self, key: exp.Expr, node: exp.Expr) -> Any:  # noqa: ANN401 - of any type
        node = node.unnest()
        sign = "-" if isinstance(node, exp.Neg) else ""
        if isinstance(node, exp.Neg | exp.Cast):  # a date is a cast of its text
            node = node.this
        if not isinstance(node, exp.Literal):
            raise InvalidInputException(_OPERATION, f"Unsupported expression '{node.sql()}'")
        try:
            return _cast(self._type(key), f"{sign}{node.this}")
        except ValueError as error:
            raise InvalidInputException(_OPERATION, str(error)) from error


@lru_cache(maxsize=256)
def _parse(expression: str) -> exp.Expr:
    try:
        return parse_one(expression, dialect="trino")
    except SqlglotError as error:
        message = f"Unsupported expression '{expression}'"
        raise InvalidInputException(_OPERATION, message) from error

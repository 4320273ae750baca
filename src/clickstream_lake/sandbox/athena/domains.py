"""Which values of each column a WHERE clause lets through, as the engine's planner sees it.

The engine compares columns with constants, one column at a time, and a reader of files only ever
sees these domains. What it cannot put that way (two columns in one OR, arithmetic, most functions)
rules nothing out before rows are looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, Final

from sqlglot import exp

from clickstream_lake.sandbox.athena.parquet_format import Statistics, Value

Constant = Callable[[exp.Expr], Any]
"""Evaluates an expression without columns; raises ValueError where it cannot."""

_INVERSE: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.LT: exp.GTE,
    exp.GTE: exp.LT,
    exp.GT: exp.LTE,
    exp.LTE: exp.GT,
}
_MIRROR: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.LT: exp.GT,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.GTE: exp.LTE,
}
_TRUNCATED_UNITS: Final = {"hour", "day", "month", "year"}
_LAST_ASCII: Final = 127


@dataclass(frozen=True)
class Span:
    """Neighbouring values; None is no bound.

    Attributes:
        past_low: whether `low` itself is left out.
        before_high: whether `high` itself is left out.
    """

    low: Value | None = None
    high: Value | None = None
    past_low: bool = False
    before_high: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no value is between the bounds."""
        if self.low is None or self.high is None:
            return False
        open_end = self.past_low or self.before_high
        return bool(self.low > self.high or (self.low == self.high and open_end))  # type: ignore[operator] # both are of one column

    def cut(self, other: "Span") -> "Span":
        """What both have in common."""
        low, past = self.low, self.past_low
        if other.low is not None and (
            low is None or other.low > low or (other.low == low and other.past_low)  # type: ignore[operator] # as above
        ):
            low, past = other.low, other.past_low
        high, before = self.high, self.before_high
        if other.high is not None and (
            high is None or other.high < high or (other.high == high and other.before_high)  # type: ignore[operator] # as above
        ):
            high, before = other.high, other.before_high
        return Span(low, high, past, before)

    def covers(self, other: "Span") -> bool:
        """Whether all of another's values are here."""
        return not other.is_empty and self.cut(other) == other


@dataclass(frozen=True)
class Domain:
    """The values of one column that can satisfy a predicate.

    Attributes:
        null: whether NULL can.
    """

    spans: tuple[Span, ...]
    null: bool = False

    @property
    def points(self) -> list[Value] | None:
        """The values, if each stands alone."""
        single = all(span.low is not None and span.low == span.high for span in self.spans)
        return [span.low for span in self.spans if span.low is not None] if single else None

    def whole_numbers(self, limit: int) -> list[Value] | None:
        """The values, if they are whole numbers, and at most so many."""
        found: list[Value] = []
        for span in self.spans:
            if not isinstance(span.low, int) or not isinstance(span.high, int):
                return None
            first, last = span.low + span.past_low, span.high - span.before_high
            if last - first >= limit - len(found):
                return None
            found += range(first, last + 1)
        return found

    def cut(self, other: "Domain") -> "Domain":
        """What both let through."""
        spans = (mine.cut(theirs) for mine in self.spans for theirs in other.spans)
        kept = tuple(span for span in spans if not span.is_empty)
        return Domain(kept, self.null and other.null)

    def joined(self, other: "Domain") -> "Domain":
        """What either lets through."""
        return Domain((*self.spans, *other.spans), self.null or other.null)

    def overlaps(self, known: Statistics | None, count: int) -> bool:
        """Whether one of `count` values with these statistics can be let through."""
        if known is None:
            return True
        nulls = known.nulls is None or known.nulls > 0
        if self.null and nulls:
            return True
        if known.nulls == count:
            return False
        if known.low is None or known.high is None:
            return bool(self.spans)
        bounds = Span(known.low, known.high)
        return any(not span.cut(bounds).is_empty for span in self.spans)

    def covers(self, known: Statistics | None, count: int) -> bool:
        """Whether every value with these statistics is let through."""
        if known is None:
            return False
        if (known.nulls is None or known.nulls > 0) and not self.null:
            return False
        if known.nulls == count:
            return True
        if known.low is None or known.high is None:
            return any(span == Span() for span in self.spans)
        bounds = Span(known.low, known.high)
        return any(span.covers(bounds) for span in self.spans)

    def overlaps_any(self, values: Sequence[Value], *, null: bool) -> bool:
        """Whether one of these values, or NULL among them, is let through."""
        if self.null and null:
            return True
        points = (Span(value, value) for value in values)
        return any(not span.cut(point).is_empty for point in points for span in self.spans)


_ANY: Final = (Span(),)
_NOTHING: Final = Domain(())
_NOT_NULL: Final = Domain(_ANY)

Domains = dict[str, Domain]
"""By column; a column without an entry lets everything through."""


def domains(
    predicates: Sequence[exp.Expr], types: Mapping[str, str], constant: Constant
) -> Domains | None:
    """Find the domains of all rows that satisfy every predicate; None if no row can.

    Args:
        predicates: over columns of one table.
        types: Glue types of the columns that may get a domain.
        constant: evaluates what has no column.
    """
    extract = _Extract(types, constant)
    nothing_yet: Domains = {}
    found = reduce(_both, (extract.of(one, negated=False) for one in predicates), nothing_yet)
    return None if _is_none(found) else found


def in_order(
    predicates: Sequence[exp.Expr], types: Mapping[str, str], constant: Constant
) -> list[exp.Expr]:
    """Order conditions as the engine evaluates them.

    Those that are domains of one column each go first, by the columns' names; the others follow as
    they were written.
    """
    extract = _Extract(types, constant)
    plain: list[tuple[str, exp.Expr]] = []
    others = []
    for one in predicates:
        found = extract.of(one, negated=False)
        columns = {column.name for column in one.find_all(exp.Column)}
        if len(found) == 1 and columns == set(found) and not one.find(exp.Like):
            plain.append((next(iter(found)), one))
        else:
            others.append(one)
    return [one for _, one in sorted(plain, key=lambda entry: entry[0])] + others


def _is_none(found: Domains) -> bool:
    return any(domain == _NOTHING for domain in found.values())


def _both(left: Domains, right: Domains) -> Domains:
    cut = {name: left[name].cut(domain) for name, domain in right.items() if name in left}
    return {**left, **right, **cut}


def _either(left: Domains, right: Domains) -> Domains:
    if _is_none(left):
        return right
    if _is_none(right):
        return left
    return {name: left[name].joined(domain) for name, domain in right.items() if name in left}


class _Extract:
    def __init__(self, types: Mapping[str, str], constant: Constant) -> None:
        self._types = types
        self._constant = constant

    def of(self, node: exp.Expr, *, negated: bool) -> Domains:
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self.of(node.this, negated=not negated)
        if isinstance(node, (exp.And, exp.Or)):
            join = _both if isinstance(node, exp.And) != negated else _either
            return join(self.of(node.left, negated=negated), self.of(node.right, negated=negated))
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
            high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
            return self.of(exp.And(this=low, expression=high), negated=negated)
        return self._leaf(node, negated=negated)

    def _leaf(self, node: exp.Expr, *, negated: bool) -> Domains:
        found: Domains = {}
        if isinstance(node, exp.In):
            found = self._in(node, negated=negated)
        elif isinstance(node, exp.Is):
            found = self._is_null(node, negated=negated)
        elif isinstance(node, exp.Like) and not negated:
            found = self._like(node)
        elif type(node) in _INVERSE:
            kind = _INVERSE[type(node)] if negated else type(node)
            found = self._comparison(kind, node.args["this"], node.args["expression"])
        elif isinstance(node, exp.Column) and self._types.get(node.name) == "boolean":
            found = self._comparison(exp.EQ, node, exp.Boolean(this=not negated))
        elif isinstance(node, exp.Boolean) and bool(node.this) == negated:
            found = {"": _NOTHING}
        return found

    def _in(self, node: exp.In, *, negated: bool) -> Domains:
        written = {name for name, value in node.args.items() if value}
        if not node.expressions or written - {"this", "expressions"}:
            return {}
        kind: type[exp.Expr] = exp.NEQ if negated else exp.EQ
        join = _both if negated else _either
        each = [self._comparison(kind, node.this, value) for value in node.expressions]
        return reduce(join, each)

    def _is_null(self, node: exp.Is, *, negated: bool) -> Domains:
        column = node.this.unnest()
        if not isinstance(node.expression, exp.Null) or not self._has(column):
            return {}
        return {column.name: _NOT_NULL if negated else Domain((), null=True)}

    def _has(self, node: exp.Expr) -> bool:
        return isinstance(node, exp.Column) and node.name in self._types

    def _like(self, node: exp.Like) -> Domains:
        column, pattern = node.this.unnest(), node.expression
        written = {name for name, value in node.args.items() if value}
        if written - {"this", "expression"} or not self._has(column):
            return {}
        if not isinstance(pattern, exp.Literal) or "\\" in pattern.name:
            return {}
        prefix = pattern.name.split("%")[0].split("_")[0]
        if prefix == pattern.name:
            return self._comparison(exp.EQ, column, pattern)
        last = max((i for i, char in enumerate(prefix) if ord(char) < _LAST_ASCII), default=-1)
        if last < 0:
            return {}
        high = prefix[:last] + chr(ord(prefix[last]) + 1)
        span = Span(prefix.encode(), high.encode(), before_high=True)
        return {column.name: Domain((span,))}

    def _comparison(self, kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> Domains:
        left, right = left.unnest(), right.unnest()
        if right.find(exp.Column):
            left, right, kind = right, left, _MIRROR[kind]
        columns = list(left.find_all(exp.Column))
        if len(columns) != 1 or right.find(exp.Column) or not self._has(columns[0]):
            return {}
        try:
            value = self._constant(right)
            column = columns[0].name
            if value is None:
                return {column: _NOTHING}
            if left is columns[0]:
                return {column: Domain(_compare(kind, _comparable(value)))}
            return self._truncated(kind, left, column, value)
        except (ValueError, TypeError, OverflowError):
            return {}

    def _truncated(self, kind: type[exp.Expr], left: exp.Expr, column: str, value: Any) -> Domains:  # noqa: ANN401 - whatever DuckDB gives
        """Unwrap `date(t)`, `CAST(t AS date)`, `date_trunc('hour', t)` and `year(t)`."""
        if not self._types[column].startswith("timestamp"):
            return self._widened(kind, left, column, value)
        unit = _unit(left)
        if unit is None:
            return self._widened(kind, left, column, value)
        if isinstance(left, exp.Anonymous) and left.name.lower() == "year":
            value = datetime(value, 1, 1)  # noqa: DTZ001 - as in Parquet
        low, high = (_comparable(edge) for edge in _edges(unit, value))
        aligned = low == _comparable(value)
        whole = Span(low, high, before_high=True)
        if kind in {exp.EQ, exp.NEQ} and not aligned:
            return {column: _NOTHING if kind is exp.EQ else _NOT_NULL}
        before = Span(None, low, before_high=True)
        until = Span(None, high, before_high=True)
        spans: dict[type[exp.Expr], tuple[Span, ...]] = {
            exp.EQ: (whole,),
            exp.NEQ: (before, Span(high, None)),
            exp.LT: (before if aligned else until,),
            exp.LTE: (until,),
            exp.GT: (Span(high, None),),
            exp.GTE: (Span(low if aligned else high, None),),
        }
        return {column: Domain(spans[kind])}

    def _widened(self, kind: type[exp.Expr], left: exp.Expr, column: str, value: Any) -> Domains:  # noqa: ANN401 - as above
        """Unwrap a cast that loses nothing, such as a timestamp's to one with a time zone."""
        declared = self._types[column]
        exact = isinstance(left, exp.Cast) and isinstance(left.this.unnest(), exp.Column)
        stamps = declared.startswith("timestamp") and left.is_type("TIMESTAMP", "TIMESTAMPTZ")
        numbers = declared in {"tinyint", "smallint", "int", "integer", "bigint"} and left.is_type(
            "BIGINT", "DOUBLE", "INT"
        )
        if not exact or not (stamps or numbers):
            return {}
        return {column: Domain(_compare(kind, _comparable(value)))}


def _unit(node: exp.Expr) -> str | None:
    """Tell to what a plain column is truncated."""
    match node, *node.expressions:
        case exp.Cast() as cast, *_:
            inner, unit = cast.this, "day" if cast.to.is_type("DATE") else None
        case exp.Anonymous(name=name), exp.Expr() as inner if name.lower() in {"date", "year"}:
            unit = "day" if name.lower() == "date" else "year"
        case exp.Anonymous(name=name), exp.Literal() as word, exp.Expr() as inner if (
            name.lower() == "date_trunc" and word.name.lower() in _TRUNCATED_UNITS
        ):
            unit = word.name.lower()
        case _:
            return None
    return unit if isinstance(inner.unnest(), exp.Column) else None


def _edges(unit: str, value: date) -> tuple[datetime, datetime]:
    """Give the first moment of the unit that a value is in, and that of the next."""
    at = _moment(value)
    low = datetime(  # noqa: DTZ001 - as in Parquet
        at.year,
        1 if unit == "year" else at.month,
        at.day if unit in {"day", "hour"} else 1,
        at.hour if unit == "hour" else 0,
    )
    match unit:
        case "year":
            return low, low.replace(year=low.year + 1)
        case "month":
            return low, (low + timedelta(days=31)).replace(day=1)
    return low, low + timedelta(**{f"{unit}s": 1})


def _moment(value: date) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a day
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _compare(kind: type[exp.Expr], value: Value) -> tuple[Span, ...]:
    below, above = Span(None, value, before_high=True), Span(value, None, past_low=True)
    spans: dict[type[exp.Expr], tuple[Span, ...]] = {
        exp.EQ: (Span(value, value),),
        exp.NEQ: (below, above),
        exp.LT: (below,),
        exp.LTE: (Span(None, value),),
        exp.GT: (above,),
        exp.GTE: (Span(value, None),),
    }
    return spans[kind]


def _comparable(value: Any) -> Value:  # noqa: ANN401 - whatever DuckDB gives
    """Put a Python value in the form of a file's statistics."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, date):
        return round((_moment(value) - datetime(1970, 1, 1)).total_seconds() * 1e6)  # noqa: DTZ001 - as in Parquet
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (bool, int, float, bytes)) and value == value:  # noqa: PLR0124 - NaN differs from itself
        return value
    raise ValueError(f"{value!r} has no place in an order")

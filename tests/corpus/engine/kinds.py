"""Which of the recorded expressions show what of a function: a value, a NULL, an edge, an error."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

from sqlglot import exp

from clickstream_lake.sandbox.athena.dialect import parse
from clickstream_lake.sandbox.athena.translate.signatures import signatures
from tests.corpus.engine.answers import Answer

KINDS = ("value", "NULL", "edge", "error")
# What a function that takes no argument cannot be given.
_NO_ARGUMENT = frozenset({"e", "infinity", "nan", "now", "pi", "rand", "random", "current_date"})
_WITHOUT = {(name, kind) for name in _NO_ARGUMENT for kind in ("NULL", "edge")} | {
    ("current_date", "error")  # it is no call, so that nothing can be wrong with it
}
# Functions that are nodes of their own in a parsed statement.
_NODES: Mapping[type[exp.Expr], str] = {
    exp.TryCast: "try_cast",
    exp.Cast: "cast",
    exp.Coalesce: "coalesce",
    exp.Extract: "extract",
    exp.StrPosition: "position",
    exp.Trim: "trim",
    exp.If: "if",
    exp.GroupConcat: "listagg",
    exp.Normalize: "normalize",
    exp.Chr: "chr",
    exp.CurrentDate: "current_date",
    exp.Substring: "substring",
}
_CALL = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(|\b(current_date)\b", re.IGNORECASE)
_EDGE_NUMBERS = {0, 2**7 - 1, 2**15 - 1, 2**31 - 1, 2**63 - 1, 2**7, 2**15, 2**31, 2**63}
_EDGE_TEXTS = {"", "{}", "[]", "null", "true", "NaN"}
_EDGE_DAYS = re.compile(
    r"(0001|1[0-8]\d\d|19[0-6]\d|1970|9999)-\d\d?-\d\d?.*|\d{4}-(02-29|12-31|01-01).*"
)


def wanted(functions: list[str]) -> list[tuple[str, str]]:
    """Give each function with each kind that it can have."""
    pairs = ((name, kind) for name in functions for kind in KINDS)
    return [pair for pair in pairs if pair not in _WITHOUT]


def by_function(recorded: Mapping[str, Answer]) -> dict[str, list[str]]:
    """List the expressions in which a function is called, by its name."""
    found: dict[str, list[str]] = defaultdict(list)
    for sql in recorded:
        for name in {(one or other).lower() for one, other in _CALL.findall(sql)}:
            found[name].append(sql)
    return found


def showing(
    name: str, kind: str, index: Mapping[str, list[str]], recorded: Mapping[str, Answer]
) -> Iterator[str]:
    """Find the expressions that show one kind of case of a function, one after the other.

    Args:
        name: the function's.
        kind: one of KINDS.
        index: made by `by_function`.
        recorded: Trino's answers.
    """
    for sql in index.get(name, ()):
        answer = recorded[sql]
        may_show = (answer[0] == "!") == (kind == "error") and (kind != "NULL" or "NULL" in sql)
        if may_show and kind in kinds(name, sql, answer):
            yield sql


@cache
def kinds(name: str, sql: str, answer: Answer) -> set[str]:
    """Tell what a recorded expression shows of a function."""
    try:
        tree = parse(f"SELECT {sql}")
    except Exception:  # noqa: BLE001 - what is no SQL for sqlglot is none here, whatever it says
        return set()
    of, value = answer
    found: set[str] = set()
    root = _root(tree.expressions[0])
    for call in _calls(tree, name):
        given = list(_given(call, name))
        if of == "!":
            found |= {"error"} if call is root else set()
        elif any(map(_is_null, given)):
            found.add("NULL")
        elif any(map(_is_edge, given)) or _has_no_rows(call):
            found.add("edge")
        elif value is not None or call is not root:
            found.add("value")
    return found


def _root(node: exp.Expr) -> exp.Expr:
    """Find the call that the whole expression is."""
    node = node.unalias().unnest()
    while isinstance(node, (exp.Select, exp.Filter, exp.Window, exp.IgnoreNulls, exp.Subquery)):
        node = node.expressions[0] if isinstance(node, exp.Select) else node.this
        node = node.unalias().unnest()
    return node


def _calls(tree: exp.Expr, name: str) -> Iterator[exp.Expr]:
    for node in tree.walk():
        if isinstance(node, exp.Anonymous):
            if node.name.lower() == name:
                yield node
        elif _NODES.get(type(node)) == name and not node.args.get("is_literal"):
            yield node


def _given(call: exp.Expr, name: str) -> Iterator[exp.Expr]:
    """Give the arguments of a call; for an aggregate, the rows that it looks at too."""
    for node in call.iter_expressions():
        if not isinstance(node, (exp.DataType, exp.Identifier)):
            yield node
    kinds_of = {one.kind for one in signatures().get(name, ())}
    if name == "grouping" or kinds_of & {"aggregate", "window"}:
        select = call.find_ancestor(exp.Select)
        source = select.args.get("from_") if select else None
        for values in source.find_all(exp.Values) if source else ():
            for row in values.expressions:
                yield from row.expressions if isinstance(row, exp.Tuple) else [row]


def _is_null(node: exp.Expr) -> bool:
    node = node.unnest()
    while isinstance(node, exp.Cast):
        node = node.this
    return isinstance(node, exp.Null)


def _is_edge(node: exp.Expr) -> bool:
    for part in node.walk():
        if isinstance(part, (exp.Array, exp.Anonymous)) and not part.expressions:
            return True  # nothing in an array, or NaN, or infinity
        if isinstance(part, exp.Array) and any(map(_is_null, part.expressions)):
            return True
        if isinstance(part, exp.Neg) or (isinstance(part, exp.HexString) and not part.name):
            return True
        if isinstance(part, exp.Literal) and _is_edge_literal(part):
            return True
    return False


def _is_edge_literal(node: exp.Literal) -> bool:
    text = node.name
    if node.is_string:
        return (
            text in _EDGE_TEXTS
            or text != text.strip()
            or not text.isascii()
            or text.startswith("-")
            or _EDGE_DAYS.fullmatch(text) is not None
        )
    return float(text) in _EDGE_NUMBERS


def _has_no_rows(call: exp.Expr) -> bool:
    """Tell whether a call stands over no rows, or over one."""
    select = call.find_ancestor(exp.Select)
    if select is None or select.args.get("from_") is None:
        return False
    values = select.args["from_"].find(exp.Values)
    rows = len(values.expressions) if values else 0
    condition = select.args.get("where")
    return rows == 1 or (condition is not None and isinstance(condition.this, exp.Boolean))

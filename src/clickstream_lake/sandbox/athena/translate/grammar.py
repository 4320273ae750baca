"""Which nodes of a parsed expression are translated, and which of their arguments are looked at."""

from typing import Final

from sqlglot import exp

ARITHMETIC: Final = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
COMPARISONS: Final = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
MOST_INTEGER, MOST_BIGINT = 2**31 - 1, 2**63 - 1
# What DuckDB and others have, and Trino's grammar does not.
FOREIGN: Final = (
    exp.ILike, exp.SimilarTo, exp.GlobStar if hasattr(exp, "GlobStar") else exp.Glob, exp.Struct, exp.RegexpILike, exp.IntDiv,
    exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift,
    exp.BitwiseRightShift, exp.Slice, exp.PropertyEQ, exp.Pow, exp.RegexpLike, exp.Kwarg,
)  # fmt: skip
DAY_UNITS: Final = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000}
MONTH_UNITS: Final = {"YEAR": 12, "MONTH": 1}
ARGUMENTS: Final = {"this", "expression", "expressions"}
# What else the handler of a node looks at.
KNOWN_ARGUMENTS: Final[dict[type, set[str]]] = {
    exp.Column: {"table"},
    exp.Identifier: {"quoted"},
    exp.Literal: {"is_string"},
    exp.Interval: {"unit"},
    exp.Div: {"typed", "safe"},
    exp.DPipe: {"safe"},
    exp.Is: {"negate"},
    exp.Like: {"negate"},
    exp.Between: {"low", "high", "symmetric"},
    exp.In: {"query", "unnest", "field"},
    exp.Case: {"ifs", "default"},
    exp.If: {"true", "false"},
    exp.Cast: {"to", "is_literal"},
    exp.TryCast: {"to", "safe", "requires_string"},
    exp.AtTimeZone: {"zone"},
    exp.Bracket: {"safe", "offset"},
    exp.Window: {"partition_by", "order", "spec", "alias", "over", "first"},
    exp.GroupConcat: {"separator", "on_overflow"},
    exp.Coalesce: {"is_nvl", "is_null"},
    exp.Extract: set(),
    exp.Trim: {"position"},
    exp.Substring: {"start", "length"},
    exp.StrPosition: {"substr"},
    exp.Normalize: {"form"},
    exp.ParseJSON: {"is_literal"},
    exp.CurrentTimestamp: {"sysdate"},
}

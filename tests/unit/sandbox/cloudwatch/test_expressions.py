import pytest

from clickstream_lake.sandbox.cloudwatch.expressions import ExpressionError, Series, compute

SERIES: dict[str, Series] = {
    "a": [1.0, 2.0, None, 4.0],
    "b": [2.0, 0.0, 1.0, None],
    "none": [None, None, None, None],
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a", [1, 2, None, 4]),
        ("7", [7, 7, 7, 7]),
        ("100 * a / b", [50, None, None, None]),
        ("-a + 1.5", [0.5, -0.5, None, -2.5]),
        ("(a - b) * 2", [-2, 4, None, None]),
        ("a > 1", [0, 1, None, 1]),
        ("a <= b", [1, 0, None, None]),
        ("a == 2", [0, 1, None, 0]),
        ("a != 2", [1, 0, None, 1]),
        ("FILL(a, 0)", [1, 2, 0, 4]),
        ("FILL(a, b)", [1, 2, 1, 4]),
        ("FILL(a, REPEAT)", [1, 2, 2, 4]),
        ("FILL(none, 0)", [0, 0, 0, 0]),
        ("FILL(none, REPEAT)", [None, None, None, None]),
        ("IF(a > 1, b, -1)", [-1, 0, None, None]),
        ("IF(FILL(a, 0) > 0 AND FILL(b, 0) < 1, 1, 0)", [0, 1, 0, 1]),
        ("a > 3 OR b > 1", [1, 0, None, None]),
        ("a > 3 || b > 1", [1, 0, None, None]),
        ("a > 0 && b > 0", [1, 0, None, None]),
    ],
)
def test_an_expression_is_computed_point_by_point(expression: str, values: Series) -> None:
    assert compute(expression, SERIES, 4) == values


@pytest.mark.parametrize(
    "expression",
    [
        "SEARCH('{AWS/Lambda} Errors', 'Sum', 300)",
        "RATE(a)",
        "FILL(a, LINEAR)",
        "c",
        "a ** 2",
        "1 < a < 3",
        "a.real",
        "[a, b]",
        "__import__('os')",
        "IF(a, b)",
        "a +",
        "",
        "'text'",
    ],
)
def test_what_the_sandbox_does_not_know_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        compute(expression, SERIES, 4)

import pytest

from clickstream_lake.sandbox.athena.statements.bind import bind_parameters
from clickstream_lake.sandbox.errors import QueryError


@pytest.mark.parametrize(
    ("sql", "parameters", "bound"),
    [
        ("SELECT ?", ["1"], "SELECT  1 "),
        ("SELECT '?', \"?\" -- ?\n, 1-?", ["-2"], "SELECT '?', \"?\" -- ?\n, 1- -2 "),
        ("UNLOAD (SELECT ?) TO 's3://b/'", ["'a?b'"], "UNLOAD (SELECT  'a?b' ) TO 's3://b/'"),
        ("INSERT INTO t VALUES (?, ?)", ["1", "DATE '2025-01-01'"], None),
        ("EXECUTE p", ["1", "'x'"], "EXECUTE p USING 1, 'x'"),
        (" execute p ; ", ["NULL"], "execute p  USING NULL"),
    ],
)
def test_parameters_take_their_places_in_any_statement(
    sql: str, parameters: list[str], bound: str | None
) -> None:
    expected = bound or "INSERT INTO t VALUES ( 1 ,  DATE '2025-01-01' )"
    assert bind_parameters(sql, parameters) == expected


def test_a_statement_without_parameters_stays_as_it_is() -> None:
    assert bind_parameters("SELECT ?", []) == "SELECT ?"
    with pytest.raises(QueryError, match="expected 1 but found 0"):
        bind_parameters("SELECT ?", [], all_given=True)


@pytest.mark.parametrize(
    "parameters",
    [[], ["1", "2", "3"], ["1, 2", "3"], ["1 FROM t", "2"], ["1; DROP TABLE t", "2"], ["", "1"]],
)
def test_refuses_what_is_not_one_constant_for_each_place(parameters: list[str]) -> None:
    with pytest.raises(QueryError):
        bind_parameters("SELECT ?, ?", parameters, all_given=True)

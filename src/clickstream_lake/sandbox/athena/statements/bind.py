"""Execution parameters, which are SQL literals, in the place of a statement's `?`."""

import re
from collections.abc import Sequence

from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from clickstream_lake.sandbox.athena.dialect import parse
from clickstream_lake.sandbox.errors import QueryError

_EXECUTE = re.compile(r"\s*EXECUTE\s+\S+?\s*;?\s*", re.IGNORECASE)


def bind_parameters(sql: str, parameters: Sequence[str], *, all_given: bool = False) -> str:
    """Fill parameters into a statement of any kind; its text stays as it is otherwise.

    Args:
        sql: the statement. `EXECUTE name` takes parameters as if they followed USING.
        parameters: texts of constants.
        all_given: whether a statement with places needs parameters.

    Raises:
        QueryError: there are more or fewer parameters than places, or one is not a constant.
    """
    if not parameters and not all_given:
        return sql
    for text in parameters:
        _check(text)
    if parameters and _EXECUTE.fullmatch(sql):
        return f"{sql.strip().rstrip(';')} USING {', '.join(parameters)}"
    try:
        tokens = Trino().tokenize(sql)
    except SqlglotError as error:
        raise QueryError("SYNTAX_ERROR", str(error).split("\n", maxsplit=1)[0]) from error
    places = [token.start for token in tokens if token.token_type == TokenType.PLACEHOLDER]
    if len(places) != len(parameters):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(places)} but found {len(parameters)}",
        )
    parts, start = [], 0
    for place, text in zip(places, parameters, strict=True):
        # Spaces keep it a word of its own: `1-?` with -2 must not begin a comment.
        parts += [sql[start:place], f" {text} "]
        start = place + 1
    return "".join([*parts, sql[start:]])


def _check(text: str) -> None:
    """Refuse what is more, or less, than one expression."""
    tree = parse(f"SELECT {text}")
    rest = {key for key, value in tree.args.items() if value} - {"expressions"}
    if rest or len(tree.expressions) != 1 or ";" in text.rstrip().rstrip("';"):
        raise QueryError("INVALID_PARAMETER_USAGE", f"{text} is not one constant")

"""Answers as they are recorded and compared: types and printed values, or the kind of error."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from clickstream_lake.engine.client import Client
from clickstream_lake.engine.errors import StatementError
from clickstream_lake.sandbox.athena.dialect import connect, explain_failure, parse
from clickstream_lake.sandbox.athena.results import as_text
from clickstream_lake.sandbox.athena.translate import Translation, translate
from clickstream_lake.sandbox.athena.translate.answers import shown_value
from clickstream_lake.sandbox.athena.trino_values import printed
from clickstream_lake.sandbox.errors import QueryError

import duckdb  # isort: skip

FOLDER = Path(__file__).parent
REFUSED = "NOT_SUPPORTED"
_TABLES = {"events": "from_iso8601_timestamp(event_ts)", "events_parquet": "event_ts"}
_LENGTH = re.compile(r"varchar\(\d+\)")
_NUMBER = re.compile(r"-?\d+\.\d+(?:E-?\d+)?")
Answer = tuple[str, str | None]  # type and value; or `!` and the name of an error


def queries() -> Iterator[str]:
    """Give the whole queries, each over both tables."""
    for query in (FOLDER / "queries.sql").read_text("utf-8").split(";\n"):
        for table, moment in _TABLES.items():
            if query.strip():
                yield query.strip().replace("@ts", moment).replace("@t", table)


def alike(ours: str | None, theirs: str | None) -> bool:
    """Tell whether two printed values are the same: but for a double's last digits, and the order
    of a map's entries.
    """
    if ours == theirs or ours is None or theirs is None:
        return ours == theirs
    if ours.startswith("{") and sorted(ours.strip("{}").split(", ")) == sorted(
        theirs.strip("{}").split(", ")
    ):
        return True
    if _NUMBER.sub("#", ours) != _NUMBER.sub("#", theirs):
        return False
    pairs = zip(_NUMBER.findall(ours), _NUMBER.findall(theirs), strict=True)
    return all(
        abs(float(a) - float(b)) <= 1e-12 * max(abs(float(a)), abs(float(b))) for a, b in pairs
    )


def same_type(ours: str, theirs: str) -> bool:
    """Tell whether types are the same, but for the length of a text, which no result shows."""
    one, other = (_LENGTH.sub("varchar", of.lower()).replace(" ", "") for of in (ours, theirs))
    return one == other


def of_trino(client: Client, expressions: Sequence[str]) -> dict[str, Answer]:
    """Ask Trino, for many expressions at once where all of them have a value."""
    try:
        tables = " CROSS JOIN ".join(f"(SELECT {e}) AS q{i}(c)" for i, e in enumerate(expressions))
        shown = ", ".join(f"q{i}.c" for i in range(len(expressions)))
        found = client.run(f"SELECT {shown} FROM {tables}")  # noqa: S608 - our own text
    except StatementError as error:
        if len(expressions) == 1:
            return {expressions[0]: ("!", error.name)}
        half = len(expressions) // 2
        return of_trino(client, expressions[:half]) | of_trino(client, expressions[half:])
    cells = zip(expressions, found.columns, found.rows[0], strict=True)
    return {e: (column.type, printed(value, column.signature)) for e, column, value in cells}


def of_embedded(expressions: Sequence[str], at_once: int = 40) -> dict[str, Answer]:
    """Ask the embedded engine, likewise."""
    answers: dict[str, Answer] = {}
    waiting: list[tuple[str, Translation]] = []
    with connect() as connection:
        for expression in expressions:
            try:
                waiting.append((expression, translate(parse(f"SELECT {expression}"), {})))
            except QueryError as error:
                answers[expression] = ("!", error.code)
        for start in range(0, len(waiting), at_once):
            answers |= _run(connection, waiting[start : start + at_once])
    return answers


def _run(
    connection: duckdb.DuckDBPyConnection, batch: Sequence[tuple[str, Translation]]
) -> dict[str, Answer]:
    try:
        values = [shown_value(f"q{i}.c", t.types[0]) for i, (_, t) in enumerate(batch)]
        shown = ", ".join(f"{value} AS c{i}" for i, value in enumerate(values))
        tables = " CROSS JOIN ".join(f"({t.sql}) AS q{i}(c)" for i, (_, t) in enumerate(batch))
        table = as_text(connection.sql(f"SELECT {shown} FROM {tables}").to_arrow_table())  # noqa: S608 - our own text
    except (duckdb.Error, QueryError) as error:
        if len(batch) == 1:
            failed = explain_failure(error) if isinstance(error, duckdb.Error) else error
            return {batch[0][0]: ("!", failed.code)}
        half = len(batch) // 2
        return _run(connection, batch[:half]) | _run(connection, batch[half:])
    cells = zip(batch, table.to_pylist()[0].values(), strict=True)
    return {expression: (str(t.types[0]), value) for (expression, t), value in cells}

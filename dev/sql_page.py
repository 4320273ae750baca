"""Write `docs/sql.md`: which functions the embedded engine answers. `python -m dev.sql_page`."""

from pathlib import Path

from clickstream_lake.sandbox.athena.translate.aggregates import AGGREGATES, WINDOWS
from clickstream_lake.sandbox.athena.translate.library import SCALARS
from clickstream_lake.sandbox.athena.translate.signatures import signatures

PAGE = Path(__file__).parents[1] / "docs" / "sql.md"
# Trino's grammar has them, and not its list.
_GRAMMAR = (
    "cast",
    "coalesce",
    "current_date",
    "extract",
    "format",
    "grouping",
    "if",
    "listagg",
    "normalize",
    "nullif",
    "position",
    "trim",
    "try",
    "try_cast",
)
_HEAD = """# Athena's SQL in the sandbox

The embedded engine, which is the default, translates Trino's SQL for DuckDB. It knows Trino's type of
every expression, and answers only what is written down for it and was compared with Trino 476:
{expressions} expressions (values, types, kinds of errors) and {queries} whole queries, recorded in `tests/corpus/engine`.
Of each function below a value, a NULL, an edge (empty, extreme, not finite, not ASCII …) and an error are among
them, which a test asks for. Everything else fails with `NOT_SUPPORTED: … is not supported by the embedded engine: use --athena trino`,
and never with the words for a function that does not exist.

What to know:

- `approx_distinct` counts exactly, and `approx_percentile` takes the exact value at that place; Trino's own
  answers are near. With percentiles of doubles Trino gives values between two of the data. Of 10,000 numbers
  they are at most 10 % and 2 % apart: `tests/corpus/engine/test_compositions.py`.
- What Trino need not look at (a condition after AND or OR, a value of IN, an argument after a NULL) is looked
  at here, or the other way round: where it fails, the query fails in one of the two engines.
- `try` and `TRY_CAST` also give NULL for what is refused only when a row is looked at: a text with an offset other
  than UTC, a year past 9999, a timestamp with more than six digits of a second.
- `t.*` beside `JOIN … USING` is refused; `*` and the names of the columns are not.
- A text with an offset other than UTC in `from_iso8601_timestamp`, two time zones in one column, and patterns
  (of dates, JSON paths, regular expressions) that are no constants are refused.
- Regular expressions are Java's as far as Python's mean the same; Unicode classes, possessive
  quantifiers, named groups and intersections are refused.
- `json_value`, `json_query`, `json_exists`, `MATCH_RECOGNIZE`, `= ANY`, times of day, `char(n)` and `uuid` are refused.

This page is made by `python -m dev.sql_page` from the engine's own tables and Trino's list of functions.

## Functions

{same} of Trino 476's {all} functions are answered the same, {refused} are refused: for some of the arguments
that Trino takes, the former may be refused as well.

| same |
|---|
| {same_names} |

| refused |
|---|
| {refused_names} |
"""


def answered() -> list[str]:
    """Name the functions of Trino's that are answered, for some of their arguments at least."""
    here = {key.partition("(")[0] for key in SCALARS} | AGGREGATES.keys() | WINDOWS.keys()
    return sorted(here & signatures().keys() | set(_GRAMMAR))


def page() -> str:
    """Make the page's text."""
    same = answered()
    known = signatures().keys() | set(same)
    refused = sorted(known - set(same))
    folder = Path(__file__).parents[1] / "tests" / "corpus" / "engine"
    counts = {
        name: len((folder / f"{name}.ndjson").read_text("utf-8").splitlines())
        for name in ("expressions", "queries")
    }
    return _HEAD.format(
        **counts,
        same=len(same),
        refused=len(refused),
        all=len(known),
        same_names=", ".join(f"`{name}`" for name in same),
        refused_names=", ".join(f"`{name}`" for name in refused),
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

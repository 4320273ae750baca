"""Trino's SQL as DuckDB's: every expression has Trino's type, or the statement is refused.

Nothing is passed on because DuckDB happens to take it. What is not written down here, and compared
with Trino's own answers in `tests/corpus/engine`, is refused.
"""

from clickstream_lake.sandbox.athena.translate.queries import Source, Translation, translate

__all__ = ["Source", "Translation", "translate"]

"""Why a statement fails, in the words Athena uses for it."""

from __future__ import annotations


class QueryError(Exception):
    """A statement cannot be run, or failed while it ran.

    Attributes:
        code: Athena's name for the failure, such as `TABLE_NOT_FOUND` or `HIVE_BAD_DATA`.
        user: whether the statement is at fault (True), or the data and its storage (False).
    """

    def __init__(self, code: str, message: str, *, user: bool = True) -> None:
        """Put the code before the message, as `StateChangeReason` shows it."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.user = user


def bad_data(message: str) -> QueryError:
    """Say that a file does not hold what its table declares."""
    return QueryError("HIVE_BAD_DATA", message, user=False)


def not_supported(message: str) -> QueryError:
    """Say that a statement or a table is beyond this engine."""
    return QueryError("NOT_SUPPORTED", message)

"""What can go wrong with the engine itself, and with a statement that it was given."""

from typing import Any, Self


class EngineError(Exception):
    """The engine cannot be had, started or reached; the message says what to do."""


class StatementError(Exception):
    """The engine refused a statement, failed in it, or was told to stop it.

    Attributes:
        name: Trino's name of the error, such as `COLUMN_NOT_FOUND`.
        kind: `USER_ERROR`, `EXTERNAL`, `INTERNAL_ERROR` or `INSUFFICIENT_RESOURCES`.
        message: Trino's words, which begin with the place if there is one: `line 1:8: …`.
        line: where in the statement it is, from 1; None if it is nowhere in particular.
        column: the same.
    """

    def __init__(
        self, name: str, kind: str, message: str, line: int | None, column: int | None
    ) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.kind = kind
        self.message = message
        self.line = line
        self.column = column

    @classmethod
    def read(cls, error: dict[str, Any]) -> Self:
        """Read the error of an answer."""
        place = error.get("errorLocation") or {}
        return cls(
            error.get("errorName") or "GENERIC_INTERNAL_ERROR",
            error.get("errorType") or "INTERNAL_ERROR",
            error.get("message") or "",
            place.get("lineNumber"),
            place.get("columnNumber"),
        )

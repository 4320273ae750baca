"""The sandbox's errors: what it says to its user, to an AWS client, and about a statement."""


class SandboxError(Exception):
    """The sandbox cannot do what it was asked for; the message says what to do."""


class ApiError(Exception):
    """A request that AWS would refuse, with what its client should see.

    Attributes:
        code: AWS's error code, for instance `ResourceNotFoundException`.
        message: for people.
        status: the HTTP status.
        request_id: by which the log knows the request; empty for one that it does not name.
    """

    def __init__(self, code: str, message: str, status: int = 400, request_id: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id


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

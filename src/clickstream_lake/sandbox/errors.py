"""Errors of the sandbox, among them those that its AWS APIs answer with."""


class SandboxError(Exception):
    """The sandbox cannot do what it was asked for; the message says what to do."""


class ApiError(Exception):
    """An error that an AWS client is to see.

    Attributes:
        code: AWS's error code, for instance `ResourceNotFoundException`.
        message: for people.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep the three parts that AWS's JSON protocols put on the wire."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

"""The context object that Lambda gives a handler."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The attributes and the method of Lambda's own context object."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: int
    deadline: float
    function_version: str = "$LATEST"
    log_stream_name: str = "sandbox"

    @property
    def log_group_name(self) -> str:
        """The log group that the function would write to."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))

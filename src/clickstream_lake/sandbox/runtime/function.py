"""A Lambda function as its definition in moto describes it, and the two sides of an invocation."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Function:
    """What is needed to run a function.

    Attributes:
        name: the function's name.
        arn: its ARN.
        handler: module path and name, as Lambda has it: `package.module.name`.
        environment: the function's own variables.
        timeout: seconds after which an invocation is ended.
        memory_mb: what the context object tells the handler.
    """

    name: str
    arn: str
    handler: str
    environment: tuple[tuple[str, str], ...]
    timeout: int
    memory_mb: int

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> "Function":
        """Read Lambda's `GetFunctionConfiguration`."""
        variables = (configuration.get("Environment") or {}).get("Variables") or {}
        return cls(
            name=configuration["FunctionName"],
            arn=configuration["FunctionArn"],
            handler=configuration["Handler"],
            environment=tuple(sorted(variables.items())),
            timeout=int(configuration.get("Timeout") or 3),
            memory_mb=int(configuration.get("MemorySize") or 128),
        )

    @property
    def region(self) -> str:
        """The region, out of the ARN."""
        return self.arn.split(":")[3]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation returned: JSON, either the result or Lambda's description of the error.

    Attributes:
        log: what it printed, between Lambda's own lines, where that was asked for.
    """

    payload: bytes
    failed: bool
    log: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation: its id and the event as JSON.

    Attributes:
        log: a file for what it prints; None for the function's log.
    """

    payload: bytes
    request_id: str
    log: Path | None = None

    @classmethod
    def of(cls, payload: bytes) -> "Request":
        """A request with an id of its own."""
        return cls(payload, str(uuid.uuid4()))


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

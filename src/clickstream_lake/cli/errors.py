"""Errors of the command line, and what to do about those of others."""

from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from rich.markup import escape

from clickstream_lake.errors import ToolkitError

_SANDBOX_HINT = (
    "For the local sandbox, start `clickstream sandbox up` in another terminal and set the "
    "variables that it prints (AWS_ENDPOINT_URL above all)."
)


class CliError(ToolkitError):
    """The command cannot do what it was asked for; the message says what to do."""


def explain(error: Exception) -> str:
    """What went wrong and what to do about it, as rich markup."""
    match error:
        case EndpointConnectionError():
            text = f"{error} Is `clickstream sandbox up` still running, on that port?"
        case NoCredentialsError() | PartialCredentialsError() | NoRegionError():
            text = f"{str(error).rstrip('.')}. Set AWS credentials and a region. {_SANDBOX_HINT}"
        case ClientError():
            details = error.response["Error"]
            code = details.get("Code", "")
            text = f"{error.operation_name}: {details.get('Message') or code} ({code})"
            if code in {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"}:
                text += f". Renew your AWS credentials. {_SANDBOX_HINT}"
        case _:
            text = str(error)
    return escape(text)

"""Errors of the command line, and advice on errors from elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clickstream_lake.console import command_name, stderr
from clickstream_lake.engine.errors import EngineError
from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.errors import LakeError
from clickstream_lake.sandbox.errors import QueryError, SandboxError


class CliError(ToolkitError):
    """The command cannot do what it was asked for; the message says what to do."""


class UsageError(CliError):
    """The arguments make no sense, or name a file that does not exist."""


_CREDENTIALS_REFUSED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_KNOWN = (ToolkitError, EngineError, LakeError, QueryError, SandboxError)


def report(error: Exception) -> int | None:
    """Print what went wrong and what to do about it, on one line.

    Returns:
        The exit status; None for an unforeseen error, which deserves its traceback.
    """
    text = explain(error)
    if text is None:
        return None
    complain(text)
    return 2 if isinstance(error, UsageError) else 1


def complain(text: str) -> None:
    """Print one line to standard error, however wide the terminal is."""
    stderr.print("[red]Error:[/red]", end=" ", highlight=False)
    stderr.print(text, markup=False, highlight=False, soft_wrap=True)


def warn_without_kernel() -> None:
    """Say so on standard error if there is no kernel: it works, but takes ten times as long."""
    from clickstream_lake.transform.rules.native import library

    if why := library.missing():
        stderr.print(f"Warning: {why}", style="yellow", markup=False, soft_wrap=True)


def explain(error: Exception) -> str | None:
    """What went wrong and what to do about it; None for an unforeseen error."""
    if isinstance(error, _KNOWN):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    # Without botocore loaded there is no error of botocore's.
    return _explain_aws(error) if "botocore.exceptions" in sys.modules else None


def _explain_aws(error: Exception) -> str | None:
    from botocore import exceptions as aws

    hint = (
        f"For the local sandbox, start `{command_name()} sandbox up` in another terminal and set "
        "all the variables that it prints: its credentials are its own."
    )
    match error:
        case aws.EndpointConnectionError():
            return f"{error} Is `{command_name()} sandbox up` still running, on that port?"
        case aws.NoCredentialsError() | aws.PartialCredentialsError() | aws.NoRegionError():
            return f"{str(error).rstrip('.')}. Set AWS credentials and a region. {hint}"
        case aws.ClientError():
            details = error.response["Error"]
            code = details.get("Code", "")
            text = f"{error.operation_name}: {details.get('Message') or code} ({code})"
            if code in _CREDENTIALS_REFUSED:
                text += f". Renew your AWS credentials. {hint}"
            return text
        case aws.BotoCoreError():
            return str(error)
    return None


@contextmanager
def sandbox_extra() -> Iterator[None]:
    """Import the sandbox inside this context.

    Raises:
        CliError: what it needs is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise CliError(
            f"the local AWS needs the module {error.name}, which is not installed: "
            "pip install 'clickstream-lake[sandbox]'"
        ) from None

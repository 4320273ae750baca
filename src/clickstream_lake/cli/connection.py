"""Reach AWS or the sandbox: by AWS's own environment variables and configuration files."""

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from clickstream_lake.cli.errors import CliError
from clickstream_lake.lake.config import Config, load_config
from clickstream_lake.sandbox.resources import ENVIRONMENT

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_firehose import FirehoseClient

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def prepare() -> None:
    """Let a loopback endpoint do without credentials: the sandbox takes any."""
    if on_sandbox():
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)


def on_sandbox() -> bool:
    """Whether AWS_ENDPOINT_URL points at this machine."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return urlsplit(endpoint).hostname in _LOOPBACK


def athena() -> "AthenaClient":
    """Athena's client."""
    prepare()
    return boto3.client("athena")


def firehose() -> "FirehoseClient":
    """Firehose's client."""
    prepare()
    return boto3.client("firehose")


def lake_config(stream: str) -> Config:
    """The settings of a deployed lake, as its own compact function has them.

    Args:
        stream: name of the lake's Firehose stream, which its functions are named after.

    Raises:
        CliError: there is no such function.
    """
    prepare()
    name = f"{stream}-compact"
    try:
        configuration = boto3.client("lambda").get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise CliError(
            f"there is no Lambda function {name}, so no lake with the stream {stream} in this "
            "account and region; name another stream with --stream"
        ) from None
    return load_config(configuration["Environment"]["Variables"])

"""Reach AWS or the sandbox: by AWS's own environment variables and configuration files."""

import os
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from clickstream_lake.cli.errors import CliError

if TYPE_CHECKING:
    from clickstream_lake.lake.config import Config

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Profile = Annotated[
    str | None, typer.Option(help="Profile of AWS's configuration files, as in its own command.")
]
Region = Annotated[str | None, typer.Option(help="AWS region, as in AWS's own command.")]
Stream = Annotated[
    str, typer.Option(help="The lake's Firehose stream; its functions are named after it.")
]
Database = Annotated[str, typer.Option(help="Glue database of the tables.")]
STREAM = "clickstream-events"
DATABASE = "clickstream"


def connect(profile: str | None = None, region: str | None = None) -> None:
    """Choose the profile and region of later AWS clients; by default the environment's."""
    if profile or region:
        import boto3

        boto3.setup_default_session(profile_name=profile, region_name=region)


def on_sandbox() -> bool:
    """Whether AWS_ENDPOINT_URL points at this machine."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return urlsplit(endpoint).hostname in _LOOPBACK


def lake_config(stream: str) -> "Config":
    """The settings of a deployed lake, as its own compact function has them.

    Args:
        stream: name of the lake's Firehose stream, which its functions are named after.

    Raises:
        CliError: there is no such function.
    """
    import boto3
    from botocore.exceptions import ClientError

    from clickstream_lake.lake.config import load_config

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

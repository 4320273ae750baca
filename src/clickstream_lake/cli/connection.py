"""Reach AWS or the sandbox: by AWS's own environment variables and configuration files."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from clickstream_lake.cli.errors import CliError

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog as Catalog_
    from clickstream_lake.lake.config import Config

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Profile = Annotated[
    str | None, typer.Option(help="Profile of AWS's configuration files, as in its own command.")
]
Region = Annotated[str | None, typer.Option(help="AWS region, as in AWS's own command.")]
Stream = Annotated[
    str,
    typer.Option(
        help="The lake's Firehose stream, or <name>-<family> of a family that events are routed "
        "to; its functions are named after it."
    ),
]
Database = Annotated[str, typer.Option(help="Glue database of the tables.")]
Catalog = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        metavar="FILE",
        help="The lake's catalog: a file, or s3://bucket/key with its SHA-256 in the key.",
    ),
]
CatalogFile = Annotated[
    Path | None,
    typer.Option(
        "--catalog", metavar="FILE", help="The lake's catalog; by default the packaged one."
    ),
]
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


def catalog_at(given: str | None, environ: Mapping[str, str] = MappingProxyType({})) -> "Catalog_":
    """The catalog that was given, or else the one that a lake's settings name, with what was added.

    Raises:
        CatalogError: there is none, it is not what its key says, or something in it is wrong.
    """
    if given is None and environ.get("LAKE_SCHEMA_EVOLUTION", "").strip() == "auto":
        from clickstream_lake.lake.aws.clients import LiveCatalog

        return LiveCatalog(environ).now
    address = environ.get("LAKE_CATALOG", "").strip() if given is None else given
    if address.startswith("s3://"):
        from clickstream_lake.lake.aws.clients import open_catalog

        return open_catalog({"LAKE_CATALOG": address})
    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.catalogs import packaged_path

    return load_catalog(packaged_path(address) if given is None else Path(given).resolve())


def source_of(config: "Config", stream: str) -> str:
    """The Firehose stream by which a lake's events come: another one, if they are routed here."""
    from clickstream_lake.lake.aws.clients import open_routes

    routes = open_routes(config.routes) if config.family else None
    return routes.stream.name if routes else stream


def deployed(stream: str, catalog: str | None = None) -> "tuple[Config, Catalog_]":
    """The settings of a deployed lake, as its own compact function has them, and its catalog.

    Args:
        stream: name of the lake's Firehose stream, which its functions are named after.
        catalog: another than the functions'.

    Raises:
        CatalogError: there is none, it is not what its key says, or something in it is wrong.
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
    environ = configuration["Environment"]["Variables"]
    found = catalog_at(catalog, environ)
    return load_config(environ, found), found

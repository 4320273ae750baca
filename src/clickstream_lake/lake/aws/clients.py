"""How both functions open the lake: AWS clients with a chosen retry policy, and what uses them."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config as ClientConfig

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import find_catalog
from clickstream_lake.lake.config import Config, load_config
from clickstream_lake.lake.errors import ConfigError
from clickstream_lake.lake.formats import lake_tables
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.overlay import Overlay
from clickstream_lake.lake.routes import (
    Route,
    Routes,
    Routing,
    find_routes,
    routing_of,
)
from clickstream_lake.lake.routings import lake_at
from clickstream_lake.lake.untaken import RoutedTo

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

CLIENT_CONFIG: Final = ClientConfig(
    # "standard" backs off with jitter and stops early when the service is down for everybody. After
    # an error that is not throttling it pauses for 50 ms at most, then twice that, and so on: five
    # attempts would be over within a second, and every failure is one of the few tries that a
    # message has.
    retries={"mode": "standard", "total_max_attempts": 8},
    connect_timeout=3,
    # Seconds of silence, not of the whole call. A compacted file is copied in one call, which S3
    # answers with white space while it works.
    read_timeout=60,
    max_pool_connections=16,
)

# What is told to the queue beside the work may not take its time: 14 s at the most.
INBOX_CONFIG: Final = ClientConfig(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=5
)


OVERLAY_SECONDS: Final = 300.0
"""How long a warm function may not know of a column that was added."""


def open_catalog(environ: Mapping[str, str]) -> Catalog:
    """The catalog that the settings name.

    Raises:
        CatalogError: there is none, it is not what its key says, or something in it is wrong.
        StorageError: S3 refused.
    """
    address = environ.get("LAKE_CATALOG", "").strip()
    return find_catalog(address, lambda bucket: ObjectStore(s3_client(), bucket))


class LiveCatalog:
    """The catalog that the settings name, and what compaction has added to it meanwhile."""

    def __init__(
        self, environ: Mapping[str, str], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Read it.

        Raises:
            ConfigError: a setting is missing or wrong.
            CatalogError: there is none, it is not what its key says, or something in it is wrong.
            StorageError: S3 refused.
        """
        self.deployed = open_catalog(environ)
        config = load_config(environ, self.deployed)
        self._monotonic = monotonic
        self._overlay: Overlay | None = None
        if config.schema_evolution == "auto":
            self._overlay = Overlay(ObjectStore(s3_client(), config.bucket), config.layout)
        self._read_at = -OVERLAY_SECONDS
        self.now = self.deployed
        self.changed()

    def changed(self) -> bool:
        """Whether it is another one by now; asked at most once in `OVERLAY_SECONDS`.

        Raises:
            StorageError: S3 refused.
        """
        if self._overlay is None or self._monotonic() < self._read_at + OVERLAY_SECONDS:
            return False
        before, self.now = self.now, self._overlay.over(self.deployed)
        self._read_at = self._monotonic()
        return before.sha256 != self.now.sha256


def open_routes(address: str) -> Routes | None:
    """The routes that `LAKE_ROUTES` names; None if it is empty.

    Raises:
        CatalogError: there are none, or they are not what their key says.
        ConfigError: something in them is wrong.
        StorageError: S3 refused.
    """
    return (
        find_routes(address, lambda bucket: ObjectStore(s3_client(), bucket)) if address else None
    )


class LiveRouting:
    """The routes that the settings name, with what compaction has added to their catalogs."""

    def __init__(self, environ: Mapping[str, str], partition_keys: tuple[str, ...]) -> None:
        """Read them and their catalogs.

        Args:
            environ: the settings of the stream's own family.
            partition_keys: of its catalog.

        Raises:
            ConfigError: a setting or a route is wrong.
            CatalogError: something is missing, not what its key says, or wrong.
            StorageError: S3 refused.
        """
        self._routes = open_routes(environ.get("LAKE_ROUTES", "").strip())
        self._partition_keys = partition_keys
        self._live = {
            name: LiveCatalog(_of_family(environ, route))
            for name, route in (self._routes.families if self._routes else {}).items()
        }

    def changed(self) -> bool:
        """Whether a catalog is another one by now, as that of `LiveCatalog`.

        Raises:
            StorageError: S3 refused.
        """
        changed = [live.changed() for live in self._live.values()]  # all are asked
        return any(changed)

    @property
    def now(self) -> Routing | None:
        """The routes with their present catalogs; None if there are none.

        Raises:
            ConfigError: a family has other partition keys than its stream.
        """
        if self._routes is None:
            return None
        return routing_of(self._routes, lambda name, _: self._live[name].now, self._partition_keys)


def routed_to(config: Config, lake: Lake) -> RoutedTo | None:
    """What a stream says of the family that a lake is; None if that is the stream's own.

    Raises:
        CatalogError: the routes are missing, or not what their key says.
        ConfigError: they do not name the family, or are wrong.
        StorageError: S3 refused.
    """
    if not config.family:
        return None
    routes = open_routes(config.routes)
    if routes is None or config.family not in routes.families:
        raise ConfigError(f"LAKE_FAMILY: LAKE_ROUTES names no family {config.family!r}")
    return RoutedTo(lake_at(lake, routes.stream), config.family, routes.stream.name)


def _of_family(environ: Mapping[str, str], route: Route) -> dict[str, str]:
    layout = Layout().family(route.prefix)
    return {
        **environ,
        "LAKE_CATALOG": route.catalog,
        "LAKE_PROCESSED_PREFIX": layout.processed_prefix,
        "LAKE_REJECTED_PREFIX": layout.rejected_prefix,
        "LAKE_MANIFESTS_PREFIX": layout.manifests_prefix,
    }


def open_lake(config: Config, catalog: Catalog) -> Lake:
    """Open the lake that the configuration names, with the credentials of the environment."""
    store = ObjectStore(s3_client(), config.bucket)
    partitions = PartitionCatalog(glue_client(), config.database)
    tables = {
        table: getattr(config, f"{table}_table", None) or catalog.tables[table].name
        for table in lake_tables()
    }
    return Lake(store, partitions, config.layout, tables)


def s3_client() -> "S3Client":
    """A client of S3."""
    return boto3.client("s3", config=CLIENT_CONFIG)


def glue_client() -> "GlueClient":
    """A client of Glue."""
    return boto3.client("glue", config=CLIENT_CONFIG)


def sqs_client() -> "SQSClient":
    """A client of SQS."""
    return boto3.client("sqs", config=CLIENT_CONFIG)


def inbox_client() -> "SQSClient":
    """A client of SQS that gives up within seconds."""
    return boto3.client("sqs", config=INBOX_CONFIG)

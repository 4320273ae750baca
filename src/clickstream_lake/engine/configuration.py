"""The files that a server is started with: as near to Athena's engine version 3 as it can be."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clickstream_lake.engine.client import CATALOG

ICEBERG: Final = "iceberg"
"""The catalog of Iceberg tables. Nobody has to name it: each catalog sends to the other."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Where Glue and S3 are, and who asks them.

    Attributes:
        region: AWS's region.
        endpoint: of a stand-in for AWS; None means AWS itself.
        environment: variables by which AWS's own library for Java finds credentials: keys, or a
            profile. What they leave open comes from this process's environment, and so on, as AWS
            documents it. No file of the server has a credential in it.
    """

    region: str
    endpoint: str | None = None
    environment: dict[str, str] = field(default_factory=dict, repr=False)


def write(
    directory: Path, storage: Storage, *, port: int, heap: str, quick: bool, plugins: Path
) -> None:
    """Write all files of `etc`.

    Args:
        directory: gets `etc/`, and is where the server keeps its own data.
        storage: what the catalogs are over.
        port: of the loopback interface.
        heap: Java's heap at most, as its option `-Xmx` has it: `2G`.
        quick: compile less: it starts in half the processor time, and long queries take longer.
        plugins: the directory of the plug-ins to load.
    """
    catalogs = directory / "etc" / "catalog"
    catalogs.mkdir(parents=True)
    etc = catalogs.parent
    _properties(etc / "config.properties", _node(directory, plugins) | _server(port))
    _properties(etc / "log.properties", {"": "WARN"})
    _properties(catalogs / f"{CATALOG}.properties", _hive(storage))
    _properties(catalogs / f"{ICEBERG}.properties", _iceberg(storage))
    options = "".join(f'"{option}"\n' for option in _java(heap, etc, quick=quick))
    (etc / "jvm.options").write_text(options, encoding="utf-8")


def _properties(file: Path, settings: dict[str, str]) -> None:
    lines = (f"{name}={value}\n" for name, value in settings.items())
    file.write_text("".join(lines), encoding="utf-8")


def _node(directory: Path, plugins: Path) -> dict[str, str]:
    return {
        "node.environment": "clickstream",
        "node.id": "clickstream",
        # Nobody on the network reaches it: it asks for no password.
        "node.bind-ip": "127.0.0.1",
        "node.internal-address": "127.0.0.1",
        "plugin.dir": str(plugins),
        "catalog.config-dir": str(directory / "etc" / "catalog"),
    }


def _server(port: int) -> dict[str, str]:
    return {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": str(port),
        "discovery.uri": f"http://127.0.0.1:{port}",
        "http-server.log.enabled": "false",
        # The only worker is the server itself: one that is slow to answer is busy, and not lost.
        "query.remote-task.max-error-duration": "10m",
        "exchange.max-error-duration": "10m",
        "exchange.http-client.request-timeout": "60s",
        "exchange.http-client.idle-timeout": "60s",
        # As in Athena: a name without catalog is one of Glue's, times without zone are UTC, a
        # statement has at most 262,144 bytes, and runs for at most half an hour.
        "sql.default-catalog": CATALOG,
        "sql.default-schema": "default",
        "sql.forced-session-time-zone": "UTC",
        "query.max-length": "262144",
        "query.max-run-time": "30m",
        # One query may use most of the heap; the default is 30 % of it.
        "query.max-memory": "1TB",
        "query.max-memory-per-node": "60%",
        "memory.heap-headroom-per-node": "25%",
    }


def _hive(storage: Storage) -> dict[str, str]:
    return {
        "connector.name": "hive",
        "hive.metastore": "glue",
        # `SELECT` from an Iceberg table needs no other catalog's name.
        "hive.iceberg-catalog-name": ICEBERG,
        # Athena has no rules of its own about who may drop, rename or change a table: IAM has them.
        "hive.security": "allow-all",
        # Athena writes into external tables, which all of its Hive tables are.
        "hive.non-managed-table-writes-enabled": "true",
        "hive.non-managed-table-creates-enabled": "true",
        # A table has the files of its directory's directories, too.
        "hive.recursive-directories": "true",
        # A partition of Glue without files is an empty one.
        "hive.ignore-absent-partitions": "true",
        "hive.partition-projection-enabled": "true",
        # What Glacier has is left out.
        "hive.s3-glacier-filter": "READ_NON_GLACIER",
        # What CREATE TABLE … AS writes if it does not say.
        "hive.storage-format": "PARQUET",
        "hive.compression-codec": "GZIP",
        **_common(storage),
    }


def _iceberg(storage: Storage) -> dict[str, str]:
    return {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "glue",
        "iceberg.hive-catalog-name": CATALOG,
        # A table is where its statement says, as in Athena.
        "iceberg.unique-table-location": "false",
        "iceberg.file-format": "PARQUET",
        "iceberg.compression-codec": "ZSTD",
        **_common(storage),
    }


def _common(storage: Storage) -> dict[str, str]:
    settings = {
        "hive.metastore.glue.region": storage.region,
        "fs.native-s3.enabled": "true",
        "s3.region": storage.region,
    }
    if storage.endpoint is None:
        return settings
    return settings | {
        "hive.metastore.glue.endpoint-url": storage.endpoint,
        "s3.endpoint": storage.endpoint,
        # A bucket is no name of a host that the stand-in has.
        "s3.path-style-access": "true",
    }


def _java(heap: str, etc: Path, *, quick: bool) -> list[str]:
    return [
        f"-Xmx{heap}",
        *(["-XX:TieredStopAtLevel=1"] if quick else []),
        # Of many small queries on a small machine; the others are for many cores.
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        # Trino asks for these.
        "-Djdk.attach.allowAttachSelf=true",
        "-Dfile.encoding=UTF-8",
        "-Djava.awt.headless=true",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-XX:+EnableDynamicAgentLoading",
        # No file of it in the system's directory for temporary files.
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={etc.parent}",
        f"-Dconfig={etc / 'config.properties'}",
        f"-Dlog.levels-file={etc / 'log.properties'}",
    ]

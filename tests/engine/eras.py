"""A lake whose catalog changes: what one deployment writes, and what the next makes of it."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.wiring import wire
from clickstream_lake.lake.catalog import Catalog, ClusterTerm, TableFormatName
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Layout, Partition, Slot
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.transform.process import RawObjectProcessor
from tests.protocol.simulation.world import PRODUCT, Parts

if TYPE_CHECKING:
    from clickstream_lake.engine.client import Client
    from clickstream_lake.sandbox.clients import Clients

Document = dict[str, Any]
Rows = list[list[Any]]
FORMAT_NAMES: Final[tuple[TableFormatName, ...]] = ("json", "parquet", "rejects")
TABLES: Final = {name: load_catalog().tables[name].name for name in FORMAT_NAMES}
DAY: Final = Partition.parse("year=2025/month=11/day=26")
NEXT_DAY: Final = Partition.parse("year=2025/month=11/day=27")
NOON: Final = datetime(2025, 11, 26, 12, tzinfo=UTC)


def changed(*changes: Callable[[Document], None]) -> Catalog:
    """The packaged catalog with changes made, and its version raised."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    for change in changes:
        change(document)
    # A column that is no timestamp any more has no hours.
    times = {one["name"] for one in document["columns"] if one["type"] == "timestamp"}
    document["cluster_by"] = [
        term if ClusterTerm.parse(term).column in times else ClusterTerm.parse(term).column
        for term in document["cluster_by"]
    ]
    return parse_catalog(document)


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Era:
    """One deployment of a lake: its tables, its transform and its compaction, of one catalog."""

    catalog: Catalog
    lake: Lake
    database: str
    clients: "Clients"
    engine: "Client"
    folder: Path

    @classmethod
    def first(
        cls, name: str, catalog: Catalog, clients: "Clients", engine: "Client", folder: Path
    ) -> "Era":
        """A new, empty lake of that name."""
        clients.s3.create_bucket(Bucket=f"{name}-lake")
        clients.glue.create_database(DatabaseInput={"Name": name})
        lake = lake_of(name, clients)
        era = cls(catalog, lake, name, clients, engine, folder)
        for fmt in FORMAT_NAMES:
            clients.glue.create_table(DatabaseName=name, TableInput=era._table(fmt))
        return era

    def deploy(self, catalog: Catalog) -> "Era":
        """The same lake once `terraform apply` has brought another catalog."""
        era = replace(self, catalog=catalog, lake=lake_of(self.database, self.clients))
        for fmt in FORMAT_NAMES:
            self.clients.glue.update_table(DatabaseName=self.database, TableInput=era._table(fmt))
        return era

    def ask(self, sql: str) -> Rows:
        """What the engine answers; `{json}`, `{parquet}` and `{rejects}` are the tables."""
        return self.engine.run(sql.format_map(TABLES), schema=self.database).rows

    def land(self, name: str, *events: Document | str, partition: Partition = DAY) -> None:
        """Take events through the transform: one raw object, visible afterwards."""
        lines = [each if isinstance(each, str) else json.dumps(each) for each in events]
        self.put(name, gzip.compress("\n".join(lines).encode(), mtime=0), partition=partition)

    def put(self, name: str, content: bytes, *, partition: Partition = DAY) -> None:
        """Take a raw object through the transform."""
        key = f"raw/{partition.path}/{name}.gz"
        self.lake.store.put_bytes(key, content)
        processor = RawObjectProcessor(
            store=self.lake.store,
            publisher=Publisher(self.lake),
            catalogs=Catalogs(self.lake.store, self.lake.layout, self.catalog),
            config=self._config,
            now=lambda: NOON,
            scratch=self.folder,
        )
        processor.process(key)

    def compact(self, partition: Partition = DAY, now: Callable[[], datetime] = now) -> None:
        """What `clickstream compact --force` does to one partition, in both formats."""
        for fmt in FORMATS:
            self.compact_one(fmt, partition, now)

    def compact_one(
        self, fmt: Format, partition: Partition = DAY, now: Callable[[], datetime] = now
    ) -> None:
        """The same in one format."""
        self.operations(now).compactor.compact(Slot(fmt, partition), force=True)

    def clean_up(self, partition: Partition = DAY, *, grace_seconds: int = 0) -> None:
        """Delete what the current generations replaced so long ago; at once by default."""
        cleaner = replace(self.operations().cleaner, grace=timedelta(seconds=grace_seconds))
        for fmt in FORMATS:
            cleaner.clean(Slot(fmt, partition), dry_run=False)

    def operations(self, now: Callable[[], datetime] = now) -> Operations:
        """The compact function's, of this deployment."""
        return wire(self._config, self.catalog, self.lake, queue=None, now=now, workdir=self.folder)

    @property
    def _config(self) -> Config:
        return Config(
            bucket=self.lake.store.bucket,
            database=self.database,
        )

    def _table(self, fmt: TableFormatName) -> Any:  # noqa: ANN401 - TableInput, which the stubs make a TypedDict
        return self.catalog.glue_table_input(fmt, self.lake.store.bucket)


def lake_of(database: str, clients: "Clients", parts: Parts = PRODUCT) -> Lake:
    """The lake in a database, of the product's own parts or of others."""
    return parts.lake(
        parts.store(clients.s3, f"{database}-lake"),
        parts.partitions(clients.glue, database),
        Layout(),
        TABLES,
    )

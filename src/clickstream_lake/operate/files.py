"""The data files of a table as one consistent snapshot, for readers that are no SQL engine.

A reader that lists a table's prefix sees landing files beside the generations that have merged
them: rows twice, or half of them. This follows each partition's location in Glue, as SQL engines
do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow.dataset import Dataset, FileSystemDataset, ParquetFileFormat, field, scalar
from pyarrow.fs import FileSystem

from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.aws.arrow import arrow_filesystem
from clickstream_lake.lake.aws.clients import glue_client, s3_client
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.layout import Partition, is_hidden, parse_uri, uri

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient
    from mypy_boto3_s3.client import S3Client

DATABASE: Final = "clickstream"
PARQUET_TABLE: Final = "clickstream_events_parquet"

_AT_A_TIME: Final = 16
# Each round lists only what has moved since the one before.
_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file of a table.

    Attributes:
        uri: its `s3://` address.
        partition: whose rows it has.
        bytes: its size as stored.
    """

    uri: str
    partition: Partition
    bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data files of a table at one moment.

    They hold every row that was visible at `taken_at`, once, and perhaps some that have arrived
    since. None of them is deleted before the lake's grace period (24 hours by default) has passed
    since `taken_at`.

    Attributes:
        taken_at: when every partition was last seen to read these files.
        files: in order of partitions and names.
    """

    database: str
    table: str
    taken_at: datetime
    files: tuple[DataFile, ...]


def snapshot(
    table: str = PARQUET_TABLE,
    *,
    database: str = DATABASE,
    partitions: Sequence[Partition] | None = None,
    since: date | None = None,
    until: date | None = None,
    glue: "GlueClient | None" = None,
    s3: "S3Client | None" = None,
) -> Snapshot:
    """List the data files that a query over a table would read now, loose copies included.

    Args:
        table: the Glue table.
        database: its Glue database.
        partitions: only these.
        since: only partitions from this day on; those without a readable date stay.
        until: only partitions up to this day, inclusive.
        glue: Glue's client; by default one with the credentials of the environment.
        s3: S3's client; likewise.

    Raises:
        ToolkitError: the table has not got one of `partitions`.
        PartitionMovedError: partitions kept moving while they were listed.
        LakeError: S3 or Glue failed, or there is no such table.
    """
    catalog, client = PartitionCatalog(glue or glue_client(), database), s3 or s3_client()
    wanted = partial(_wanted, since=since, until=until)
    listed: dict[tuple[Partition, str], list[DataFile]] = {}
    for _ in range(_ROUNDS):
        taken_at = datetime.now(UTC)
        places = [place for place in _places(catalog, table, partitions) if wanted(place[0])]
        new = [place for place in places if place not in listed]
        if not new:
            # Nothing has moved since it was listed, so all of it was current at once.
            files = tuple(file for place in sorted(places) for file in listed[place])
            return Snapshot(database, table, taken_at, files)
        listed.update(zip(new, _list_all(client, new), strict=True))
    raise PartitionMovedError(f"{table} kept moving while it was listed: try again")


def dataset(
    table: str = PARQUET_TABLE,
    *,
    database: str = DATABASE,
    partitions: Sequence[Partition] | None = None,
    since: date | None = None,
    until: date | None = None,
    filesystem: FileSystem | None = None,
    glue: "GlueClient | None" = None,
    s3: "S3Client | None" = None,
) -> Dataset:
    """A snapshot of a Parquet table as a `pyarrow.dataset`, partition columns included.

    Args:
        table: as for `snapshot`; so are the others but one.
        database: likewise.
        partitions: likewise.
        since: likewise.
        until: likewise.
        filesystem: how pyarrow reaches the files, by keys such as `bucket/key`; by default S3,
            with the credentials, region and endpoint that boto3 has in this environment.
        glue: as for `snapshot`.
        s3: likewise.

    Raises:
        ToolkitError: it is no Parquet table, or has not got one of `partitions`.
        LakeError: as `snapshot`.
    """
    taken = snapshot(
        table,
        database=database,
        partitions=partitions,
        since=since,
        until=until,
        glue=glue,
        s3=s3,
    )
    if not all(file.uri.endswith(".parquet") for file in taken.files):
        raise ToolkitError(f"{table} is no Parquet table: its files can be had by snapshot()")
    catalog = PartitionCatalog(glue or glue_client(), database)
    return FileSystemDataset.from_paths(
        [file.uri.removeprefix("s3://") for file in taken.files],
        schema=_schema(catalog.columns(table), catalog.keys(table)),
        format=ParquetFileFormat(),
        filesystem=filesystem or arrow_filesystem(),
        partitions=[_guarantee(file.partition) for file in taken.files],
    )


def _places(
    catalog: PartitionCatalog, table: str, partitions: Sequence[Partition] | None
) -> Iterator[tuple[Partition, str]]:
    """Each partition and where it reads at this moment."""
    if partitions is None:
        yield from ((partition, state.location) for partition, state in catalog.list(table))
        return
    for partition in dict.fromkeys(partitions):
        state = catalog.get(table, partition)
        if state is None:
            raise ToolkitError(f"{table} has no partition {partition.path}")
        yield partition, state.location


def _wanted(partition: Partition, *, since: date | None, until: date | None) -> bool:
    day = partition.date
    return day is None or ((since is None or day >= since) and (until is None or day <= until))


def _list_all(
    client: "S3Client", places: Sequence[tuple[Partition, str]]
) -> Iterable[list[DataFile]]:
    if len(places) == 1:
        return [_list(client, places[0])]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(partial(_list, client), places))


def _list(client: "S3Client", place: tuple[Partition, str]) -> list[DataFile]:
    partition, location = place
    bucket, prefix = parse_uri(location)
    return [
        DataFile(uri(bucket, found.key), partition, found.size)
        for found in ObjectStore(client, bucket).list(prefix)
        if not is_hidden(found.key)
    ]


def _schema(columns: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> pa.Schema:
    types = {
        "string": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("ms", tz="UTC"),
    }
    fields = [(str(column["Name"]), types[column["Type"]]) for column in columns]
    return pa.schema([*fields, *((key, pa.string()) for key in keys)])


def _guarantee(partition: Partition) -> Any:  # noqa: ANN401 - a pyarrow Expression, which has no stubs
    """What pyarrow may take for true of all rows of a file: the partition columns."""
    whole: Any = scalar(True)
    for name, value in partition.keys:
        whole = whole & (field(name) == value)
    return whole

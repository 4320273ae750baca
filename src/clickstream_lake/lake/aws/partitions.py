"""The only module that talks to Glue: where each partition points, and where it is about to.

A partition's whole state is its location, the columns that it declares and parameters of its own.
`UpdatePartition` is atomic but checks no version, so every change first makes sure that the
partition is still what the caller believes. The compact queue allows one writer at a time.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.lake.catalog import Declared
from clickstream_lake.lake.errors import PartitionCatalogError, PartitionMovedError
from clickstream_lake.lake.layout import Partition

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient

NEXT_LOCATION: Final = "next_location"
"""Parameter that announces the generation about to replace the location."""
OUTDATED_FILES: Final = "outdated_files"
"""Parameter of a partition with files by older columns than those that it declares."""
BECAME_CURRENT: Final = "became_current"
"""Parameter with the instant (ISO 8601, UTC) at which the location became the current one."""

# Long enough that a warm function does not ask for every event, short enough for a schema change.
_TABLE_TTL_SECONDS: Final = 300.0
_ATTEMPTS: Final = 4
# What `GetTable` answers and `UpdateTable` takes.
_TABLE_INPUT: Final = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "PartitionKeys",
    "TableType",
    "Parameters",
)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """Where a partition points.

    Attributes:
        location: `s3://` address of what queries read, with a trailing slash.
        next_location: the announced generation, or None.
        became_current: when `location` became current by a swap; None if it was never swapped.
        parameters: all parameters of the partition, including those above.
        columns: names and types that it declares, in order; empty where they were not asked for.
    """

    location: str
    next_location: str | None = None
    became_current: datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    columns: Declared = ()

    @property
    def has_outdated_files(self) -> bool:
        """Whether files by older columns than those that it declares were left in it."""
        return OUTDATED_FILES in self.parameters


class Declares(StrEnum):
    """What a partition declares once its location changes.

    An engine reads each file by what its partition declares, so the columns change together with
    the files, or where the files are read right under either list.
    """

    TABLES = "the table's columns"
    # Older files than that are among its files: the planner comes back to it.
    TABLES_OVER_OUTDATED = "the table's columns, over files that lack some"
    ITS_OWN = "the columns that it has"


class PartitionCatalog:
    """The partitions of one Glue database.

    Raises (every method):
        PartitionCatalogError: Glue refused the call or did not answer, retries included; or
            there is no such table.
    """

    def __init__(
        self,
        client: "GlueClient",
        database: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Work on `database` through a client that has its own retries and timeouts."""
        self._client = client
        self._database = database
        self._monotonic = monotonic
        self._tables: dict[str, tuple[float, dict[str, Any]]] = {}

    def get(self, table: str, partition: Partition) -> PartitionState | None:
        """The present state of a partition; None if it is not registered."""
        try:
            return _state(self._read(table, partition))
        except _NotFoundError:
            return None

    def list(
        self, table: str, *, with_columns: bool = False
    ) -> Iterator[tuple[Partition, PartitionState]]:
        """Every partition of a table, page by page, in Glue's order."""
        names = self.keys(table)
        token: dict[str, Any] = {}
        while True:
            with _lake_errors("list", table):
                page = self._client.get_partitions(
                    DatabaseName=self._database,
                    TableName=table,
                    ExcludeColumnSchema=not with_columns,
                    **token,
                )
            for entry in page["Partitions"]:
                yield Partition(tuple(zip(names, entry["Values"], strict=True))), _state(entry)
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def keys(self, table: str) -> Sequence[str]:
        """The names of a table's partition keys, in order."""
        return [key["Name"] for key in self._table(table).get("PartitionKeys", [])]

    def declared(self, table: str) -> Declared:
        """Names and types of a table's columns, in order."""
        return _declared(self._table(table))

    def columns(self, table: str, partition: Partition | None = None) -> Sequence[Any]:
        """The columns of a table, or those that a partition of it was written with.

        Raises:
            PartitionMovedError: there is no such partition.
        """
        if partition is None:
            return list(self._table(table)["StorageDescriptor"]["Columns"])
        try:
            found = self._read(table, partition)
        except _NotFoundError as error:
            raise PartitionMovedError(str(error)) from error
        return list(found["StorageDescriptor"]["Columns"])

    def add_columns(self, table: str, columns: Sequence[Mapping[str, str]]) -> Sequence[str]:
        """Add columns to the end of a table's; the names of those that it did not have.

        It is `UpdateTable` of the version that was read, so nobody else's change is lost.
        """
        self._tables.pop(table, None)
        found = self._table(table)
        has = {column["Name"] for column in found["StorageDescriptor"]["Columns"]}
        new = [dict(column) for column in columns if column["Name"] not in has]
        if new:
            storage = found["StorageDescriptor"]
            table_input: Any = {name: found[name] for name in _TABLE_INPUT if name in found}
            table_input["StorageDescriptor"] = {**storage, "Columns": [*storage["Columns"], *new]}
            version = {"VersionId": found["VersionId"]} if "VersionId" in found else {}
            with _lake_errors("update", table):
                self._client.update_table(
                    DatabaseName=self._database, TableInput=table_input, **version
                )
            self._tables.pop(table, None)
        return [column["Name"] for column in new]

    def create(
        self,
        table: str,
        partition: Partition,
        location: str,
        *,
        names: Collection[str] | None = None,
    ) -> bool:
        """Register a partition; False, and no change, if it was already registered.

        Args:
            table: its Glue table.
            partition: which one.
            location: where its files are.
            names: those of the table's columns that all of its files were made by; None for all.
        """
        storage = self._storage(table)
        if names is not None:
            columns = [column for column in storage["Columns"] if column["Name"] in names]
            storage = {**storage, "Columns": columns}
        try:
            with _lake_errors("create", table, partition):
                self._client.create_partition(
                    DatabaseName=self._database,
                    TableName=table,
                    PartitionInput=_input(partition, storage, location, {}),
                )
        except _ExistsError:
            return False
        return True

    def announce(
        self, table: str, partition: Partition, *, current: str, next_location: str
    ) -> None:
        """Announce the generation that is about to replace `current`.

        Raises:
            PartitionMovedError: the partition no longer points at `current`.
        """

        def change(state: PartitionState) -> tuple[str, dict[str, str]]:
            _check_location(table, partition, state, current)
            return state.location, {
                **state.parameters,
                NEXT_LOCATION: _directory(next_location),
            }

        self._update(table, partition, change, Declares.ITS_OWN)

    def swap(
        self,
        table: str,
        partition: Partition,
        *,
        location: str,
        now: datetime,
        declares: Declares = Declares.TABLES,
    ) -> None:
        """Make the announced generation the current one.

        Args:
            table: its Glue table.
            partition: which one.
            location: the generation.
            now: when it became current.
            declares: the columns that its files are read by from then on.

        Raises:
            PartitionMovedError: another generation has since been announced, or none is.
        """

        def change(state: PartitionState) -> tuple[str, dict[str, str]]:
            if state.next_location != _directory(location):
                raise PartitionMovedError(
                    f"{table} {partition.path} announces {state.next_location}, not {location}"
                )
            parameters = {**state.parameters, BECAME_CURRENT: now.isoformat()}
            del parameters[NEXT_LOCATION]
            return _directory(location), _marked(parameters, declares)

        self._update(table, partition, change, declares)

    def declare(self, table: str, partition: Partition, *, current: str) -> None:
        """Give a partition the table's columns, because its files are read right under them.

        Raises:
            PartitionMovedError: the partition no longer points at `current`.
        """

        def change(state: PartitionState) -> tuple[str, dict[str, str]]:
            _check_location(table, partition, state, current)
            return state.location, _marked(state.parameters, Declares.TABLES)

        self._update(table, partition, change, Declares.TABLES)

    def _update(
        self,
        table: str,
        partition: Partition,
        change: Callable[[PartitionState], tuple[str, dict[str, str]]],
        declares: Declares,
    ) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                found = self._read(table, partition)
                state = _state(found)
                location, parameters = change(state)
                keeps = declares is Declares.ITS_OWN
                storage = found["StorageDescriptor"] if keeps else self._storage(table)
                with _lake_errors("update", table, partition):
                    self._client.update_partition(
                        DatabaseName=self._database,
                        TableName=table,
                        PartitionValueList=partition.values,
                        PartitionInput=_input(partition, storage, location, parameters),
                    )
            except _ConcurrentError:
                if attempt == _ATTEMPTS:
                    raise
            except _NotFoundError as error:
                raise PartitionMovedError(
                    f"{table} has no partition {partition.path} any more"
                ) from error
            else:
                return

    def _read(self, table: str, partition: Partition) -> Any:  # noqa: ANN401 - the stubs' TypedDict of options
        with _lake_errors("read", table, partition):
            answer = self._client.get_partition(
                DatabaseName=self._database, TableName=table, PartitionValues=partition.values
            )
        return answer["Partition"]

    def _storage(self, table: str) -> dict[str, Any]:
        """The table's present columns and SerDe."""
        storage: dict[str, Any] = self._table(table)["StorageDescriptor"]
        return storage

    def _table(self, name: str) -> dict[str, Any]:
        read_at, table = self._tables.get(name, (0.0, {}))
        if not table or self._monotonic() - read_at > _TABLE_TTL_SECONDS:
            try:
                with _lake_errors("read", name):
                    answer = self._client.get_table(DatabaseName=self._database, Name=name)
            except _NotFoundError as error:
                raise PartitionCatalogError(
                    f"there is no table {name!r} in the Glue database {self._database!r}: "
                    "apply the Terraform configuration first"
                ) from error
            table = dict(answer["Table"])
            self._tables[name] = (self._monotonic(), table)
        return table


class _NotFoundError(PartitionCatalogError):
    """Glue has no such partition, table or database."""


class _ExistsError(PartitionCatalogError):
    """Glue already has that partition."""


class _ConcurrentError(PartitionCatalogError):
    """Glue saw two changes of one partition at once."""


_BY_CODE: Final[Mapping[str, type[PartitionCatalogError]]] = {
    "EntityNotFoundException": _NotFoundError,
    "AlreadyExistsException": _ExistsError,
    "ConcurrentModificationException": _ConcurrentError,
}


@contextmanager
def _lake_errors(verb: str, table: str, partition: Partition | None = None) -> Iterator[None]:
    what = f"{table} {partition.path}" if partition else table
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        kind = _BY_CODE.get(code, PartitionCatalogError)
        raise kind(f"cannot {verb} {what} in Glue: {error}") from error
    except BotoCoreError as error:
        raise PartitionCatalogError(f"cannot {verb} {what} in Glue: {error}") from error


def _input(
    partition: Partition, storage: Mapping[str, Any], location: str, parameters: dict[str, str]
) -> Any:  # noqa: ANN401 - PartitionInput, which the stubs make a TypedDict of options
    return {
        "Values": partition.values,
        "StorageDescriptor": {**storage, "Location": _directory(location)},
        "Parameters": parameters,
    }


def _check_location(table: str, partition: Partition, state: PartitionState, current: str) -> None:
    if state.location != _directory(current):
        raise PartitionMovedError(
            f"{table} {partition.path} points at {state.location}, not at {current}"
        )


def _marked(parameters: Mapping[str, str], declares: Declares) -> dict[str, str]:
    """The parameters of a partition, which say whether it has older files than it declares."""
    if declares is Declares.TABLES_OVER_OUTDATED:
        return {**parameters, OUTDATED_FILES: "true"}
    ends = {OUTDATED_FILES} if declares is Declares.TABLES else set()
    return {name: value for name, value in parameters.items() if name not in ends}


def _declared(found: Mapping[str, Any]) -> Declared:
    """What a table or a partition of Glue's declares."""
    columns = found["StorageDescriptor"].get("Columns") or []
    return tuple((column["Name"], column["Type"]) for column in columns)


def _directory(location: str) -> str:
    """One spelling of a location, so that two can be compared; Athena needs the slash."""
    return location.rstrip("/") + "/"


def _state(partition: Any) -> PartitionState:  # noqa: ANN401 - the stubs' TypedDict of options
    parameters = dict(partition.get("Parameters") or {})
    stamp = parameters.get(BECAME_CURRENT)
    return PartitionState(
        location=_directory(partition["StorageDescriptor"]["Location"]),
        next_location=_directory(parameters[NEXT_LOCATION])
        if NEXT_LOCATION in parameters
        else None,
        became_current=datetime.fromisoformat(stamp) if stamp else None,
        parameters=parameters,
        columns=_declared(partition),
    )

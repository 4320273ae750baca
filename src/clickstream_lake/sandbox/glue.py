"""What Glue answers and moto does not: searching tables, statistics of columns, functions.

Engines write statistics after they have written a table, and ask for both with each query.
"""

import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from clickstream_lake.sandbox.errors import ApiError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_PREFIX: Final = "AWSGlue."
_MOST_TABLES: Final = 100
_WORDS: Final = re.compile(r'"([^"]*)"|(\S+)')

Payload = dict[str, Any]
# Of a table, or of a partition by its values; with the moment at which it was made, so that another
# one of the same name has none of its statistics.
_Key = tuple[object, ...]


class GlueApi:
    """Answers some of Glue's operations; safe to use from several threads."""

    def __init__(self, glue: "GlueClient") -> None:
        """Answer about what `glue` holds."""
        self._glue = glue
        self._statistics: dict[_Key, dict[str, Payload]] = {}
        self._functions: dict[tuple[str, str], Payload] = {}
        self._lock = threading.Lock()
        self._operations: dict[str, Callable[[Payload], Payload]] = {
            "SearchTables": self._search,
            "GetColumnStatisticsForTable": self._statistics_of,
            "GetColumnStatisticsForPartition": self._statistics_of,
            "UpdateColumnStatisticsForTable": self._update_statistics,
            "UpdateColumnStatisticsForPartition": self._update_statistics,
            "DeleteColumnStatisticsForTable": self._delete_statistics,
            "DeleteColumnStatisticsForPartition": self._delete_statistics,
            "CreateUserDefinedFunction": self._create_function,
            "UpdateUserDefinedFunction": self._update_function,
            "DeleteUserDefinedFunction": self._delete_function,
            "GetUserDefinedFunction": self._get_function,
            "GetUserDefinedFunctions": self._get_functions,
        }

    def handles(self, target: str) -> bool:
        """Tell whether this `X-Amz-Target` is answered here."""
        return target.startswith(_PREFIX) and target.removeprefix(_PREFIX) in self._operations

    def call(self, target: str, payload: Payload) -> Payload:
        """Answer one request.

        Raises:
            ApiError: Glue would refuse it.
        """
        return self._operations[target.removeprefix(_PREFIX)](payload)

    def _search(self, payload: Payload) -> Payload:
        text = payload.get("SearchText") or ""
        words = [(exact or word).lower() for exact, word in _WORDS.findall(text)]
        filters = payload.get("Filters") or []
        found = [
            table
            for table in self._tables()
            if all(word in _searchable(table) for word in words)
            and all(_passes(table, each) for each in filters)
        ]
        for order in reversed(payload.get("SortCriteria") or []):
            found.sort(
                key=_by(order.get("FieldName") or "Name"), reverse=order.get("Sort") == "DESC"
            )
        start = int(payload.get("NextToken") or 0)
        end = start + (payload.get("MaxResults") or _MOST_TABLES)
        answer: Payload = {"TableList": [_as_json(table) for table in found[start:end]]}
        return answer | ({"NextToken": str(end)} if end < len(found) else {})

    def _tables(self) -> Iterator[Payload]:
        for databases in self._glue.get_paginator("get_databases").paginate():
            for database in databases["DatabaseList"]:
                pages = self._glue.get_paginator("get_tables").paginate(
                    DatabaseName=database["Name"]
                )
                for page in pages:
                    yield from (dict(table) for table in page["TableList"])

    def _statistics_of(self, payload: Payload) -> Payload:
        known = self._statistics.get(self._key(payload), {})
        asked = payload.get("ColumnNames") or []
        return {
            "ColumnStatisticsList": [known[name] for name in asked if name in known],
            "Errors": [],
        }

    def _update_statistics(self, payload: Payload) -> Payload:
        key = self._key(payload)
        with self._lock:
            known = self._statistics.setdefault(key, {})
            for each in payload.get("ColumnStatisticsList") or []:
                known[each["ColumnName"]] = each
        return {"Errors": []}

    def _delete_statistics(self, payload: Payload) -> Payload:
        # Trino deletes those of every column of a new table, and gives up if that is an error.
        self._statistics.get(self._key(payload), {}).pop(payload.get("ColumnName") or "", None)
        return {}

    def _key(self, payload: Payload) -> _Key:
        """Where the statistics of a table or a partition are; the table has to exist.

        Engines write a partition's statistics while they create it, and neither first.
        """
        database, name = payload.get("DatabaseName") or "", payload.get("TableName") or ""
        try:
            table = self._glue.get_table(DatabaseName=database, Name=name)["Table"]
        except ClientError as error:
            said = error.response["Error"]
            raise ApiError(str(said["Code"]), str(said["Message"])) from error
        return database, name, table.get("CreateTime"), *(payload.get("PartitionValues") or ())

    def _create_function(self, payload: Payload) -> Payload:
        given = payload.get("FunctionInput") or {}
        key = (payload.get("DatabaseName") or "", given.get("FunctionName") or "")
        with self._lock:
            if key in self._functions:
                raise ApiError("AlreadyExistsException", f"Function {key[1]} already exists.")
            self._functions[key] = given | {"DatabaseName": key[0]}
        return {}

    def _update_function(self, payload: Payload) -> Payload:
        key = self._function(payload)
        self._functions[key] = (payload.get("FunctionInput") or {}) | {"DatabaseName": key[0]}
        return {}

    def _delete_function(self, payload: Payload) -> Payload:
        del self._functions[self._function(payload)]
        return {}

    def _get_function(self, payload: Payload) -> Payload:
        return {"UserDefinedFunction": self._functions[self._function(payload)]}

    def _get_functions(self, payload: Payload) -> Payload:
        database = payload.get("DatabaseName")
        try:
            pattern = re.compile(payload.get("Pattern") or ".*")
        except re.error as error:
            raise ApiError("InvalidInputException", f"Pattern: {error}") from error
        return {
            "UserDefinedFunctions": [
                function
                for (of, name), function in sorted(self._functions.items())
                if database in {None, of} and pattern.fullmatch(name)
            ]
        }

    def _function(self, payload: Payload) -> tuple[str, str]:
        key = (payload.get("DatabaseName") or "", payload.get("FunctionName") or "")
        if key not in self._functions:
            raise _not_found(f"Function {key[1]} not found.")
        return key


def _not_found(message: str) -> ApiError:
    return ApiError("EntityNotFoundException", message)


def _searchable(table: Payload) -> str:
    storage = table.get("StorageDescriptor", {})
    columns = [*storage.get("Columns", []), *table.get("PartitionKeys", [])]
    texts = [
        *(str(table.get(name, "")) for name in ("Name", "DatabaseName", "Description", "Owner")),
        *(f"{column['Name']}\n{column.get('Comment', '')}" for column in columns),
        *(f"{name}\n{value}" for name, value in table.get("Parameters", {}).items()),
    ]
    return "\n".join(texts).lower()


def _by(field: str) -> Callable[[Payload], str]:
    return lambda table: str(table.get(field, ""))


def _passes(table: Payload, wanted: Payload) -> bool:
    names = {name.lower(): str(value) for name, value in table.items()}
    value = names.get((wanted.get("Key") or "").lower(), "")
    other = wanted.get("Value") or ""
    comparisons = {
        "GREATER_THAN": value > other,
        "LESS_THAN": value < other,
        "GREATER_THAN_EQUALS": value >= other,
        "LESS_THAN_EQUALS": value <= other,
    }
    return comparisons.get(wanted.get("Comparator") or "", value.lower() == other.lower())


def _as_json(table: Payload) -> Payload:
    times = {
        name: value.timestamp() for name, value in table.items() if hasattr(value, "timestamp")
    }
    return table | times

"""Views as Trino's Hive connector and Athena keep them in Glue, and what they stand for in a query.

A view is a Glue table of the type `VIRTUAL_VIEW` whose `ViewOriginalText` is a comment with base64
JSON in it: the query, the database of its unqualified names, and the output's columns.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from clickstream_lake.sandbox.athena.statements.model import CreateView, Name
from clickstream_lake.sandbox.athena.statements.tokens import CATALOG
from clickstream_lake.sandbox.athena.tables import glue_type, is_view
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.tables import GlueCatalog

_START, _END = "/* Presto View: ", " */"
_EXPANDED = "/* Presto View */"
_OWNER = "hadoop"  # as Athena's tables have it; Trino refuses a view that nobody owns


@dataclass(frozen=True)
class View:
    """A stored view.

    Attributes:
        sql: its query.
        database: where names in it that are not qualified belong.
        columns: names and Trino types of its outputs.
    """

    sql: str
    database: str
    columns: Sequence[tuple[str, str]]


def read_view(raw: Mapping[str, Any]) -> View:
    """Decode a view as Glue has it.

    Raises:
        QueryError: it is Hive's, or nobody's.
    """
    text = raw.get("ViewOriginalText", "")
    if not (text.startswith(_START) and text.endswith(_END)):
        raise not_supported(f"Hive views are not supported: {raw['DatabaseName']}.{raw['Name']}")
    try:
        stored = json.loads(base64.b64decode(text[len(_START) : -len(_END)], validate=True))
        columns = [(one["name"].lower(), one["type"]) for one in stored["columns"]]
        return View(stored["originalSql"], stored.get("schema") or raw["DatabaseName"], columns)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise QueryError(
            "HIVE_INVALID_VIEW_DATA", f"Invalid view data: {raw['DatabaseName']}.{raw['Name']}"
        ) from error


def view_input(name: Name, view: View) -> dict[str, Any]:
    """Describe a view as Glue wants it."""
    stored = {
        "originalSql": view.sql,
        "catalog": CATALOG,
        "schema": view.database,
        "columns": [{"name": column, "type": kind} for column, kind in view.columns],
    }
    encoded = base64.b64encode(json.dumps(stored, ensure_ascii=False).encode()).decode()
    return {
        "Name": name.table,
        "TableType": "VIRTUAL_VIEW",
        "Owner": _OWNER,
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "ViewOriginalText": f"{_START}{encoded}{_END}",
        "ViewExpandedText": _EXPANDED,
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": glue_type(kind)} for column, kind in view.columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def create_view(
    statement: CreateView, database: str, catalog: "GlueCatalog", columns: Sequence[tuple[str, str]]
) -> None:
    """Store a view.

    Args:
        statement: what to store.
        database: where names in its query that are not qualified belong.
        catalog: takes it.
        columns: names and Trino types of the query's outputs.

    Raises:
        QueryError: the name is taken, or a column lacks a name of its own.
    """
    check_outputs([name for name, _ in columns])
    name = statement.name
    if name.database not in catalog.databases():
        raise QueryError("SCHEMA_NOT_FOUND", f"Schema {name.database} not found")
    found = catalog.raw(name.database, name.table)
    if found is not None and not is_view(found):
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table already exists: '{name}'")
    if found is not None and not statement.replace:
        raise QueryError("ALREADY_EXISTS", f"View already exists: '{name}'")
    given: Any = view_input(name, View(statement.sql, database, columns))
    store = catalog.client.create_table if found is None else catalog.client.update_table
    store(DatabaseName=name.database, TableInput=given)


def check_outputs(names: Sequence[str]) -> None:
    """Refuse outputs that no table or view could have.

    Raises:
        QueryError: a column has no name, or the name of another.
    """
    for place, name in enumerate(names, start=1):
        if name == f"_col{place - 1}":
            raise QueryError(
                "COLUMN_NAME_NOT_SPECIFIED",
                f"line 1:1: Column name not specified at position {place}",
            )
        if names.index(name) < place - 1:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{name}' specified more than once"
            )


def inline_views(
    tree: exp.Expr,
    database: str,
    catalog: "GlueCatalog",
    read_query: Callable[[str], exp.Expr],
    within: tuple[Name, ...] = (),
) -> exp.Expr:
    """Replace each reference to a view by its query.

    Args:
        tree: a query without common table expressions.
        database: where its unqualified names belong.
        catalog: knows what is a view.
        read_query: parses a query, and leaves no common table expression in it.
        within: the views around this query.

    Raises:
        QueryError: a view is broken, or stands in itself.
    """
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            continue
        name = Name((table.db or database).lower(), table.name.lower())
        raw = catalog.raw(name.database, name.table)
        if raw is None or not is_view(raw):
            table.set("db", exp.to_identifier(name.database, quoted=True))
            continue
        if name in within:
            raise QueryError("VIEW_IS_RECURSIVE", f"View '{CATALOG}.{name}' is recursive")
        view = read_view(raw)
        body = inline_views(
            read_query(view.sql), view.database, catalog, read_query, (*within, name)
        )
        given = table.args.get("alias")
        columns = given.args.get("columns") if given else None
        alias = exp.TableAlias(
            this=exp.to_identifier(table.alias or table.name, quoted=True),
            columns=columns
            or [exp.to_identifier(column, quoted=True) for column, _ in view.columns],
        )
        rest = {"joins": table.args.get("joins"), "sample": table.args.get("sample")}
        table.replace(exp.Subquery(this=body, alias=alias, **rest))
    return tree

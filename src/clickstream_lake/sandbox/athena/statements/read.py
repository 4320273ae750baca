"""Recognises a statement. Every text gives a statement of `model`, or a QueryError."""

import re
from collections.abc import Callable

from clickstream_lake.sandbox.athena.statements import read_ddl
from clickstream_lake.sandbox.athena.statements.model import (
    Change,
    CreateTableAs,
    CreateView,
    Deallocate,
    DropView,
    Execute,
    Explain,
    Insert,
    Optimize,
    Prepare,
    Query,
    ShowCreate,
    ShowEngine,
    Statement,
    Unload,
    Vacuum,
)
from clickstream_lake.sandbox.athena.statements.tokens import Cursor
from clickstream_lake.sandbox.errors import QueryError, not_supported

_COMMENTS = re.compile(r"^(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
# Trino has them, Athena does not.
_UNKNOWN_TO_ATHENA = frozenset(
    {
        "ANALYZE",
        "CALL",
        "COMMENT",
        "COMMIT",
        "DENY",
        "GRANT",
        "REFRESH",
        "RESET",
        "REVOKE",
        "ROLLBACK",
        "SET",
        "START",
        "TRUNCATE",
        "USE",
    }
)
_QUERY = ("SELECT", "WITH", "VALUES", "TABLE", "(")


def read_statement(sql: str, database: str = "default") -> Statement:
    """Recognise a statement.

    Args:
        sql: one statement, with or without comments and a final semicolon.
        database: where names that are not qualified belong.

    Raises:
        QueryError: it is none of Athena's, or is written wrongly.
    """
    text = _COMMENTS.sub("", sql)
    words = [word.upper() for word in re.findall(r"[A-Za-z]+", text[:200])[:3]]
    database = database.strip("`").lower()  # awswrangler quotes the database of its DDL
    if read_ddl.is_hive(words, text):
        return read_ddl.read(Cursor(text, hive=True), database)
    cursor = Cursor(text, hive=False)
    if any(cursor.at(word) for word in _QUERY):
        return Query(cursor.rest())
    for word, reader in _READERS.items():
        if cursor.accept(word):
            statement = reader(cursor, database)
            cursor.end()
            return statement
    if words and words[0] in _UNKNOWN_TO_ATHENA:
        raise not_supported("Queries of this type are not supported")
    raise cursor.wrong("'ALTER', 'CREATE', 'DELETE', 'DESCRIBE', 'DROP', 'EXPLAIN', <query>, …")


def _create(cursor: Cursor, database: str) -> Statement:
    if cursor.accept("TABLE"):
        return _create_table_as(cursor, database)
    replace = cursor.accept("OR", "REPLACE")
    for unknown in ("MATERIALIZED", "FUNCTION", "ROLE", "CATALOG", "BRANCH"):
        if cursor.at(unknown):
            raise not_supported("Queries of this type are not supported")
    cursor.accept("PROTECTED")
    cursor.accept("MULTI", "DIALECT")
    cursor.expect("VIEW")
    name = cursor.name(database)
    for clause in ("COMMENT", "SECURITY"):
        if cursor.at(clause):
            raise not_supported(f"CREATE VIEW … {clause}")
    cursor.expect("AS")
    return CreateView(name, cursor.rest(), replace)


def _create_table_as(cursor: Cursor, database: str) -> Statement:
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name(database)
    properties = cursor.properties() if cursor.accept("WITH") else {}
    cursor.expect("AS")
    sql = cursor.until("WITH", "NO", "DATA")
    with_data = not cursor.accept("WITH", "NO", "DATA")
    sql = re.sub(r"\s+WITH\s+DATA\s*\Z", "", sql, flags=re.IGNORECASE)
    return CreateTableAs(name, sql, properties, if_not_exists, with_data)


def _drop(cursor: Cursor, database: str) -> Statement:
    cursor.expect("VIEW")
    if_exists = cursor.accept("IF", "EXISTS")
    return DropView(cursor.name(database), if_exists)


def _show(cursor: Cursor, database: str) -> Statement:
    """Read what `is_hive` leaves; the engine itself reads on."""
    if cursor.accept("CREATE", "VIEW"):
        return ShowCreate(cursor.name(database), view=True)
    for words in read_ddl.SHOWN_BY_THE_ENGINE:
        if cursor.at(*words):
            return ShowEngine("_".join(("SHOW", *words)), f"SHOW {cursor.rest()}")
    raise cursor.wrong("one of CREATE VIEW, FUNCTIONS, STATS FOR, …")


def _insert(cursor: Cursor, database: str) -> Statement:
    if cursor.at("OVERWRITE"):
        raise not_supported("INSERT OVERWRITE: Queries of this type are not supported")
    cursor.expect("INTO")
    cursor.accept("TABLE")
    name = cursor.name(database)
    columns: tuple[str, ...] = ()
    if cursor.at("(") and not any(cursor.at("(", word) for word in _QUERY):
        columns = cursor.identifiers()
    return Insert(name, cursor.rest(), columns)


def _unload(cursor: Cursor, _: str) -> Statement:
    if not cursor.at("("):
        raise cursor.wrong("'('")
    sql = cursor.balanced()[1:-1].strip()
    cursor.expect("TO")
    location = cursor.string()
    properties = cursor.properties() if cursor.accept("WITH") else {}
    return Unload(sql, location, properties)


def _prepare(cursor: Cursor, database: str) -> Statement:
    name = cursor.exact_identifier()
    cursor.expect("FROM")
    sql = cursor.rest()
    if isinstance(read_statement(sql, database), (Prepare, Execute, Deallocate)):
        raise QueryError("NOT_SUPPORTED", "Invalid statement type for prepared statement")
    return Prepare(name, sql)


def _execute(cursor: Cursor, _: str) -> Statement:
    name = cursor.exact_identifier()
    if not cursor.accept("USING"):
        return Execute(name)
    arguments = [cursor.until(",")]
    while cursor.accept(","):
        arguments.append(cursor.until(","))
    return Execute(name, tuple(arguments))


def _deallocate(cursor: Cursor, _: str) -> Statement:
    cursor.expect("PREPARE")
    return Deallocate(cursor.exact_identifier())


def _explain(cursor: Cursor, database: str) -> Statement:
    analyze = cursor.accept("ANALYZE")
    cursor.accept("VERBOSE")
    options = _explain_options(cursor)
    if cursor.at("EXPLAIN"):
        raise cursor.wrong("<statement>")
    sql = cursor.rest()
    of = read_statement(sql, database)
    if isinstance(of, (Prepare, Execute, Deallocate)):
        raise QueryError("SYNTAX_ERROR", "EXPLAIN takes a query or a statement that writes")
    return Explain(sql, of, analyze, options)


def _explain_options(cursor: Cursor) -> dict[str, str]:
    options: dict[str, str] = {}
    if not (cursor.at("(", "TYPE") or cursor.at("(", "FORMAT")):
        return options
    cursor.expect("(")
    while not cursor.accept(")"):
        key = cursor.identifier()
        options[key] = cursor.identifier().upper()
        cursor.accept(",")
    return options


def _change(verb: str) -> Callable[[Cursor, str], Statement]:
    def reader(cursor: Cursor, _: str) -> Statement:
        return Change(verb, f"{verb} {cursor.rest()}")

    return reader


def _optimize(cursor: Cursor, database: str) -> Statement:
    name = cursor.name(database)
    cursor.expect("REWRITE", "DATA", "USING", "BIN_PACK")
    return Optimize(name, cursor.rest() if cursor.accept("WHERE") else "")


def _vacuum(cursor: Cursor, database: str) -> Statement:
    return Vacuum(cursor.name(database))


_READERS: dict[str, Callable[[Cursor, str], Statement]] = {
    "CREATE": _create,
    "DROP": _drop,
    "SHOW": _show,
    "INSERT": _insert,
    "UNLOAD": _unload,
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE": _deallocate,
    "EXPLAIN": _explain,
    "DELETE": _change("DELETE"),
    "UPDATE": _change("UPDATE"),
    "MERGE": _change("MERGE"),
    "OPTIMIZE": _optimize,
    "VACUUM": _vacuum,
}

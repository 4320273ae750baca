# ruff: noqa: ISC004 - long statements stand in lists

import random

import pytest

from clickstream_lake.sandbox.athena.statements.model import (
    CreateTable,
    CreateTableAs,
    Execute,
    Explain,
    Insert,
    Name,
    Query,
    ShowEngine,
    Unload,
)
from clickstream_lake.sandbox.athena.statements.read import read_statement
from clickstream_lake.sandbox.errors import QueryError

# Statements as people, awswrangler, PyAthena and dbt write them, and what Athena calls them.
REAL_LIFE = {
    "SELECT": (
        "DML",
        [
            "SELECT 1",
            "/* hello */ -- world\n (SELECT a FROM t) UNION ALL (SELECT 2);",
            "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
            "VALUES (1, 'a'), (2, 'b')",
            "table t",
            'SELECT "$path" FROM "t$partitions" WHERE ";" = \';\'',
        ],
    ),
    "CREATE_TABLE_AS_SELECT": (
        "DDL",
        [
            'CREATE TABLE "db"."temp_table_1"\nWITH(\n'
            "    external_location = 's3://b/x',\n    partitioned_by = ARRAY['a', 'b'],\n"
            "    bucketed_by = ARRAY['c'],\n    bucket_count = 4,\n"
            "    write_compression = 'SNAPPY',\n    format = 'PARQUET')\n"
            "AS SELECT * FROM t\nWITH NO DATA",
            'create table "awsdatacatalog"."db"."m"\n    with (\n      table_type=\'hive\',\n'
            "      is_external=true,external_location='s3://b/m',\n      format='parquet'\n    )\n"
            "    as\n      with x as (select 1 as a)\nselect * from x",
            "CREATE TABLE IF NOT EXISTS n AS TABLE y",
        ],
    ),
    "CREATE_VIEW": (
        "DDL",
        [
            'create or replace view\n    "awsdatacatalog"."db"."v"\n  as\n    select 1 as a',
            "CREATE VIEW v AS WITH q AS (SELECT 1 AS a) SELECT * FROM q;",
        ],
    ),
    "DROP_VIEW": ("DDL", ["DROP VIEW IF EXISTS `db`.`v`", 'drop view "db"."v";']),
    "INSERT": (
        "DML",
        [
            "INSERT INTO t SELECT * FROM u",
            "INSERT INTO t (a, b) VALUES (1, 'x')",
            'INSERT INTO "db"."t" ("a") (SELECT 1)',
            "insert into t (select 1)",
            "INSERT INTO t WITH q AS (SELECT 1 AS a) SELECT * FROM q",
        ],
    ),
    "UNLOAD": (
        "DML",
        [
            "UNLOAD (SELECT f(a) FROM t) TO 's3://b/u/' WITH (  format='PARQUET'  , "
            "compression='snappy'  , partitioned_by=ARRAY['k'])",
            "\n\tUNLOAD (\n\tSELECT 1 AS a\n) TO 's3://b/u/' WITH (\n format = 'PARQUET')",
        ],
    ),
    "CREATE_TABLE": (
        "DDL",
        [
            "CREATE EXTERNAL TABLE IF NOT EXISTS `db`.`t` (`a` string COMMENT 'it''s', "
            '`b` array<struct<c:int,d:map<string,decimal(10, 2)>>>) COMMENT "hello" '
            "PARTITIONED BY (`y` string, m int) "
            "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe' "
            "WITH SERDEPROPERTIES ('ignore.malformed.json'='true') "
            "STORED AS INPUTFORMAT 'in' OUTPUTFORMAT 'out' LOCATION 's3://b/t/' "
            "TBLPROPERTIES ('classification'='json')",
            "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' "
            "ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' STORED AS TEXTFILE LOCATION 's3://b/t'",
            "CREATE EXTERNAL TABLE t (a int) CLUSTERED BY (a) INTO 4 BUCKETS STORED AS ORC "
            "LOCATION 's3://b/t'",
            "CREATE TABLE IF NOT EXISTS `t` (`id` int, `ts` timestamp) "
            "PARTITIONED BY (bucket(16, id), day(ts)) LOCATION 's3://b/t' "
            "TBLPROPERTIES ('table_type' ='ICEBERG', 'format'='parquet')",
        ],
    ),
    "DROP_TABLE": ("DDL", ["DROP TABLE IF EXISTS `db`.`t`", "drop table t purge;"]),
    "CREATE_DATABASE": (
        "DDL",
        [
            "create schema if not exists `db`",
            "CREATE DATABASE d COMMENT 'x' LOCATION 's3://b/' WITH DBPROPERTIES ('a'='b')",
        ],
    ),
    "DROP_DATABASE": ("DDL", ["drop schema if exists `db` cascade", "DROP DATABASE d RESTRICT"]),
    "ALTER_TABLE_ADD_PARTITION": (
        "DDL",
        [
            "ALTER TABLE t ADD IF NOT EXISTS PARTITION (y='2025', m=11) LOCATION 's3://b/x/' "
            "PARTITION (y='2025', m=12)",
            "ALTER TABLE `db`.`t` ADD PARTITION (d = DATE '2025-01-01')",
        ],
    ),
    "ALTER_TABLE_DROP_PARTITION": (
        "DDL",
        ["ALTER TABLE t DROP IF EXISTS PARTITION (y='1'), PARTITION (y='2')"],
    ),
    "ALTER_TABLE_RENAME_PARTITION": (
        "DDL",
        ["ALTER TABLE t PARTITION (y='1') RENAME TO PARTITION (y='2')"],
    ),
    "ALTER_TABLE_COLUMNS": (
        "DDL",
        [
            "ALTER TABLE t ADD COLUMNS (a string COMMENT 'x', b int)",
            "ALTER TABLE t REPLACE COLUMNS (a string)",
            "ALTER TABLE t PARTITION (y='1') ADD COLUMNS (a string)",
        ],
    ),
    "ALTER_TABLE_CHANGE_COLUMN": (
        "DDL",
        ["ALTER TABLE `t` CHANGE COLUMN `a` `a` bigint", "ALTER TABLE t CHANGE a b int AFTER c"],
    ),
    "ALTER_TABLE_SET_LOCATION": (
        "DDL",
        [
            "ALTER TABLE t SET LOCATION 's3://b/'",
            "ALTER TABLE t PARTITION (y=1) SET LOCATION 's3://b'",
        ],
    ),
    "ALTER_TABLE_SET_TBLPROPERTIES": (
        "DDL",
        ["alter table `db`.`t` set tblproperties ('classification' = 'parquet')"],
    ),
    "ALTER_TABLE_RENAME": ("DDL", ["alter table `db`.`t` rename to `db`.`u`"]),
    "MSCK_REPAIR_TABLE": ("DDL", ["MSCK REPAIR TABLE `t`;"]),
    "DESCRIBE_TABLE": (
        "UTILITY",
        ["DESCRIBE `t`;", "DESC FORMATTED db.t", "DESCRIBE EXTENDED t PARTITION (y='1') a"],
    ),
    "SHOW_DATABASES": ("UTILITY", ["SHOW DATABASES", "SHOW SCHEMAS LIKE 'a*|b'"]),
    "SHOW_TABLES": ("UTILITY", ["SHOW TABLES", "SHOW TABLES IN `db` '*x'", "SHOW VIEWS IN db"]),
    "SHOW_PARTITIONS": ("UTILITY", ["SHOW PARTITIONS `db`.`t`"]),
    "SHOW_COLUMNS": ("UTILITY", ["SHOW COLUMNS IN t IN db", "SHOW COLUMNS FROM db.t"]),
    "SHOW_CREATE_TABLE": ("UTILITY", ["SHOW CREATE TABLE `t`;", 'SHOW CREATE VIEW "db"."v";']),
    "SHOW_TBLPROPERTIES": ("UTILITY", ["SHOW TBLPROPERTIES t", "SHOW TBLPROPERTIES t ('k')"]),
    "PREPARE": ("DDL", ["PREPARE p FROM SELECT * FROM t WHERE a = ?"]),
    "EXECUTE": ("DML", ["EXECUTE p", "EXECUTE p USING 'a', 1, DATE '2025-01-01'"]),
    "DEALLOCATE": ("DDL", ["DEALLOCATE PREPARE p"]),
    "EXPLAIN": (
        "UTILITY",
        ["EXPLAIN SELECT 1", "EXPLAIN (FORMAT JSON) SELECT 1", "EXPLAIN ANALYZE VERBOSE SELECT 1"],
    ),
    "OPTIMIZE": ("DDL", ["OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE a = 1"]),
    "VACUUM": ("DDL", ["VACUUM t"]),
    "": (
        "DML",
        [
            "DELETE FROM t WHERE a = 1",
            "UPDATE t SET a = 1",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
        ],
    ),
}
STATEMENTS = [
    (kind, substatement, sql)
    for substatement, (kind, statements) in REAL_LIFE.items()
    for sql in statements
]
TEXTS = [sql for _, _, sql in STATEMENTS]


@pytest.mark.parametrize(("kind", "substatement", "sql"), STATEMENTS)
def test_recognises_what_people_and_clients_write(kind: str, substatement: str, sql: str) -> None:
    statement = read_statement(sql)
    assert (statement.kind, statement.substatement) == (kind, substatement)


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("SHOW CATALOGS", "SHOW_CATALOGS"),
        ("SHOW CREATE SCHEMA db", "SHOW_CREATE_SCHEMA"),
        ("SHOW FUNCTIONS LIKE 'a%'", "SHOW_FUNCTIONS"),
        ("SHOW SESSION", "SHOW_SESSION"),
        ("SHOW STATS FOR (SELECT * FROM t WHERE a = ';')", "SHOW_STATS"),
    ],
)
def test_what_the_engine_itself_knows_is_handed_on(sql: str, verb: str) -> None:
    assert read_statement(f"-- why\n {sql};") == ShowEngine(verb, sql)


@pytest.mark.parametrize("sql", TEXTS)
def test_comments_case_and_semicolons_change_nothing(sql: str) -> None:
    plain = read_statement(sql)
    assert read_statement(f"-- why; not\n/* DROP TABLE t; */ {sql.rstrip(';')} ;\n;") == plain
    if "'" not in sql:
        lower = read_statement(sql.lower())
        assert (type(lower), lower.kind) == (type(plain), plain.kind)


def test_hands_queries_on_as_they_were_written() -> None:
    query = "SELECT  'a;b' /* c */ ,\n \"X\" FROM t -- d\n WHERE a > (1)"
    for text in (
        query,
        f"CREATE VIEW v AS {query}",
        f"CREATE TABLE c WITH (format = 'ORC') AS {query}",
        f"INSERT INTO t (a, b) {query}",
        f"UNLOAD ({query}) TO 's3://b/'",
        f"PREPARE p FROM {query};",
        f"EXPLAIN {query}",
    ):
        assert getattr(read_statement(text), "sql", None) == query


def test_names_belong_to_the_database_of_the_session_unless_they_say() -> None:
    assert getattr(read_statement("DROP TABLE T", "Web"), "name", None) == Name("web", "t")
    # awswrangler sends the database of its DDL in backquotes.
    assert getattr(read_statement("DESCRIBE `t`", "`web`"), "name", None) == Name("web", "t")
    full = 'CREATE VIEW "AwsDataCatalog"."DB"."V" AS SELECT 1 AS a'
    assert getattr(read_statement(full), "name", None) == Name("db", "v")
    with pytest.raises(QueryError, match="CATALOG_NOT_FOUND"):
        read_statement("DROP TABLE other.db.t")


def test_reads_the_parts_of_statements_that_write() -> None:
    made = read_statement(
        "CREATE TABLE t WITH (Format = 'ORC', partitioned_by = ARRAY['a', 'B'], bucket_count = 3, "
        "is_external = false) AS SELECT 1 AS a WITH NO DATA"
    )
    assert isinstance(made, CreateTableAs)
    assert made.properties == {
        "format": "ORC",
        "partitioned_by": ("a", "B"),
        "bucket_count": 3,
        "is_external": False,
    }
    assert not made.with_data
    inserted = read_statement('INSERT INTO t (A, "b") SELECT 1, 2')
    assert isinstance(inserted, Insert)
    assert inserted.columns == ("a", "b")
    unloaded = read_statement("UNLOAD (SELECT (1)) TO 's3://b/' WITH (field_delimiter = '|')")
    assert isinstance(unloaded, Unload)
    assert unloaded.properties == {"field_delimiter": "|"}
    executed = read_statement("EXECUTE MyOne USING 'a, b', f(1, 2), -3")
    assert executed == Execute("MyOne", ("'a, b'", "f(1, 2)", "-3"))
    explained = read_statement("EXPLAIN (TYPE VALIDATE) SELECT 1")
    assert isinstance(explained, Explain)
    assert (explained.of, explained.options) == (Query("SELECT 1"), {"type": "VALIDATE"})


def test_reads_the_parts_of_a_new_table() -> None:
    sql = REAL_LIFE["CREATE_TABLE"][1][0]
    table = read_statement(sql)
    assert isinstance(table, CreateTable)
    assert [(one.name, one.type, one.comment) for one in (*table.columns, *table.keys)] == [
        ("a", "string", "it's"),
        ("b", "array<struct<c:int,d:map<string,decimal(10,2)>>>", ""),
        ("y", "string", ""),
        ("m", "int", ""),
    ]
    assert (table.comment, table.location, table.formats) == ("hello", "s3://b/t/", ("in", "out"))
    iceberg = read_statement(REAL_LIFE["CREATE_TABLE"][1][3])
    assert isinstance(iceberg, CreateTable)
    assert iceberg.iceberg
    assert iceberg.transforms == ("bucket(16, id)", "day(ts)")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("", "SYNTAX_ERROR: the statement is empty"),
        ("-- nothing", "SYNTAX_ERROR: the statement is empty"),
        ("SELECT 1; DROP TABLE t", "INVALID_INPUT: Only one sql statement is allowed"),
        ("FROB t", "SYNTAX_ERROR: line 1:1: mismatched input 'FROB'"),
        ("GRANT SELECT ON t TO me", "NOT_SUPPORTED: Queries of this type are not supported"),
        ("CREATE VIEW v SELECT 1", "SYNTAX_ERROR: line 1:15: mismatched input 'SELECT'"),
        ("CREATE VIEW v AS", "SYNTAX_ERROR: line 1:17: mismatched input '<EOF>'"),
        ("ALTER TABLE t\n  FROB", "FAILED: ParseException line 2:2 mismatched input 'FROB'"),
        ('DROP TABLE "t"', "FAILED: ParseException line 1:11 mismatched input '\"t\"'"),
        ("SHOW FROBS", "FAILED: ParseException line 1:5"),
        ("UNLOAD (SELECT 1 TO 's3://b/'", "SYNTAX_ERROR"),
        ("SELECT 'open", "SYNTAX_ERROR"),
        ("PREPARE p FROM EXECUTE q", "NOT_SUPPORTED: Invalid statement type"),
    ],
)
def test_says_where_a_statement_is_wrong(sql: str, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_statement(sql)
    assert error in str(caught.value)


def test_a_broken_statement_fails_as_a_query_error_and_as_nothing_else() -> None:
    """Statements cut, doubled, mixed and sprinkled with signs."""
    chance = random.Random(15)  # noqa: S311 - the same mutants each time
    signs = [
        "'",
        '"',
        "`",
        "(",
        ")",
        ",",
        ";",
        ".",
        "--",
        "/*",
        "\\",
        "?",
        "\x00",
        "é",
        "<",
        "[",
        "1",
    ]
    refused = 0
    for sql in TEXTS:
        words = sql.split()
        for _ in range(25):
            mutant = list(words)
            for _ in range(chance.randint(1, 3)):
                place = chance.randrange(len(mutant) + 1)
                match chance.randrange(4):
                    case 0:
                        del mutant[place : place + 1]
                    case 1:
                        mutant.insert(place, chance.choice(signs))
                    case 2:
                        mutant.insert(place, chance.choice(chance.choice(TEXTS).split()))
                    case _:
                        mutant = mutant[:place]
            try:
                read_statement(" ".join(mutant))
            except QueryError:
                refused += 1
    assert refused > len(TEXTS)

import random
from typing import TYPE_CHECKING

import pytest

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake

# ruff: noqa: ISC004 - long statements stand in a list
# One of each kind that a mutation may turn into something else.
STATEMENTS = [
    "SELECT event_type, count(*) AS n FROM events WHERE day = '26' GROUP BY event_type ORDER BY 2",
    "WITH q AS (SELECT * FROM events) SELECT q.price FROM q CROSS JOIN UNNEST(ARRAY[1]) AS u(n)",
    'SELECT "$path" FROM "events$partitions" p JOIN events e ON p.day = e.day',
    "SELECT column_name FROM information_schema.columns",
    "VALUES (1, 'a'), (2, NULL)",
    "CREATE OR REPLACE VIEW v AS SELECT event_id AS id FROM events",
    "CREATE TABLE c WITH (format = 'JSON', partitioned_by = ARRAY['day']) "
    "AS SELECT price, day FROM events",
    "INSERT INTO events_parquet (event_id, year, month, day) VALUES ('x', '2025', '11', '26')",
    "UNLOAD (SELECT price FROM events) TO 's3://lake/u/' WITH (format = 'ORC')",
    "CREATE EXTERNAL TABLE t (a array<int>) PARTITIONED BY (d int) LOCATION 's3://lake/t/'",
    "ALTER TABLE events ADD PARTITION (year='1', month='2', day='3') LOCATION 's3://lake/x/'",
    "ALTER TABLE events ADD COLUMNS (z struct<a:int>)",
    "DESCRIBE FORMATTED events PARTITION (year='2025', month='11', day='26')",
    "SHOW TABLES IN web '*e.*|x'",
    "PREPARE p FROM SELECT * FROM events WHERE price > ?",
    "EXECUTE p USING 1",
    "EXPLAIN (FORMAT TEXT) SELECT price FROM events",
    "MSCK REPAIR TABLE events",
]


def test_whatever_is_asked_only_a_query_error_comes_out(events: "Lake") -> None:
    chance = random.Random(16)  # noqa: S311 - the same mutants each time
    signs = [
        "'",
        '"',
        "`",
        "(",
        ")",
        ",",
        ".",
        "--",
        "\\",
        "?",
        "<",
        "1",
        "events",
        "AS",
        "*",
        "NULL",
    ]
    answered = 0
    for number in range(400):
        words = chance.choice(STATEMENTS).split()
        for _ in range(chance.randint(0, 2)):
            place = chance.randrange(len(words) + 1)
            match chance.randrange(4):
                case 0:
                    del words[place : place + 1]
                case 1:
                    words.insert(place, chance.choice(signs))
                case 2:
                    words.insert(place, chance.choice(chance.choice(STATEMENTS).split()))
                case _:
                    words = words[:place] or ["x"]
        try:
            events.engine.execute(" ".join(words), "web", new_table=f"s3://lake/n{number}/")
            answered += 1
        except QueryError:
            pass
    assert answered > 100


@pytest.mark.parametrize("sql", ["SELECT " + "(" * 3000 + "1" + ")" * 3000, "EXPLAIN " * 3000])
def test_a_statement_too_deep_to_be_understood_says_so(lake: "Lake", sql: str) -> None:
    with pytest.raises(QueryError, match=r"STACK_OVERFLOW|SYNTAX_ERROR"):
        lake.rows(sql)


def test_what_glue_lacks_of_a_table_is_no_error(lake: "Lake") -> None:
    lake.glue.create_table(DatabaseName="web", TableInput={"Name": "bare"})
    for sql in ("DESCRIBE FORMATTED bare", "DESCRIBE EXTENDED bare", "SHOW CREATE TABLE bare"):
        assert lake.rows(sql)
    assert lake.rows("SHOW COLUMNS IN bare") == []
    with pytest.raises(QueryError, match="NOT_SUPPORTED"):
        lake.rows("SELECT * FROM bare")
    lake.rows("ALTER TABLE bare SET LOCATION 's3://lake/bare/'")
    lake.rows("ALTER TABLE bare ADD COLUMNS (a int)")
    assert lake.rows("SHOW COLUMNS IN bare") == [("a",)]


def test_a_table_of_a_type_that_nobody_knows_is_refused(lake: "Lake") -> None:
    lake.table("t", {"a": "frob", "b": "int"}, serde=lake.parquet_serde)
    with pytest.raises(QueryError, match="NOT_SUPPORTED: column type frob"):
        lake.rows("SELECT b FROM t")
    assert lake.rows("SHOW COLUMNS IN t") == [("a",), ("b",)]
    types = "SELECT data_type FROM information_schema.columns WHERE table_name = 't' ORDER BY 1"
    assert ("frob",) in lake.rows(types)


def test_prepared_statements_belong_to_a_workgroup(lake: "Lake") -> None:
    run = lake.engine.execute
    run("PREPARE Mine FROM SELECT ? + 1 AS n", workgroup="a")
    assert run("EXECUTE Mine USING 41", workgroup="a").rows == [(42,)]
    for sql in ("EXECUTE Mine USING 1", "DEALLOCATE PREPARE Mine", "EXECUTE mine USING 1"):
        with pytest.raises(QueryError, match="NOT_FOUND: Prepared statement not found"):
            run(sql, workgroup="a" if "mine" in sql else "b")
    run("PREPARE Mine FROM DROP TABLE IF EXISTS t", workgroup="a")
    run("EXECUTE Mine", workgroup="a")
    run("DEALLOCATE PREPARE Mine", workgroup="a")
    with pytest.raises(QueryError, match="NOT_FOUND"):
        run("EXECUTE Mine", workgroup="a")


def test_explain_tells_what_the_query_then_reads(events: "Lake") -> None:
    sql = "SELECT event_id FROM events WHERE day = '26' AND price > 1"
    lines = [line for (line,) in events.rows(f"EXPLAIN {sql}")]
    assert f"Bytes scanned, at most: {events.scanned(sql)}" in lines
    assert any("Scan web.events [event_id, price, day]" in line for line in lines)
    assert any("s3://lake/events/year=2025/month=11/day=26/a.json" in line for line in lines)
    assert not any("day=27" in line for line in lines)
    assert events.scanned(f"EXPLAIN {sql}") == 0
    assert events.scanned(f"EXPLAIN ANALYZE {sql}") == events.scanned(sql)
    with pytest.raises(QueryError, match="COLUMN_NOT_FOUND"):
        events.rows("EXPLAIN SELECT nope FROM events")
    with pytest.raises(QueryError, match="use --athena trino"):
        events.rows("EXPLAIN (TYPE IO) SELECT 1")


def test_what_the_engine_itself_knows_is_shown_or_refused_by_its_name(events: "Lake") -> None:
    assert events.rows("SHOW CATALOGS") == [("awsdatacatalog",)]
    for sql in (
        "SHOW CATALOGS LIKE 'a%'",
        "SHOW CREATE SCHEMA web",
        "SHOW FUNCTIONS",
        "SHOW SESSION",
        "SHOW STATS FOR events",
    ):
        shown = " ".join(sql.split()[:2])
        with pytest.raises(QueryError, match=f"NOT_SUPPORTED: {shown}.*: use --athena trino"):
            events.rows(sql)

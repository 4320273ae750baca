import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake


def stored(lake: "Lake", name: str, database: str = "web") -> dict[str, Any]:
    return dict(lake.glue.get_table(DatabaseName=database, Name=name)["Table"])


def test_a_view_is_kept_as_trinos_hive_connector_keeps_it(events: "Lake") -> None:
    sql = "SELECT event_type, count(*) AS n, array_agg(price) AS p FROM events GROUP BY event_type"
    events.rows(f"CREATE VIEW v AS {sql};")
    view = stored(events, "v")
    assert view["TableType"] == "VIRTUAL_VIEW"
    assert view["Parameters"]["presto_view"] == "true"
    assert view["ViewExpandedText"] == "/* Presto View */"
    encoded = view["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    assert json.loads(base64.b64decode(encoded)) == {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": "web",
        "columns": [
            {"name": "event_type", "type": "varchar"},
            {"name": "n", "type": "bigint"},
            {"name": "p", "type": "array(double)"},
        ],
    }
    types = [(one["Name"], one["Type"]) for one in view["StorageDescriptor"]["Columns"]]
    assert types == [("event_type", "string"), ("n", "bigint"), ("p", "array<double>")]


def test_making_a_view_reads_no_file(events: "Lake") -> None:
    events.s3.delete_object(Bucket="lake", Key="events/year=2025/month=11/day=26/a.json")
    events.put("events/year=2025/month=11/day=26/a.json", b"no JSON at all\n")
    events.rows("CREATE VIEW v AS SELECT * FROM events")
    assert [one["Name"] for one in stored(events, "v")["StorageDescriptor"]["Columns"]][-1] == "day"


def test_a_view_answers_as_its_query_would(events: "Lake") -> None:
    events.rows("CREATE VIEW v AS SELECT event_id AS id, day AS d FROM events WHERE price > 2")
    expected = [("26-1",), ("26-2",), ("27-1",), ("27-2",)]
    assert events.rows("SELECT id FROM v ORDER BY id") == expected
    assert events.rows("SELECT a.id FROM web.v AS a JOIN v b ON a.id = b.id ORDER BY 1") == expected
    assert events.rows("WITH v AS (SELECT 1 AS one) SELECT * FROM v") == [(1,)]
    assert events.rows("SELECT v.n FROM (SELECT count(*) AS n FROM v) v") == [(4,)]
    # The view's condition and the query's reach the scan.
    assert events.scanned("SELECT id FROM v WHERE d = '26'") * 2 == events.scanned(
        "SELECT id FROM v"
    )


def test_views_stand_on_views_in_other_databases(events: "Lake") -> None:
    events.rows("CREATE DATABASE reports")
    events.rows("CREATE VIEW v AS SELECT event_id AS id FROM events")
    events.rows(
        "CREATE VIEW reports.w AS WITH q AS (SELECT id FROM v) SELECT upper(id) AS u FROM q"
    )
    assert events.engine.execute("SELECT count(u) AS n FROM w", "reports").rows == [(6,)]


def test_views_are_replaced_listed_and_dropped(events: "Lake") -> None:
    events.rows("CREATE VIEW v AS SELECT 1 AS a")
    with pytest.raises(QueryError, match=r"ALREADY_EXISTS: View already exists: 'web\.v'"):
        events.rows("CREATE VIEW v AS SELECT 2 AS a")
    events.rows("CREATE OR REPLACE VIEW v AS\nSELECT 2 AS b")
    assert events.rows("SELECT * FROM v") == [(2,)]
    assert events.rows("SHOW CREATE VIEW v") == [("CREATE VIEW v AS",), ("SELECT 2 AS b",)]
    assert events.rows("SHOW VIEWS") == [("v",)]
    assert events.rows("SHOW VIEWS IN web 'x*'") == []
    assert events.rows("DESCRIBE v") == [("b", "int", "")]
    assert ("v",) in events.rows("SHOW TABLES")
    with pytest.raises(QueryError, match="is a view"):
        events.rows("DROP TABLE v")
    events.rows('DROP VIEW "web"."v"')
    events.rows("DROP VIEW IF EXISTS v")
    with pytest.raises(QueryError, match="does not exist"):
        events.rows("DROP VIEW v")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("CREATE VIEW v AS SELECT 1", "COLUMN_NAME_NOT_SPECIFIED.*position 1"),
        ("CREATE VIEW v AS SELECT 1 AS a, 2 AS A", "DUPLICATE_COLUMN_NAME.*'a' specified more"),
        ("CREATE VIEW v AS SELECT nope FROM events", "COLUMN_NOT_FOUND"),
        ("CREATE VIEW v AS SELECT * FROM nope", "TABLE_NOT_FOUND"),
        ("CREATE VIEW events AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS: Table already exists"),
        ("CREATE OR REPLACE VIEW events AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS"),
        ("CREATE VIEW nope.v AS SELECT 1 AS a", "SCHEMA_NOT_FOUND"),
        ("CREATE VIEW v AS DELETE FROM events", "SYNTAX_ERROR"),
        ("SHOW CREATE VIEW events", "TABLE_NOT_FOUND"),
    ],
)
def test_views_that_cannot_be(events: "Lake", sql: str, error: str) -> None:
    with pytest.raises(QueryError, match=error):
        events.rows(sql)


def test_a_view_in_itself_and_a_broken_view_are_refused(lake: "Lake") -> None:
    lake.rows("CREATE VIEW a AS SELECT 1 AS x")
    lake.rows("CREATE VIEW b AS SELECT * FROM a")
    lake.rows("CREATE VIEW c AS SELECT 2 AS x")
    text = stored(lake, "b")["ViewOriginalText"]
    for original, error in (
        (text.replace("/* Presto View: ", "/* Presto View: !"), "HIVE_INVALID_VIEW_DATA"),
        ("select 1", "Hive views are not supported"),
    ):
        lake.glue.update_table(
            DatabaseName="web",
            TableInput={"Name": "c", "TableType": "VIRTUAL_VIEW", "ViewOriginalText": original},
        )
        with pytest.raises(QueryError, match=error):
            lake.rows("SELECT * FROM c")
    encoded = base64.b64encode(
        json.dumps({"originalSql": "SELECT * FROM b", "schema": "web", "columns": []}).encode()
    ).decode()
    lake.glue.update_table(
        DatabaseName="web",
        TableInput={
            "Name": "a",
            "TableType": "VIRTUAL_VIEW",
            "ViewOriginalText": f"/* Presto View: {encoded} */",
        },
    )
    with pytest.raises(QueryError, match="VIEW_IS_RECURSIVE"):
        lake.rows("SELECT * FROM a")

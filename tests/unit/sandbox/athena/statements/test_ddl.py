from typing import TYPE_CHECKING

import pytest

from clickstream_lake.sandbox.athena.statements.hive import FORMATS
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake

TABLE = (
    "CREATE EXTERNAL TABLE t (a string COMMENT 'it\\'s', b bigint) "
    "PARTITIONED BY (y string, m int) STORED AS PARQUET LOCATION 's3://lake/t/' "
    "TBLPROPERTIES ('k'='v')"
)


def failure(lake: "Lake", sql: str) -> str:
    with pytest.raises(QueryError) as caught:
        lake.rows(sql)
    return str(caught.value)


def partitions(lake: "Lake") -> list[str]:
    return [name for (name,) in lake.rows("SHOW PARTITIONS t")]


def columns(lake: "Lake") -> list[tuple[str, str]]:
    table = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]
    return [(one["Name"], one["Type"]) for one in table["StorageDescriptor"]["Columns"]]


def test_databases_come_and_go(lake: "Lake") -> None:
    lake.rows("CREATE DATABASE IF NOT EXISTS d COMMENT 'why' LOCATION 's3://lake/d/'")
    lake.rows("CREATE SCHEMA IF NOT EXISTS `D`")
    found = lake.glue.get_database(Name="d")["Database"]
    assert (found["Description"], found["LocationUri"]) == ("why", "s3://lake/d/")
    lake.rows("ALTER DATABASE d SET DBPROPERTIES ('owner'='me')")
    assert lake.glue.get_database(Name="d")["Database"]["Parameters"] == {"owner": "me"}
    assert lake.rows("SHOW DATABASES 'd|x.*'") == [("d",)]
    assert "Database d already exists" in failure(lake, "CREATE DATABASE d")
    lake.rows("CREATE EXTERNAL TABLE d.t (a int) LOCATION 's3://lake/d/t/'")
    assert "Database d is not empty" in failure(lake, "DROP DATABASE d")
    lake.rows("DROP DATABASE d CASCADE")
    assert lake.rows("SHOW DATABASES") == [("web",)]
    assert failure(lake, "DROP DATABASE d").startswith("FAILED: SemanticException [Error 10072]")
    lake.rows("DROP DATABASE IF EXISTS d")


def test_a_table_is_described_in_glue_as_hive_does(lake: "Lake") -> None:
    lake.rows(TABLE)
    table = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"] == {"EXTERNAL": "TRUE", "k": "v"}
    storage = table["StorageDescriptor"]
    assert storage["Columns"][0] == {"Name": "a", "Type": "string", "Comment": "it's"}
    assert storage["InputFormat"] == FORMATS["PARQUET"].input
    assert storage["SerdeInfo"]["SerializationLibrary"] == FORMATS["PARQUET"].serde
    assert [key["Name"] for key in table["PartitionKeys"]] == ["y", "m"]
    assert "Table t already exists" in failure(lake, TABLE)
    lake.rows(TABLE.replace("TABLE t", "TABLE IF NOT EXISTS t"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_hives_can_be_declared(lake: "Lake", name: str) -> None:
    lake.rows(f"CREATE EXTERNAL TABLE t (a int) STORED AS {name} LOCATION 's3://lake/t/'")
    storage = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]["StorageDescriptor"]
    assert storage["SerdeInfo"]["SerializationLibrary"] == FORMATS[name].serde
    assert lake.rows("SHOW COLUMNS IN t") == [("a",)]


def test_delimited_text_keeps_its_delimiters(lake: "Lake") -> None:
    lake.rows(
        "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001' "
        "ESCAPED BY '\\\\' NULL DEFINED AS '-' LOCATION 's3://lake/t/'"
    )
    serde = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]["StorageDescriptor"][
        "SerdeInfo"
    ]
    assert serde["Parameters"] == {
        "field.delim": "\x01",
        "serialization.format": "\x01",
        "escape.delim": "\\",
        "serialization.null.format": "-",
    }


def test_dropping_a_table_leaves_its_files(events: "Lake") -> None:
    before = events.s3.list_objects_v2(Bucket="lake")["KeyCount"]
    events.rows("DROP TABLE `web`.`events`")
    assert events.s3.list_objects_v2(Bucket="lake")["KeyCount"] == before
    assert failure(events, "DROP TABLE events") == (
        "FAILED: SemanticException [Error 10001]: Table not found web.events"
    )
    events.rows("DROP TABLE IF EXISTS events")


def test_partitions_are_added_renamed_moved_and_dropped(lake: "Lake") -> None:
    lake.rows(TABLE)
    lake.rows(
        "ALTER TABLE t ADD PARTITION (y='2025', m=1) PARTITION (M=2, y='2025') LOCATION 's3://lake/e/'"
    )
    assert partitions(lake) == ["y=2025/m=1", "y=2025/m=2"]
    places = {
        tuple(one["Values"]): one["StorageDescriptor"]["Location"]
        for one in lake.glue.get_partitions(DatabaseName="web", TableName="t")["Partitions"]
    }
    assert places == {("2025", "1"): "s3://lake/t/y=2025/m=1", ("2025", "2"): "s3://lake/e/"}
    assert "Partition already exists" in failure(
        lake, "ALTER TABLE t ADD PARTITION (y='2025', m=1)"
    )
    lake.rows("ALTER TABLE t ADD IF NOT EXISTS PARTITION (y='2025', m=1) PARTITION (y='2024', m=1)")
    lake.rows("ALTER TABLE t PARTITION (y='2024', m=1) RENAME TO PARTITION (y='2023', m=1)")
    lake.rows("ALTER TABLE t PARTITION (y='2023', m=1) SET LOCATION 's3://lake/new/'")
    moved = lake.glue.get_partition(
        DatabaseName="web", TableName="t", PartitionValues=["2023", "1"]
    )
    assert moved["Partition"]["StorageDescriptor"]["Location"] == "s3://lake/new/"
    lake.rows("ALTER TABLE t DROP PARTITION (y='2025')")  # a part of the keys is enough
    assert partitions(lake) == ["y=2023/m=1"]
    assert "Partition not found" in failure(lake, "ALTER TABLE t DROP PARTITION (y='1')")
    lake.rows("ALTER TABLE t DROP IF EXISTS PARTITION (y='1')")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("ALTER TABLE t ADD PARTITION (x='1')", "[Error 10098]"),
        ("ALTER TABLE t ADD PARTITION (y='1')", "too few keys"),
        ("ALTER TABLE nope ADD PARTITION (y='1')", "[Error 10001]: Table not found web.nope"),
        ("ALTER TABLE t CHANGE COLUMN nope b int", "[Error 10002]"),
        ("ALTER TABLE t ADD COLUMNS (y string)", "Duplicate column name: y"),
        ("CREATE EXTERNAL TABLE n (a int)", "needs a LOCATION"),
        ("CREATE EXTERNAL TABLE n (a frob) LOCATION 's3://lake/n/'", "input near 'frob'"),
        ("ALTER TABLE t ADD COLUMNS (c frob)", "input near 'frob'"),
        ("ALTER TABLE t REPLACE COLUMNS (c frob)", "input near 'frob'"),
        ("ALTER TABLE t CHANGE b b frob", "input near 'frob'"),
        ("CREATE EXTERNAL TABLE n (a int, A int) LOCATION 's3://lake/n/'", "Duplicate column"),
        ("CREATE EXTERNAL TABLE nope.n (a int) LOCATION 's3://lake/n/'", "[Error 10072]"),
        ("CREATE TABLE n (a int) LOCATION 's3://lake/n/'", "use CREATE EXTERNAL TABLE"),
        ("MSCK REPAIR TABLE nope", "[Error 10001]"),
    ],
)
def test_fails_in_hives_words(lake: "Lake", sql: str, error: str) -> None:
    lake.rows(TABLE)
    assert error in failure(lake, sql)


def test_columns_are_added_changed_and_replaced(lake: "Lake") -> None:
    lake.rows(TABLE)
    lake.rows("ALTER TABLE t ADD COLUMNS (c array<struct<x:int>>)")
    lake.rows("ALTER TABLE t CHANGE COLUMN b b2 double COMMENT 'n' FIRST")
    assert columns(lake) == [("b2", "double"), ("a", "string"), ("c", "array<struct<x:int>>")]
    lake.rows("ALTER TABLE t CHANGE b2 b2 double AFTER a")
    assert [name for name, _ in columns(lake)] == ["a", "b2", "c"]
    lake.rows("ALTER TABLE t REPLACE COLUMNS (z int)")
    assert columns(lake) == [("z", "int")]


def test_properties_and_location_change(lake: "Lake") -> None:
    lake.rows(TABLE)
    lake.rows("ALTER TABLE t SET TBLPROPERTIES ('k'='w', 'n'='1')")
    lake.rows("ALTER TABLE t SET LOCATION 's3://lake/elsewhere/'")
    table = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]
    assert table["Parameters"] == {"EXTERNAL": "TRUE", "k": "w", "n": "1"}
    assert table["StorageDescriptor"]["Location"] == "s3://lake/elsewhere/"
    assert [key["Name"] for key in table["PartitionKeys"]] == ["y", "m"]


def test_what_show_create_prints_makes_the_same_table_again(lake: "Lake") -> None:
    lake.rows(TABLE.replace("'v')", "'it\\'s \\\\ \\n')"))
    first = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]
    text = "\n".join(line for (line,) in lake.rows("SHOW CREATE TABLE t"))
    lake.rows("DROP TABLE t")
    lake.rows(text)
    second = lake.glue.get_table(DatabaseName="web", Name="t")["Table"]
    for moment in ("CreateTime", "UpdateTime"):
        first.pop(moment, None)  # type: ignore[misc]
        second.pop(moment, None)  # type: ignore[misc]
    assert second == first

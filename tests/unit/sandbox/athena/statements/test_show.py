from typing import TYPE_CHECKING

import pytest

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake


def test_shows_databases_tables_partitions_and_columns(events: "Lake") -> None:
    assert events.rows("SHOW DATABASES") == [("web",)]
    assert events.rows("show tables") == [("events",), ("events_parquet",)]
    assert events.rows("SHOW TABLES IN web '*parquet';") == [("events_parquet",)]
    assert events.rows("SHOW PARTITIONS `web`.`events`") == [
        ("year=2025/month=11/day=26",),
        ("year=2025/month=11/day=27",),
    ]
    assert events.rows("SHOW COLUMNS IN events")[-1] == ("day",)
    assert events.rows("-- why\nDESCRIBE events")[0][:2] == ("event_id", "string")


def test_metadata_statements_are_free(events: "Lake") -> None:
    result = events.engine.execute("SHOW TABLES", "web")
    assert (result.bytes_scanned, result.billed_bytes) == (0, 0)


def test_repair_registers_what_lies_under_the_tables_location(events: "Lake") -> None:
    events.put_json("events/year=2025/month=12/day=01/a.json", {"event_id": "new"})
    events.put_json("events/compacted/year=2025/month=12/day=02/g1/a.json", {"event_id": "no"})
    events.put_json("events/stray.json", {"event_id": "no"})
    answer = events.rows("MSCK REPAIR TABLE events")
    assert answer == [
        ("Partitions not in metastore:\tevents:year=2025/month=12/day=01",),
        ("Repair: Added partition to metastore events:year=2025/month=12/day=01",),
    ]
    assert events.rows("SELECT event_id FROM events WHERE month = '12'") == [("new",)]
    assert events.rows("MSCK REPAIR TABLE events") == []


def test_repair_registers_more_partitions_than_one_request_takes(lake: "Lake") -> None:
    lake.table("t", {"a": "string"}, keys=("d",), serde=lake.parquet_serde)
    for number in range(120):
        lake.put(f"t/d={number:03}/_hidden", b"")
    lake.rows("MSCK REPAIR TABLE t")
    assert len(lake.rows("SHOW PARTITIONS t")) == 120


def test_partitions_of_an_unpartitioned_table_are_refused(lake: "Lake") -> None:
    lake.table("t", {"a": "string"})
    with pytest.raises(QueryError, match="not a partitioned table"):
        lake.rows("SHOW PARTITIONS t")


def test_a_table_with_another_serde_is_refused(lake: "Lake") -> None:
    lake.table("t", {"a": "string"}, serde="org.openx.data.jsonserde.JsonSerDe")
    with pytest.raises(QueryError, match=r"NOT_SUPPORTED: table web.t has the SerDe org\.openx"):
        lake.rows("SELECT a FROM t")

"""Times of every form, from the producer's JSON to an answer of either table."""

import json
import re
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.errors import QueryError
from tests.corpus.instants import joda_instants
from tests.corpus.lake_files import CATALOG, run

NUMBERS = [
    "0", "-0", "1764151200", "1764151200.5", "1764151200123", "1764151200123.999", "1e11", "1e14",
    "-1", "99999999999", "99999999999999", "1764151200123456", "true", "null", "[1764151200]",
]  # fmt: skip
SENT = [
    *(json.dumps(text, ensure_ascii=False) for text in joda_instants()),
    *NUMBERS,
    *(f'"{number}"' for number in NUMBERS[:-3]),
    '"2025-11-26 10:00:00"', '"2025-11-26 10:00:00.123456"', '"2025-11-26 24:00:00"',
    '"2025-11-26\\u005410:00:00Z"',
]  # fmt: skip


@pytest.fixture
def engine() -> Iterator[QueryEngine]:
    """The local Athena over what the transform makes of events with these times."""
    lines = (f'{{"event_id":"{n}","event_ts":{sent}}}\n' for n, sent in enumerate(SENT))
    files = run("".join(lines).encode()).files
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        s3, glue = session.client("s3"), session.client("glue")
        s3.create_bucket(Bucket="lake")
        glue.create_database(DatabaseInput={"Name": "web"})
        for fmt in ("json", "parquet"):
            table = CATALOG.glue_table_input(fmt, "lake")
            glue.create_table(DatabaseName="web", TableInput=table)
            folder = f"processed/{fmt}/year=2025/month=11/day=26"
            glue.create_partition(
                DatabaseName="web",
                TableName=table["Name"],
                PartitionInput={
                    "Values": ["2025", "11", "26"],
                    "StorageDescriptor": {
                        **table["StorageDescriptor"],
                        "Location": f"s3://lake/{folder}",
                    },
                },
            )
            (body,) = (files[name] for name in files if re.fullmatch(rf"[^.]+\.{fmt}", name))
            s3.put_object(Bucket="lake", Key=f"{folder}/a.{fmt}", Body=body)
        opened = QueryEngine(s3=s3, glue=glue)
        yield opened
        opened.close()


def test_both_tables_tell_the_same_time(engine: QueryEngine) -> None:
    """And the engine's function fails on no text that the JSON table holds."""
    in_json = engine.execute(
        "SELECT event_id, CAST(from_iso8601_timestamp(event_ts) AT TIME ZONE 'UTC' AS timestamp) "
        "FROM clickstream_events",
        "web",
    ).rows
    in_parquet = engine.execute(
        "SELECT event_id, event_ts FROM clickstream_events_parquet", "web"
    ).rows
    assert len(in_json) == len(SENT)
    assert sorted(in_json) == sorted(in_parquet)
    assert sum(moment is not None for _, moment in in_json) > 300


def test_a_text_that_is_no_time_would_fail_the_query(engine: QueryEngine) -> None:
    """So a green query over `extra` here is green on AWS."""
    moved = "json_extract_scalar(extra, '$.event_ts')"
    function, table = f"from_iso8601_timestamp({moved})", "clickstream_events_parquet"
    with pytest.raises(QueryError, match="INVALID_FUNCTION_ARGUMENT"):
        engine.execute(f"SELECT {function} FROM {table}", "web")  # noqa: S608 - our own names
    in_utc = f"{function} AT TIME ZONE 'UTC'"
    tried = f"SELECT COUNT(TRY({in_utc})) > 0 FROM {table}"  # noqa: S608 - the same
    assert engine.execute(tried, "web").rows == [(True,)]  # years that the lake does not take

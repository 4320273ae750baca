"""One stream of a sandbox, three families: by the real functions, in both tables of each."""

import json
from collections.abc import Iterator

import boto3
import pytest
from typer.testing import CliRunner

from clickstream_lake.cli.main import app
from clickstream_lake.demo.provision import LakeSettings, Route, Stream, by_catalog, lake_sandbox
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.catalogs import CATALOGS

FILES = {path.stem: path for path in CATALOGS}
ROUTES = (
    Route("web", "orders", ("order_placed", "order_refunded"), FILES["orders"]),
    Route("web", "clicks", ("click",), CATALOG_PATH),
)
WEB, ORDERS, CLICKS = 30, 20, 10
EVENTS = [
    *({"event_id": f"w{n}", "event_type": "page_view", "user_id": "u"} for n in range(WEB)),
    *(
        {
            "order_no": f"o{n}",
            "event_type": "order_placed" if n % 2 else "order_refunded",
            "total": n / 2,
            "email": "a@example.org",
        }
        for n in range(ORDERS)
    ),
    *({"event_id": f"c{n}", "event_type": "click", "user_id": "u"} for n in range(CLICKS)),
]
TABLES = {
    "clickstream_events": WEB,
    "orders_orders": ORDERS,
    "clicks_clickstream_events": CLICKS,
}


@pytest.fixture(scope="module")
def lake() -> Iterator[Sandbox]:
    settings = LakeSettings(streams=(Stream("web"),), routes=ROUTES)
    with lake_sandbox(provision=by_catalog(settings)) as sandbox:
        lines = [json.dumps(event).encode() for event in EVENTS]
        lines[5:5] = [b'{"event_type":"click","event_id":', b"no event"]
        for line in lines:
            sandbox.client("firehose").put_record(
                DeliveryStreamName="clickstream-web", Record={"Data": line}
            )
        sandbox.flush()
        sandbox.wait_idle(timeout=120)
        yield sandbox


def counted(lake: Sandbox, table: str) -> int:
    sql = f"SELECT COUNT(*) FROM {table}"  # noqa: S608 - ours
    return int(next(iter(lake.engine.execute(sql, lake.database).rows))[0])


def audit(stream: str) -> dict[str, object]:
    result = CliRunner().invoke(app, ["audit", "--stream", stream, "--json"])
    assert result.stdout, (result.stderr, result.exception)
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_each_event_is_in_both_tables_of_its_family(lake: Sandbox) -> None:
    for table, rows in TABLES.items():
        assert (table, counted(lake, table), counted(lake, f"{table}_parquet")) == (
            table,
            rows,
            rows,
        )
    sql = "SELECT SUM(total) FROM orders_orders_parquet"
    assert next(iter(lake.engine.execute(sql, lake.database).rows))[0] == sum(
        n / 2 for n in range(ORDERS)
    )


def test_what_is_no_event_is_in_the_streams_own_rejects(lake: Sandbox) -> None:
    sql = "SELECT line_number, reason FROM clickstream_rejects ORDER BY 1"
    rows = [tuple(row) for row in lake.engine.execute(sql, lake.database).rows]
    assert [reason for _, reason in rows] == ["not_json", "not_json"]
    assert counted(lake, "clicks_clickstream_rejects") == 0


def test_personal_data_goes_by_each_familys_catalog(lake: Sandbox) -> None:
    s3 = lake.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket)
    for key in (entry["Key"] for page in pages for entry in page["Contents"]):
        if "/json/year" in key or key.startswith("processed/json/year"):
            body = s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
            catalog = load_catalog(FILES["orders"] if key.startswith("orders/") else CATALOG_PATH)
            names = {name for line in body.splitlines() for name in json.loads(line)}
            assert names
            assert not {name for name in names if catalog.is_pii(name)}


@pytest.mark.parametrize("stream", ["web", "orders", "clicks"])
def test_each_family_is_audited_compacted_and_audited_again(
    lake: Sandbox, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in ({"AWS_ENDPOINT_URL": lake.endpoint} | lake.credentials()).items():
        monkeypatch.setenv(name, value)
    name = f"clickstream-{stream}"
    assert audit(name)["clean"]
    lake.tick(f"{name}-audit")
    lake.tick(f"{name}-compact")
    lake.wait_idle(timeout=120)
    assert audit(name)["clean"]
    assert all(stats.failures == 0 for stats in lake.functions.stats.values())
    doctor = CliRunner().invoke(app, ["doctor", "--stream", name, "--json"])
    wrong = [f for f in json.loads(doctor.stdout)["findings"] if f["status"] == "wrong"]
    assert wrong == []


def test_a_familys_functions_are_told_where_their_stream_is(lake: Sandbox) -> None:
    functions = lake.client("lambda")
    names = {f["FunctionName"] for f in functions.list_functions()["Functions"]}
    assert names == {
        "clickstream-web-transform",
        "clickstream-web-compact",
        "clickstream-orders-compact",
        "clickstream-clicks-compact",
    }
    found = functions.get_function_configuration(FunctionName="clickstream-orders-compact")
    variables = found["Environment"]["Variables"]
    assert variables["LAKE_FAMILY"] == "orders"
    assert variables["LAKE_RAW_PREFIX"] == "raw/"
    assert variables["LAKE_PROCESSED_PREFIX"] == "orders/processed/"

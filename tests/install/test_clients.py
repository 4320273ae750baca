"""Clients of Athena in environments of their own, against a sandbox: by either engine."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.demo.provision import by_catalog, lake_sandbox
from clickstream_lake.sandbox.sandbox import Sandbox
from dev.package.interpreter import PYTHON, find_interpreter
from tests.install.conftest import skip_or_fail, uv

if TYPE_CHECKING:
    from tests.conftest import Engine

pytestmark = pytest.mark.install

HERE = Path(__file__).with_name("clients")
# dbt-core 1.12 brings a parser of its own, whose wheel is not on PyPI.
REQUIREMENTS = {
    "tools": ("awswrangler>=3.17", "PyAthena[pandas,arrow,polars,sqlalchemy]>=4.2"),
    "dbt": ("dbt-athena>=1.11", "dbt-core<1.12"),
}
ROWS, CLICKS = 300, 200
COLUMNS = {"clickstream_events": 16, "clickstream_events_parquet": 18}
TABLES = ["clickstream_events", "clickstream_events_parquet", "clickstream_rejects"]
BY_TYPE = [["click", CLICKS], ["purchase", ROWS - CLICKS]]
BY_NAME = [{"event_type": name, "n": count} for name, count in BY_TYPE]
UNDER_WAY = {"QUEUED", "RUNNING"}
NOT_EMBEDDED = "use --athena trino"


@dataclass(frozen=True)
class Lake:
    """A sandbox with a lake, and which engine answers."""

    sandbox: Sandbox
    engine: str


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("trino", marks=pytest.mark.engine)]
)
def lake(request: pytest.FixtureRequest) -> Iterator[Lake]:
    options: dict[str, Any] = {}
    if request.param == "trino":
        engine: Engine = request.getfixturevalue("engine")
        options = {"athena": engine.client, "port": engine.port, "directory": engine.directory}
    with lake_sandbox(
        provision=by_catalog(), clock=lambda: datetime(2025, 11, 26, 12, tzinfo=UTC), **options
    ) as sandbox:
        for number in range(ROWS):
            event = {
                "event_id": f"e{number}",
                "event_type": "click" if number % 3 else "purchase",
                "event_ts": f"2025-11-26T10:{number % 60:02}:00Z",
                "price": number + 0.5,
                "quantity": 2,
            }
            sandbox.client("firehose").put_record(
                DeliveryStreamName=sandbox.stream, Record={"Data": json.dumps(event).encode()}
            )
        sandbox.wait_idle()
        yield Lake(sandbox, request.param)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The directories of the clients' programs, by the name of their requirements."""
    interpreter = find_interpreter(PYTHON)
    if interpreter is None:
        skip_or_fail(f"there is no Python {PYTHON} on this machine")
    places = {name: tmp_path_factory.mktemp(name) / "environment" for name in REQUIREMENTS}
    for name, place in places.items():
        uv("venv", f"--python={interpreter}", str(place))
        uv("pip", "install", f"--python={place}", *REQUIREMENTS[name])
    yield {name: place / "bin" for name, place in places.items()}
    for place in places.values():
        shutil.rmtree(place)


def ask(lake: Lake, work: Path, *command: str | Path) -> str:
    """What a client prints."""
    environment = {
        "PATH": os.defpath,
        "HOME": str(work),
        "AWS_ENDPOINT_URL": lake.sandbox.endpoint,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(  # noqa: S603 - a program of an environment that was just made
        list(map(str, command)),
        cwd=work,
        env=environment | lake.sandbox.credentials(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outcomes(lake: Lake, work: Path, programs: dict[str, Path], script: str) -> dict[str, Any]:
    said = ask(lake, work, programs["tools"] / "python", HERE / script)
    found: dict[str, dict[str, Any]] = json.loads(said.splitlines()[-1])
    return {name: one.get("answer", one.get("error")) for name, one in found.items()}


def test_awswrangler(lake: Lake, tmp_path: Path, programs: dict[str, Path]) -> None:
    found = outcomes(lake, tmp_path, programs, "wrangler.py")
    # What has to be an error on the embedded engine, in words that say where it works.
    if lake.engine == "embedded":
        for name in ("make_a_bucketed_table", "write_iceberg"):
            assert NOT_EMBEDDED in found.pop(name)
    else:
        assert found.pop("make_a_bucketed_table") == ROWS
        # Appended twice, and a third time with a new column; merged by a key; some deleted.
        assert found.pop("write_iceberg") == [[9, 4.5], [10, 8.0], [7, 6.5]]
    assert found == {
        "read_by_ctas": [ROWS, COLUMNS["clickstream_events_parquet"]],
        "read_the_csv": [ROWS, COLUMNS["clickstream_events"]],
        "read_by_unload": [ROWS, 3],
        "read_in_chunks": [200, 100],
        "named_parameters": CLICKS,
        "parameters_in_order": CLICKS,
        "read_a_table": ROWS,
        "make_a_table": ROWS,
        "make_a_partitioned_table": [ROWS, 2],
        "describe_a_table": "event_id",
        "show_how_a_table_is_made": "CREATE EXTERNAL TABLE clickstream_events_parquet",
        "repair_a_table": "SUCCEEDED",
        "unload": ROWS,
        "prepare_and_execute": [["by_type"], CLICKS, []],
        "saved_query": "-- Events per day and type in the last seven days, from Parquet",
        "look_around": [["clickstream"], 2, 1, 1, ["clickstream_rejects"], False, "timestamp", 1],
        "filter_partitions": [1, 1, 1, 0],
        "write_a_dataset": [6, 4.5, 3],
        "read_the_lakes_files": [ROWS, ROWS],
        "clean_up": [True, False],
    }


def test_pyathena_and_sqlalchemy(lake: Lake, tmp_path: Path, programs: dict[str, Path]) -> None:
    seen = [["clickstream"], TABLES, [], False, "TIMESTAMP", True]
    assert outcomes(lake, tmp_path, programs, "cursors.py") == {
        "default": BY_TYPE,
        "dictionaries": BY_NAME,
        "parameters": [[CLICKS], [CLICKS]],
        "pandas": BY_NAME,
        "pandas_by_unload": BY_NAME,
        "polars": BY_NAME,
        "s3fs": BY_TYPE,
        "in_the_background": [BY_TYPE, 2],
        "asynchronously": BY_TYPE,
        "an_error": "COLUMN_NOT_FOUND",
        "metadata": [
            ["clickstream"],
            3,
            f"s3://{lake.sandbox.bucket}/processed/parquet/",
            ["year", "month", "day"],
        ],
        "reflect_by_rest": seen,
        "reflect_by_pandas": seen,
        "reflect_by_arrow": seen,
        "select_what_was_reflected": CLICKS,
        "make_a_table": [True, [[1, "x"]], False],
        "make_a_view": [["ids"], True, ROWS],
    }


def test_dbt_builds_and_tests_its_models_twice(
    lake: Lake, tmp_path: Path, programs: dict[str, Path]
) -> None:
    project = tmp_path / "project"
    shutil.copytree(HERE / "dbt", project)
    build = (programs["dbt"] / "dbt", "build", "--profiles-dir", ".")
    for _ in range(2):  # the second time, the incremental model finds nothing new
        said = ask(lake, project, *build)
        assert "PASS=9 WARN=0 ERROR=0" in said
    athena = lake.sandbox.clients.athena
    tables = athena.list_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="marts")
    kinds = {one["Name"]: one["TableType"] for one in tables["TableMetadataList"]}
    assert kinds.keys() == {"events_per_type", "purchases", "revenue"}
    assert kinds["revenue"] == "VIRTUAL_VIEW"
    execution = athena.start_query_execution(
        QueryString="SELECT purchases, revenue FROM marts.revenue", WorkGroup=lake.sandbox.workgroup
    )["QueryExecutionId"]
    asked = {"QueryExecutionId": execution}
    while athena.get_query_execution(**asked)["QueryExecution"]["Status"]["State"] in UNDER_WAY:
        time.sleep(0.1)
    rows = athena.get_query_results(**asked)["ResultSet"]["Rows"]
    revenue = sum(2 * (number + 0.5) for number in range(0, ROWS, 3))
    assert [[cell["VarCharValue"] for cell in row["Data"]] for row in rows[1:]] == [
        [f"{ROWS - CLICKS}", f"{revenue}"]
    ]

# ruff: noqa: S608 - queries of the test's own columns, whose values have any type
"""What queries say while a catalog changes, in the embedded engine and in both formats."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.compact.operations import PlanReport
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.operate.query import run
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.engine.eras import NEXT_DAY, TABLES, Document, Era, Rows, changed

OLD_VALUES: list[Any] = ["A", 7, 2.5, True, None, "", {"code": "X"}, ["X"], 10**20, "2025-11-26"]
KINDS = {"string": "s", "bigint": "n", "double": "d", "boolean": "b", "timestamp": "t"}


class AskedEra(Era):
    """One whose queries the sandbox's Athena answers."""

    def ask(self, sql: str) -> Rows:
        answer = run(
            self.clients.athena,
            sql.format_map(TABLES),
            database=self.database,
            workgroup="lake",
            pause=lambda _: None,
        )
        return [list(row) for row in answer.rows]

    def both(self, columns: str) -> Rows:
        """Rows by the first column, which both tables have to agree on."""
        sql = f"SELECT {columns} FROM {{}} ORDER BY 1"
        one, other = (self.ask(sql.format(TABLES[fmt])) for fmt in FORMATS)
        assert one == other
        return one

    def tick(self) -> PlanReport:
        """One of the schedule, whose work is done at once."""
        return self.operations().plan()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    def provision(clients: Clients) -> Resources:
        clients.s3.create_bucket(Bucket="results")
        results = {"ResultConfiguration": {"OutputLocation": "s3://results/"}}
        clients.athena.create_work_group(Name="lake", Configuration=results)
        return Resources()

    with Sandbox(provision=provision) as running:
        yield running


@pytest.fixture
def new_lake(
    sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[], AskedEra]:
    def make() -> AskedEra:
        name = f"lake{abs(hash(request.node.nodeid)):x}"
        nobody: Any = None
        return AskedEra.first(name, load_catalog(), sandbox.clients, nobody, tmp_path)

    return make


def test_old_rows_have_null_and_never_an_error_until_they_are_rewritten(
    new_lake: Callable[[], AskedEra],
) -> None:
    fields = {kind: f"field_{letter}" for kind, letter in KINDS.items()}
    before = new_lake()
    events = [
        {"event_id": f"{number}", **dict.fromkeys(fields.values(), value)}
        for number, value in enumerate(OLD_VALUES)
    ]
    before.land("old", *events)

    def add(document: Document) -> None:
        for kind, field in fields.items():
            entry = {"name": f"new_{kind}", "type": kind, "from": [field], "added": "2025-11-27"}
            document["columns"].insert(2, entry)

    after = before.deploy(changed(add))
    assert isinstance(after, AskedEra)
    after.land("new", {"event_id": "x", "field_s": "B", "field_n": 8, "field_d": 1.5})
    after.land("next", {"event_id": "y", "field_s": "C"}, partition=NEXT_DAY)
    columns = "event_id, new_string, new_bigint, new_double"
    old = [[f"{number}", None, None, None] for number in range(len(OLD_VALUES))]
    new = [["x", "B", "8", "1.5"], ["y", "C", None, None]]
    assert after.both(columns) == [*old, *new]

    assert after.tick().behind == 2
    rows = after.both(columns)
    assert rows[len(OLD_VALUES) :] == new
    assert [row[1] for row in rows[: len(OLD_VALUES)]] == [
        "A", "7", "2.5", "true", None, "", '{"code":"X"}', '["X"]', f"{10**20}", "2025-11-26"
    ]  # fmt: skip
    assert [row[2] for row in rows[:3]] == [None, "7", None]
    assert [row[3] for row in rows[:3]] == [None, "7.0", "2.5"]
    assert after.tick().behind == 0


def test_a_retired_column_keeps_old_values_and_takes_no_new_ones(
    new_lake: Callable[[], AskedEra],
) -> None:
    before = new_lake()
    before.land("old", {"event_id": "1", "price": 2.5})

    def retire(document: Document) -> None:
        for entry in document["columns"]:
            if entry["name"] == "price":
                entry["retired"] = "2025-11-27"

    after = before.deploy(changed(retire))
    assert isinstance(after, AskedEra)
    after.land("new", {"event_id": "2", "price": 3.5})
    told = [["1", "2.5"], ["2", None]]
    assert after.both("event_id, price") == told
    assert after.tick().behind == 0  # its columns are the same
    after.compact()
    assert after.both("event_id, price") == told
    (_, (extra,)) = after.ask("SELECT extra FROM {parquet} ORDER BY event_id")
    assert json.loads(extra) == {"price": 3.5}


def test_a_renamed_field_goes_on_in_its_column(new_lake: Callable[[], AskedEra]) -> None:
    before = new_lake()
    before.land("old", {"event_id": "1", "price": 1.5})
    before.land("early", {"event_id": "2", "unit_price": 2.5})

    def rename(document: Document) -> None:
        for entry in document["columns"]:
            if entry["name"] == "price":
                entry["from"] = ["unit_price", "price"]

    after = before.deploy(changed(rename))
    assert isinstance(after, AskedEra)
    after.land("new", {"event_id": "3", "unit_price": 3.5}, {"event_id": "4", "price": 4.5})
    new = [["3", "3.5"], ["4", "4.5"]]
    assert after.both("event_id, price") == [["1", "1.5"], ["2", None], *new]
    after.compact()
    assert after.both("event_id, price") == [["1", "1.5"], ["2", "2.5"], *new]

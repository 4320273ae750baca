"""The SQL that the project ships: saved queries and what the pages show, unchanged."""

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.generate import generate_events
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.lake.layout import Partition
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.corpus.cases import CASES
from tests.engine.conftest import NewLake
from tests.engine.eras import TABLES, Era

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
# Of every catalog, and of the packaged one.
SAVED = sorted(CATALOG_PATH.parent.glob("*queries/*.sql"))
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r'clickstream (?:query|estimate) "([^"]+)"')


def shown() -> list[str]:
    """Every query of the pages, once; what is no query is Athena's own, such as SHOW PARTITIONS."""
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    found = (sql for page in pages for shape in (_BLOCK, _COMMAND) for sql in shape.findall(page))
    return list(dict.fromkeys(sql for sql in found if sql.startswith(("SELECT", "WITH"))))


@pytest.fixture(scope="module")
def lake(new_lake: NewLake) -> Era:
    """Today and yesterday: clean events, hostile ones, and some of both in a generation."""
    era = new_lake(load_catalog())
    texts = [case.make() for case in CASES.values() if not case.raw]
    hostile = gzip.compress(b"\n".join(text for text in texts if len(text) < 100_000))
    for days in (0, 1):
        moment = datetime.now(UTC) - timedelta(days=days)
        partition = Partition.parse(f"year={moment:%Y}/month={moment:%m}/day={moment:%d}")
        clean = [line.decode() for line in generate_events(days, 500, moment, 0.01)]
        era.land("clean", *clean, partition=partition)
        era.put("hostile", hostile, partition=partition)
    era.compact(partition)
    era.land("late", *clean[:50], partition=partition)
    return era


def plain(rows: Any) -> list[list[Any]]:  # noqa: ANN401 - rows of either engine
    """Cells as JSON has them; doubles to twelve digits, because sums depend on their order."""
    return [[f"{v:.12g}" if isinstance(v, float) else v for v in row] for row in rows]


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_query_answers_as_the_embedded_engine_does(
    lake: Era, sandbox: Sandbox, path: Path
) -> None:
    sql = path.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        sql = sql.replace(f"${{{name}}}", table)

    found = plain(lake.engine.run(sql, schema=lake.database).rows)
    local = plain(sandbox.engine.execute(sql, lake.database).rows)

    # Rows that ORDER BY leaves equal come in any order.
    assert sorted(map(repr, found)) == sorted(map(repr, local))
    assert (found == []) == (path.stem == "json_and_parquet_agree")


@pytest.mark.parametrize("sql", shown(), ids=lambda sql: sql.split("\n")[0][:60])
def test_what_the_pages_show_runs_on_the_engine(lake: Era, sql: str) -> None:
    # The benchmark's page names its own table of the same columns.
    own = re.sub(r"\bclustered_zstd\b", TABLES["parquet"], sql)
    assert lake.engine.run(own, schema=lake.database).columns


def test_the_pages_show_some() -> None:
    assert len(shown()) > 10
    assert len(SAVED) > 4

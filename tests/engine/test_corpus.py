# ruff: noqa: S608 - queries of the tables' own columns
"""Everything nasty in one lake: the engine reads every column of all three tables, alike."""

import gzip
from collections import Counter

import pytest

from clickstream_lake.lake.config import Limits
from tests.corpus.lake_files import CATALOG
from tests.corpus.test_corpus import ALL
from tests.engine.conftest import NewLake
from tests.engine.eras import FORMAT_NAMES, Era, Rows
from tests.fuzz.oracle import expect

pytestmark = pytest.mark.engine

# A lake has one set of limits; two cases need others.
CASES = {name: case for name, case in ALL.items() if case.limits == Limits()}
RAW = [case for case in CASES.values() if case.raw]
"""Those that are about the gzip stream: an object each."""
BOTH = [
    column.name
    for column in CATALOG.tables["json"].columns
    if column in CATALOG.tables["parquet"].columns
]
TIMES = {column.name for column in CATALOG.columns if column.type == "timestamp"}


def texts() -> bytes:
    """All texts as those of one object, one below the other."""
    return b"\n".join(case.make() for case in CASES.values() if not case.raw)


@pytest.fixture(scope="module")
def lake(new_lake: NewLake) -> Era:
    era = new_lake(CATALOG)
    era.put("texts", gzip.compress(texts(), 1, mtime=0))
    for number, case in enumerate(RAW):
        era.put(f"object-{number}", case.make())
    return era


def alike(era: Era) -> Rows:
    """The rows over the columns that both tables declare, times as instants, in both tables."""
    json = [f"to_unixtime(from_iso8601_timestamp({n}))" if n in TIMES else n for n in BOTH]
    parquet = [f"to_unixtime({n})" if n in TIMES else n for n in BOTH]
    sums = ", ".join(f"count({name}), checksum({name})" for name in BOTH)
    answers = []
    for fmt, columns in (("json", json), ("parquet", parquet)):
        named = ", ".join(f"{what} AS {name}" for what, name in zip(columns, BOTH, strict=True))
        rows = era.ask(f"SELECT {named} FROM {{{fmt}}}")
        checks = era.ask(f"SELECT count(*), {sums} FROM (SELECT {named} FROM {{{fmt}}})")
        answers.append((Counter(map(repr, rows)), checks))
    assert answers[0] == answers[1]
    return rows


def test_every_row_is_there_and_alike_before_and_after_compaction(lake: Era) -> None:
    before = alike(lake)
    published = len(expect(texts(), CATALOG, Limits()).json)
    assert len(before) == published + sum(len(case.json) for case in RAW)

    lake.compact()
    after = alike(lake)
    assert Counter(map(repr, after)) == Counter(map(repr, before))


@pytest.mark.parametrize("fmt", FORMAT_NAMES)
def test_every_column_of_every_table_can_be_read_and_grouped(lake: Era, fmt: str) -> None:
    columns = [column.name for column in CATALOG.tables[fmt].columns]
    whole = lake.ask(f"SELECT {', '.join(columns)} FROM {{{fmt}}}")
    assert len(lake.ask(f"SELECT * FROM {{{fmt}}}")) == len(whole) > 0
    counts = ", ".join(f"count({name}), min({name}), max({name})" for name in columns)
    (found,) = lake.ask(f"SELECT {counts} FROM {{{fmt}}}")
    for at, name in enumerate(columns):
        values = [row[at] for row in whole if row[at] is not None]
        count, least, greatest = found[3 * at : 3 * at + 3]
        assert count == len(values)
        assert not values or {least, greatest} <= set(values)
        groups = lake.ask(f"SELECT {name}, count(*) FROM {{{fmt}}} GROUP BY {name}")
        # The two zeros are one group.
        assert dict(groups) == Counter(row[at] for row in whole)


def test_every_rejected_text_is_in_the_rejects(lake: Era) -> None:
    wanted = Counter(case.corrupt for case in RAW if case.corrupt)
    for case in RAW:
        wanted.update(reason for *_, reason in case.rejects)
    for *_, reason, count, _events, _line, _offset in expect(texts(), CATALOG, Limits()).rejects:
        wanted[reason] += count
    rows = lake.ask("SELECT reason, sum(texts) FROM {rejects} GROUP BY reason")
    assert dict(rows) == wanted

"""Times of every form, at every edge: the engine reads the same instants in both tables."""

import json

import pytest

from clickstream_lake.lake.catalog_file import load_catalog
from tests.corpus.instants import joda_instants
from tests.engine.conftest import NewLake
from tests.engine.eras import Era, Rows
from tests.integration.test_times import SENT

pytestmark = pytest.mark.engine

# The first and the last, days that some calendars leave out, leap days, before 1970, an offset.
EDGES = {
    "0001-01-01T00:00:00.000Z": -62_135_596_800_000,
    "1582-10-04T23:59:59.999Z": -12_220_156_800_001,
    "1582-10-10T12:00:00.000Z": -12_219_681_600_000,
    "1582-10-15T00:00:00.000Z": -12_219_292_800_000,
    "1900-02-28T23:59:59.999Z": -2_203_891_200_001,
    "1969-12-31T23:59:59.999Z": -1,
    "2000-02-29T12:00:00.001Z": 951_825_600_001,
    "2025-11-26T10:00:00.123+14:00": 1_764_100_800_123,
    "2025-11-26T10:00:00.123": 1_764_151_200_123,  # no offset means UTC
    "9999-12-31T23:59:59.999Z": 253_402_300_799_999,
}
INSTANT = {
    "json": "date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00 UTC',"
    " from_iso8601_timestamp(event_ts))",
    "parquet": "date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00', event_ts)",
}


def instants(era: Era, fmt: str) -> Rows:
    return era.ask(f"SELECT event_id, {INSTANT[fmt]} FROM {{{fmt}}} ORDER BY 1")  # noqa: S608 - our own table


@pytest.fixture(scope="module")
def lake(new_lake: NewLake) -> Era:
    era = new_lake(load_catalog())
    era.land("edges", *({"event_id": text, "event_ts": text} for text in EDGES))
    era.land("forms", *(f'{{"event_id":{json.dumps(sent)},"event_ts":{sent}}}' for sent in SENT))
    return era


def test_both_tables_have_the_same_instants_before_and_after_compaction(lake: Era) -> None:
    before = [instants(lake, fmt) for fmt in INSTANT]
    assert before[0] == before[1]
    assert len(before[0]) == len(EDGES) + len(SENT)
    lake.compact()
    assert [instants(lake, fmt) for fmt in INSTANT] == before


def test_an_instant_is_the_one_that_was_sent(lake: Era) -> None:
    found = dict(instants(lake, "parquet"))
    assert {text: found[text] for text in EDGES} == EDGES
    known = {
        json.dumps(text, ensure_ascii=False): instant
        for text, instant in joda_instants().items()
        # The lake has the years 1 to 9999, and takes numbers and SQL text besides.
        if instant is not None
        and min(EDGES.values()) <= instant <= max(EDGES.values())
        and found[json.dumps(text, ensure_ascii=False)] is not None
    }
    assert {text: found[text] for text in known} == known
    assert len(known) > 100

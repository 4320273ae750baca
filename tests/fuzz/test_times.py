from datetime import timedelta

import pytest

from clickstream_lake.lake.instants import instant_of
from tests.corpus.instants import joda_instants
from tests.fuzz.hostile import TIMES
from tests.fuzz.times import EPOCH, instant

TAKEN = {text: instant_of(("iso",), text, is_text=True) for text in [*joda_instants(), *TIMES]}


@pytest.mark.parametrize("text", TAKEN, ids=range(len(TAKEN)))
def test_the_oracle_takes_what_the_lake_takes(text: str) -> None:
    """Which equals the engine's answers: tests/unit/lake/test_instants.py."""
    try:
        found = (instant(text) - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        assert TAKEN[text] is None
    else:
        assert TAKEN[text] == (found, True)

"""Property-based fuzzing; CLICKSTREAM_FUZZ_LINES=1000000 runs the seeded generator at length."""

import gzip
import json
import os
import random
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.quality import Breach
from clickstream_lake.transform import core
from clickstream_lake.transform.core import Job, transform_stream
from clickstream_lake.transform.rules.reasons import ObjectReason
from tests.corpus.lake_files import (
    CATALOG,
    PROCESSED,
    RAW_KEY,
    RULED,
    STRICT,
    check,
    check_alike,
    check_no_canary,
    run,
)
from tests.fuzz.hostile import STRUCTURE, Hostile
from tests.fuzz.oracle import NotJsonError, Reader, expect

LINES = int(os.environ.get("CLICKSTREAM_FUZZ_LINES", "0"))
SEED = int(os.environ.get("CLICKSTREAM_FUZZ_SEED", "1"))
LINES_PER_OBJECT = 500
TIGHT = Limits(max_line_bytes=1_024, max_depth=6, max_keys=12)
EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_hostile_lines_come_out_as_the_rules_say(rng: random.Random, lines: int) -> None:
    data = Hostile(rng).object(lines)
    check(run(data), expect(data, CATALOG, Limits()))


@pytest.mark.parametrize("seed", range(3))
def test_hostile_lines_come_out_as_the_rules_say_in_bulk(seed: int) -> None:
    data = Hostile(random.Random(seed)).object(LINES_PER_OBJECT)  # noqa: S311 - test data
    check(run(data, duck=True), expect(data, CATALOG, Limits()))


@pytest.mark.parametrize("seed", range(6))
def test_mostly_plain_lines_come_out_as_the_rules_say(seed: int) -> None:
    data = Hostile(random.Random(seed)).mostly_plain(LINES_PER_OBJECT)  # noqa: S311 - test data
    check(run(data), expect(data, CATALOG, Limits()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("catalog", [RULED, STRICT], ids=["mismatch", "reject"])
def test_lines_come_out_as_the_rules_of_columns_say(catalog: Catalog, seed: int) -> None:
    hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
    make = hostile.object if seed % 2 else hostile.mostly_plain
    data = make(LINES_PER_OBJECT)
    outcome = run(data, catalog=catalog)
    check(outcome, expect(data, catalog, Limits()))
    assert {*outcome.stats.rejected} & {*Breach} or catalog is RULED
    assert outcome.stats.published > LINES_PER_OBJECT / 5


@EXAMPLES
@given(st.binary(max_size=300))
@example(b"\xef\xbb")
def test_any_bytes_come_out_as_the_rules_say(data: bytes) -> None:
    check(run(data), expect(data, CATALOG, Limits()))


@EXAMPLES
@given(st.lists(st.sampled_from(list(b'{}[]",:\\ \r\n\tau10e.-\xef\xbb\xbf\xff')), max_size=60))
def test_any_soup_of_json_comes_out_as_the_rules_say(soup: list[int]) -> None:
    check(run(bytes(soup)), expect(bytes(soup), CATALOG, Limits()))


@EXAMPLES
@given(st.lists(st.sampled_from(['{"a":', *'["}],:1\\ \t', "true"])))
def test_the_oracle_reads_what_the_json_module_reads(soup: list[str]) -> None:
    text = "".join(soup)
    try:
        Reader(text).whole()
    except NotJsonError:
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
    else:
        json.loads(text)


NESTED = [
    b'{"whole":1,"items":[{"part":1},{"part":[{"part":2}]}],"user_id":{"part":"c4n4ry"}}',
    b'{"user_id":{"part":[{"part":"c4n4ry"},{"part":"c4n4ry"}]},"b":{"part":{}},"whole":"}{"}',
    b'{"whole":"{\\"part\\":1}","b":[[{"part":"]"}],{"part":"\\"}"}],"user_id":["c4n4ry"]}',
]


@pytest.mark.parametrize("event", NESTED)
@pytest.mark.parametrize("between", [b"", b",", b" "])
def test_no_part_of_an_event_that_is_broken_anywhere_is_published(
    event: bytes, between: bytes
) -> None:
    before, after = b'{"neighbour":"a"}', b'{"neighbour":"b"}'
    # Where strings start, and brackets; within a string a change would make another name of it.
    places = [match.start() for match in STRUCTURE.finditer(event)]
    broken = [event[:place] + event[place + 1 :] for place in places]
    broken += [
        event[:place] + bytes([byte]) + event[place:] for place in places for byte in b'{}[]"\\,:x'
    ]
    broken += [event[place:] for place in range(1, len(event))]
    broken += [event[:place] for place in range(len(event))]
    lines = [between.join([before, line, after]) for line in broken]
    lines += [between.join([before, line]) for line in broken]
    outcome = run(b"\n".join(lines))
    check_no_canary(outcome)
    assert outcome.json
    for published in outcome.json:
        assert {"neighbour", "whole"} & set(published), published


@EXAMPLES
@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=8))
def test_any_raw_bytes_are_published_or_rejected_whole(
    noise: bytes, position: int, instead: bytes
) -> None:
    member = gzip.compress(b'{"event_id":"e1","user_id":"c4n4ry"}\n' * 3, mtime=0)
    for raw in (noise, member + noise, member[:position] + instead + member[position:]):
        outcome = run(raw, compressed=True)
        check_no_canary(outcome)
        check_alike(outcome)
        stats = outcome.stats
        assert stats.lines == stats.blank + stats.published + stats.rejected_lines
        assert (outcome.json is None) == (stats.corrupt is not None)
        assert stats.corrupt is None or stats.corrupt in {*ObjectReason}


@EXAMPLES
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 6),
    st.lists(st.integers(0, 2000), max_size=8),
    st.sampled_from([200, 1000, 4 * 1024 * 1024]),
)
def test_pieces_change_nothing(
    rng: random.Random, lines: int, cuts: list[int], longest: int
) -> None:
    data = Hostile(rng).object(lines)
    limits = Limits(max_line_bytes=longest)
    whole = run(data, limits=limits)
    if (expected := expect(data, CATALOG, limits)).sure:
        check(whole, expected)
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for pieces in (
        [data[start:end] for start, end in pairwise(at)],
        [data[start : start + 1] for start in range(len(data))],
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core, "gunzip", lambda *_, pieces=pieces: iter(pieces))
            found = run(data, limits=limits)
        assert found.files == whole.files


def test_the_same_object_gives_the_same_bytes(tmp_path: Path) -> None:
    data = gzip.compress(Hostile(random.Random(4)).object(400))  # noqa: S311 - test data
    job = Job(Layout().source(RAW_KEY), CATALOG, Limits(), OutputOptions(), PROCESSED)
    files = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        transform_stream(BytesIO(data), job, folder)
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert files[0] == files[1]


@pytest.mark.slow
@pytest.mark.skipif(not LINES, reason="set CLICKSTREAM_FUZZ_LINES to a number of lines")
def test_hostile_lines_at_length() -> None:
    totals = {"lines": 0, "published": 0, "rejected": 0, "blank": 0}
    seed = SEED
    while totals["lines"] < LINES:
        hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
        make = hostile.object if seed % 2 else hostile.mostly_plain
        data = make(LINES_PER_OBJECT)
        limits = Limits() if seed % 5 else TIGHT
        catalog = (CATALOG, RULED, STRICT)[seed % 3]
        outcome = run(data, limits=limits, catalog=catalog)
        expected = expect(data, catalog, limits)
        try:
            if expected.sure:
                check(outcome, expected)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        totals["lines"] += outcome.stats.lines
        totals["published"] += outcome.stats.published
        totals["rejected"] += outcome.stats.rejected_lines
        totals["blank"] += outcome.stats.blank
        seed += 1
    print(f"seeds {SEED} to {seed - 1}: {totals}")  # noqa: T201 - the figures of a long run

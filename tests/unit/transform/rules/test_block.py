"""The kernel and the code that goes line by line give the same bytes and rows."""

import json
import os
import random
from collections import Counter
from typing import Any

import pytest

from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.read.lines import Block
from clickstream_lake.transform.rules.block import BlockEnricher
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Event, Rules
from tests.corpus.cases import CASES
from tests.corpus.lake_files import CATALOG
from tests.fuzz.hostile import Hostile

LINES = int(os.environ.get("CLICKSTREAM_FUZZ_LINES", "0"))
RULES = Rules(
    catalog=CATALOG,
    limits=Limits(),
    processed_ts=1_764_151_200_000,
    processed_ts_text="2025-11-26T10:00:00.000Z",
    partition_keys=("year", "month", "day"),
)


def by_block(data: bytes) -> dict[str, Any]:
    parts = [
        {
            "json": b"".join(part.json),
            "rows": [exact(row) for batch in part.batches for row in batch.to_pylist()],
            "rejects": part.rejects,
            "blank": part.blank,
            "mismatched": part.mismatched,
        }
        for part in BlockEnricher(RULES).enrich(Block(data, 0, 0))
    ]
    return {
        "json": b"".join(part["json"] for part in parts),
        "rows": [row for part in parts for row in part["rows"]],
        "rejects": [reject for part in parts for reject in part["rejects"]],
        "blank": sum(part["blank"] for part in parts),
        "mismatched": sum((Counter(part["mismatched"]) for part in parts), Counter()),
    }


def by_line(data: bytes) -> dict[str, Any]:
    enricher = Enricher(RULES)
    done = Enriched()
    events: list[Event] = []
    offset = 0
    lines = data.split(b"\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        events += enricher.line(line, number, offset, done)
        offset += len(line) + 1
    rows = enricher.batch(events).to_pylist() if events else []
    return {
        "json": b"".join(line for line, _ in events),
        "rows": [exact(row) for row in rows],
        "rejects": done.rejects,
        "blank": done.blank,
        "mismatched": Counter(done.mismatched),
    }


def exact(row: dict[str, Any]) -> dict[str, Any]:
    """A row in which doubles are alike only if their bits are: zero is not minus zero."""
    return {k: v.hex() if isinstance(v, float) else v for k, v in row.items()}


@pytest.mark.parametrize("seed", range(25))
def test_hostile_blocks_come_out_alike(seed: int) -> None:
    hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
    data = b"".join(hostile.line() + b"\n" for _ in range(1 + seed % 5 * 20))
    assert by_block(data) == by_line(data)


@pytest.mark.parametrize("seed", range(25))
def test_nearly_plain_blocks_come_out_alike(seed: int) -> None:
    """One odd event among plain ones of its shape: what a proof over counts could miss."""
    rng = random.Random(seed)  # noqa: S311 - test data
    hostile = Hostile(rng)
    for _ in range(10):
        lines = [hostile.plain() for _ in range(rng.randrange(1, 8))]
        lines.insert(rng.randrange(len(lines) + 1), hostile.event())
        data = b"\n".join(lines) + b"\n"
        assert by_block(data) == by_line(data)


@pytest.mark.parametrize(
    "unfit", [b'{"a":[{"b', b'{"price":{}}', b'{"event_ts":"x"}', b'{"zz":1e999}', b"[1]"]
)
@pytest.mark.parametrize(
    "odd",
    [
        b'{"event_id":"b"}\n',
        b'{"event_id":"b"}{"event_id":"c"}\n\n',
        b'{"event_id":"b"} {"event_id":"c"}\n',
        b'\n{"event_id":"b"}{"event_id":"c"}\n',
        b'{"event_id":\n"b"}\n',
        b'{"a":[{"user_id":\n"b"}]}\n',
        b'{"properties":{"k":\n1}}\n',
        b'{"price":\n1}\n',
        b'{"price":{"k":\n1}}\n',
        b'{ "event_id":"b"}\n\n',
        b'{"event_id":"b"}\r\n\r\n',
    ],
)
def test_an_unfit_value_among_lines_that_are_no_single_events(odd: bytes, unfit: bytes) -> None:
    """Which line an event is from must be known before one may be left out."""
    plain = b'{"event_id":"a","user_id":"u"}\n'
    for data in (odd + unfit + b"\n" + plain, plain + unfit + b"\n" + odd, unfit + b"\n" + odd):
        assert by_block(data) == by_line(data)


@pytest.mark.parametrize("seed", range(12))
def test_long_blocks_with_odd_and_new_events_come_out_alike(seed: int) -> None:
    """What the kernel learns on the way, and what it declines, does not move the others."""
    rng = random.Random(seed)  # noqa: S311 - test data
    hostile = Hostile(rng)
    lines = []
    for number in range(600):
        line = hostile.plain()
        chance = rng.random()
        if chance < 0.03:
            line = rng.choice((hostile.line(), hostile.event(), line[: rng.randrange(len(line))]))
        elif chance < 0.05 and line.endswith(b"}") and len(line) > 2:
            line = line[:-1] + b',"new%d":%d}' % (rng.randrange(1 + number // 100), number)
        lines.append(line)
    data = b"\n".join([*lines, b""])
    assert by_block(data) == by_line(data)


@pytest.mark.slow
@pytest.mark.skipif(not LINES, reason="set CLICKSTREAM_FUZZ_LINES to a number of lines")
def test_blocks_come_out_alike_at_length() -> None:
    for seed in range(0, LINES, 600):
        hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
        data = hostile.mostly_plain(600)
        assert by_block(data) == by_line(data), f"seed {seed}"


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if not case.raw and len(case.make()) < 100_000]
)
def test_the_corpus_comes_out_alike(name: str) -> None:
    data = CASES[name].make().removeprefix(b"\xef\xbb\xbf")
    data = data if data.endswith(b"\n") else data + b"\n"
    for block in (data, data * 3, b'{"event_id":"e1","user_id":"u"}\n' * 2 + data):
        assert by_block(block) == by_line(block)


def test_plain_events_are_taken_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the comparisons above would compare one path with itself."""

    def never(*_: object) -> None:
        raise AssertionError("taken line by line")

    monkeypatch.setattr(Enricher, "line", never)
    event = {
        "event_id": "e1",
        "user_id": "u",
        "price": 1.5,
        "properties": {"a": [1]},
        "page_url": "/",
    }
    found = by_block(b"".join(json.dumps(event).encode() + b"\n" for _ in range(50)))
    assert len(found["rows"]) == 50


@pytest.mark.parametrize("seed", range(20))
def test_lines_of_several_events_come_out_alike(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - test data
    hostile = Hostile(rng)
    data = b""
    for _ in range(30):
        odd = rng.choice((0.0, 0.1, 0.5))
        data += rng.choice((b"", b" ", b"\r")).join(
            hostile.line() if rng.random() < odd else hostile.usual()
            for _ in range(rng.randrange(1, 8))
        )
        data += b"\n"
    assert by_block(data) == by_line(data)


def test_an_escaped_backslash_before_a_u_hides_nothing() -> None:
    line = b'{"properties":{"a":"\\\\u0041\\/"}}'
    found = by_block(line + b"\n")
    assert found == by_line(line + b"\n")
    assert found["json"].startswith(line[:-1])

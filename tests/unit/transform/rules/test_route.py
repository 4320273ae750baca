"""Each event is of one family, by one look and by the code that goes line by line alike."""

import dataclasses
import json
import random
from collections import Counter
from typing import Any

import pytest

from clickstream_lake.transform.read.lines import Block, blocks
from clickstream_lake.transform.rules.enrich import MOST_REJECTS, Enriched, Rules, Tally
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.reasons import OF_A_CATALOG
from clickstream_lake.transform.rules.route import RoutedEnricher
from tests.corpus.cases import CASES
from tests.corpus.lake_files import STRICT
from tests.fuzz.hostile import Hostile
from tests.unit.transform.rules.test_block import RULES, by_line, collected

NUMBERS = {"click": 1, "a": 1, "é": 2, "日本語": 2, "true": 2}
ORDER = b'{"event_id":"o","event_type":"click"}'
OTHER = b'{"event_id":"w","event_type":"page_view"}'


@pytest.fixture(params=["kernel", "by line"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by line":
        monkeypatch.setenv(library.SETTING, "off")


def routed(
    data: bytes, *, numbers: dict[str, int] = NUMBERS, rules: Rules = RULES, families: int = 3
) -> list[dict[str, Any]]:
    """What becomes of a block, by family."""
    enricher = RoutedEnricher([rules] * families, "event_type", numbers)
    parts = [[Enriched()] for _ in range(families)]
    for number, done in enricher.enrich(Block(data, 0, 0)):
        kept = dataclasses.replace(done, json=[bytes(lines) for lines in done.json], lines=0)
        parts[number].append(kept)
    return [collected(each) for each in parts]


def alike(data: bytes, monkeypatch: pytest.MonkeyPatch, rules: Rules = RULES) -> None:
    """Compare both paths, and both with the same events of one family."""
    with monkeypatch.context() as patched:
        patched.setenv(library.SETTING, "off")
        expected = routed(data, rules=rules)
    assert routed(data, rules=rules) == expected
    whole = by_line(data, rules)
    lines = [line for family in expected for line in family["json"].splitlines()]
    assert Counter(lines) == Counter(whole["json"].splitlines())
    own = [reject for reject in whole["rejects"] if reject.reason not in OF_A_CATALOG]
    assert [r for r in expected[0]["rejects"] if r.reason not in OF_A_CATALOG] == own
    rejects = [reject for family in expected for reject in family["rejects"]]
    assert sorted(rejects, key=str) == sorted(whole["rejects"], key=str)
    assert expected[0]["blank"] == whole["blank"]
    for number, family in enumerate(expected):
        for line in family["json"].splitlines():
            kind = json.loads(line).get("event_type")
            assert NUMBERS.get(kind, 0) == number or (number == 0 and kind in {"true", "a"}), line


@pytest.mark.parametrize("seed", range(40))
def test_hostile_blocks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
    data = b"".join(hostile.line() + b"\n" for _ in range(1 + seed % 5 * 20))
    alike(data, monkeypatch)
    alike(data[:-1], monkeypatch)


def event(rng: random.Random, *, key: bytes = b'"event_type"') -> bytes:
    """An event whose type is hard to tell, or is not."""
    kinds = [b'"click"', b'"page_view"', b'"\\u0063lick"', b'"\\u00e9"', '"é"'.encode()]
    kinds += [b'"a"', b'"A"', b"12", b"null", b"true", b'["click"]', b'{"event_type":"a"}', b'""']
    spelt = [key] * 8 + [b'"event\\u005ftype"', b'"Event_Type"', b'"event_type "', b'"e"']
    pad = rng.choice([b"", b"", b" ", b"\t"])
    fields = [
        rng.choice(spelt) + pad + b":" + pad + rng.choice(kinds) for _ in range(rng.randrange(3))
    ]
    fields += rng.sample(
        [
            b'"event_id":"x\\"event_type\\":"',
            b'"page_url":"/\\u00fc?event_type=click"',
            b'"properties":{"event_type":"click","b":[{"c":1},{"d":"}{"}]}',
            b'"nested":[{"event_type":"a"},{"x":2}]',
            b'"name":"event_type"',
            b'"text":"\\\\users \\n } , {"',
            b'"country":"\\u0065"',
        ],
        rng.randrange(4),
    )
    rng.shuffle(fields)
    return b"{" + (b"," + pad).join(fields) + b"}"


@pytest.mark.parametrize("seed", range(60))
def test_types_that_are_hard_to_tell(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of one event, of several, with commas, garbage and cuts between them."""
    rng = random.Random(seed)  # noqa: S311 - test data
    joints = [
        b"",
        b" ",
        b",",
        b", ",
        b"\r",
        b"\x1e",
        b"x",
        b":",
        b'"',
        b"}",
        b"]",
        b"[",
        b"{",
        b"\\n",
    ]
    lines = []
    for _ in range(rng.randrange(1, 40)):
        some = [event(rng) for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 3, 5]))]
        line = b"".join(text + rng.choice(joints) for text in some)
        if rng.random() < 0.1:
            line = line[: rng.randrange(len(line) + 1)]
        lines.append(rng.choice([b"", b"", b" ", b"\xef\xbb\xbf", b","]) + line)
    data = b"\n".join(lines) + b"\n" * rng.randrange(2)
    alike(data, monkeypatch)
    alike(data, monkeypatch, dataclasses.replace(RULES, catalog=STRICT))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, case in CASES.items()
        if not case.raw and len(case.make()) < 100_000 and len(case.rejects) < 300
    ],
)
def test_the_corpus(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = CASES[name].make().removeprefix(b"\xef\xbb\xbf")
    alike(ORDER + b"\n" + data + ORDER + OTHER + b"\n" + OTHER, monkeypatch)


def types(found: list[dict[str, Any]]) -> list[list[str]]:
    return [[row["event_id"] for row in family["rows"]] for family in found]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b'{"event_id":"x","event_type":"click"}', 1),
        (b' { "event_type" :\t"click" , "event_id":"x" } \r', 1),
        (b'{"event_id":"x","event_type":"\\u0063lick"}', 1),
        (b'{"event_id":"x","event\\u005ftype":"click"}', 1),
        (b'{"event_id":"x","event_type":"a","event_type":"page_view"}', 0),
        (b'{"event_id":"x","event_type":"page_view","event_type":"\\u00e9"}', 2),
        (b'{"event_id":"x","event_type":"click","event\\u005ftype":null}', 0),
        (b'{"event_id":"x","event_type":"Click"}', 0),
        (b'{"event_id":"x","Event_Type":"click"}', 0),
        (b'{"event_id":"x","event_type":true}', 0),
        (b'{"event_id":"x","event_type":["click"]}', 0),
        (b'{"event_id":"x","properties":{"event_type":"click"}}', 0),
        (b'{"properties":{"event_type":"click"},"event_type":"\\u00e9","event_id":"x"}', 2),
        (b'{"event_id":"x","country":"event_type","event_type":"click"}', 1),
        (b'{"event_id":"x"}', 0),
    ],
)
def test_the_family_of_an_event(line: bytes, number: int) -> None:
    for data in (line, line + b"\n", ORDER + b"\n" + line + b"\n" + OTHER):
        found = routed(data)
        assert [[name for name in names if name == "x"] for names in types(found)] == [
            ["x"] if each == number else [] for each in range(3)
        ]


@pytest.mark.usefixtures("path")
def test_a_line_with_events_of_several_families_is_taken_apart() -> None:
    other = OTHER.replace(b'"w"', b'"v"')
    data = ORDER + OTHER + b" " + ORDER.replace(b"click", "é".encode()) + other + b"\n" + OTHER
    assert types(routed(data)) == [["w", "v", "w"], ["o"], ["o"]]


@pytest.mark.usefixtures("path")
def test_what_is_no_event_is_rejected_for_the_own_family_at_its_place() -> None:
    lines = [
        OTHER + b" x " + ORDER,
        ORDER[:-1],
        b'{"event_type":"click","a":1e999}',
        ORDER + OTHER + b'{"event_type":"click","a":[1}',
        b"",
        b'{"event_type":"click"} {"a":\x01}',
    ]
    data = b"\n".join(lines)
    found = routed(data)
    assert [family["rejects"] for family in found[1:]] == [[], []]
    places = [(reject.line_number, reject.byte_offset) for reject in found[0]["rejects"]]
    starts = [data.index(b" x ") + 1, data.index(lines[1] + b"\n"), data.index(lines[2])]
    starts += [data.index(b'{"event_type":"click","a":['), data.index(b'{"a":\x01')]
    assert places == list(zip([1, 2, 3, 4, 6], starts, strict=True))
    assert found[0]["rejects"] == by_line(data)["rejects"]


@pytest.mark.usefixtures("path")
def test_what_a_familys_own_rules_reject_stays_with_it() -> None:
    bad = ORDER[:-1] + b',"price":2000}'
    data = OTHER + b"\n" + OTHER + bad + b"\n" + bad
    found = routed(data, rules=dataclasses.replace(RULES, catalog=STRICT))
    offsets = [data.index(bad), data.rindex(bad)]
    assert [reject.byte_offset for reject in found[1]["rejects"]] == offsets
    assert [reject.line_number for reject in found[1]["rejects"]] == [2, 3]
    assert found[2]["rejects"] == []


@pytest.mark.usefixtures("path")
def test_lines_are_counted_from_block_to_block() -> None:
    enricher = RoutedEnricher([RULES] * 3, "event_type", NUMBERS)
    data = b"".join((ORDER if n % 3 else OTHER + ORDER) + b"\nx\n" for n in range(40))
    rejects = [
        reject.line_number
        for block in blocks([data[n : n + 90] for n in range(0, len(data), 90)], 1_000)
        for _, done in enricher.enrich(block)
        for reject in done.rejects
    ]
    assert rejects == list(range(2, 81, 2))


@pytest.mark.usefixtures("path")
def test_more_rejects_than_are_named_are_tallied_at_their_first_and_last_place() -> None:
    broken = b'{"event_type":"click"'
    data = b"\n".join([broken, b"x"] * (MOST_REJECTS + 50)) + b"\n"
    enricher = RoutedEnricher([RULES] * 3, "event_type", NUMBERS)
    named, tallies = [], list[Tally]()
    for number, done in enricher.enrich(Block(data, 0, 0)):
        assert number == 0 or not (done.rejects or done.tallies)
        named += done.rejects
        tallies += done.tallies
    assert len(named) + sum(tally.texts for tally in tallies) == 2 * (MOST_REJECTS + 50)
    assert [reject.byte_offset for reject in named] == sorted(r.byte_offset for r in named)
    if tallies:  # by the kernel alone
        last = max(tally.last.byte_offset for tally in tallies)
        assert last == data.rindex(b"x")


def test_a_block_of_more_rows_than_a_table_holds() -> None:
    data = b"".join((ORDER if n % 3 else OTHER) + b"\n" for n in range(30_000))
    assert [len(family["rows"]) for family in routed(data)] == [10_000, 20_000, 0]

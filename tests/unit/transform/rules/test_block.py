"""The kernel and the code that goes line by line give the same bytes and rows."""

import dataclasses
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.read.lines import Block
from clickstream_lake.transform.rules.block import BlockEnricher
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Rules
from clickstream_lake.transform.rules.reasons import LineReason
from tests.corpus.careful_checks import CHECKS
from tests.corpus.cases import CASES
from tests.corpus.lake_files import CATALOG, RULED, STRICT
from tests.fuzz.hostile import Hostile

LINES = int(os.environ.get("CLICKSTREAM_FUZZ_LINES", "0"))
RULES = Rules(
    catalog=CATALOG,
    limits=Limits(),
    processed_ts=1_764_151_200_000,
    processed_ts_text="2025-11-26T10:00:00.000Z",
    partition_keys=("year", "month", "day"),
)


def by_block(data: bytes, rules: Rules = RULES) -> dict[str, Any]:
    return collected(BlockEnricher(rules).enrich(Block(data, 0, 0)))


def by_line(data: bytes, rules: Rules = RULES) -> dict[str, Any]:
    return collected(Enricher(rules).scan(data, 1, 0))


def collected(parts: Iterable[Enriched]) -> dict[str, Any]:
    found: dict[str, Any] = defaultdict(
        int, json=b"", rows=[], rejects=[], mismatched=Counter(), breaches=Counter()
    )
    for part in parts:
        assert not part.tallies
        found["json"] += b"".join(part.json)
        found["rows"] += [exact(row) for batch in part.batches for row in batch.to_pylist()]
        found["rejects"] += part.rejects
        found["mismatched"] += Counter(part.mismatched)
        for column, breaches in part.breaches.items():
            found["breaches"] += Counter({(column, rule): n for rule, n in breaches.items()})
        for name in ("blank", "lines", "repaired"):
            found[name] += getattr(part, name)
    return found


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


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("catalog", [RULED, STRICT], ids=["mismatch", "reject"])
def test_blocks_come_out_alike_where_columns_have_rules(catalog: Catalog, seed: int) -> None:
    rules = dataclasses.replace(RULES, catalog=catalog)
    hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
    lines = [hostile.line() if seed % 2 else hostile.plain() for _ in range(60)]
    data = b"\n".join(lines) + b"\n"
    assert by_block(data, rules) == by_line(data, rules)


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
    """What the kernel learns on the way, or looks at with care, does not move the others."""
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
    "name",
    [
        name
        for name, case in CASES.items()
        # From a thousand rejects on, those of a block are tallied.
        if not case.raw and len(case.make()) < 100_000 and len(case.rejects) < 300
    ],
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


@pytest.mark.parametrize("scrub_text", [True, False])
@pytest.mark.parametrize("fold_names", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_lines_that_need_care_come_out_alike_beside_one_another(
    seed: int, *, fold_names: bool, scrub_text: bool
) -> None:
    rng = random.Random(seed)  # noqa: S311 - test data
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    document |= {"pii_keys": ["user_id", "größe"], "scrub_text": scrub_text}
    document["fold_names"] = fold_names
    rules = dataclasses.replace(RULES, catalog=parse_catalog(document))
    lines = [check.line for check in CHECKS if len(check.line) < 1_000]
    for _ in range(40):
        data = b"".join(
            rng.choice(lines) + rng.choice((b"", b" ", b",", b"\n", b"\r\n", b"\0", b"\\n", b":"))
            for _ in range(rng.randrange(1, 12))
        )
        data = data[: rng.randrange(len(data) + 1)] if rng.random() < 0.3 else data
        assert by_block(data, rules) == by_line(data, rules)


def test_places_go_on_from_block_to_block() -> None:
    enricher = BlockEnricher(RULES)
    blocks = [
        Block(b"{}\nx\n", 0, 0),
        Block(b"{}" * 9_000, 5, 0),  # of a long line
        Block(b"x" * 10, 18_006, 0, too_long=True),
        Block(b"x\n{}", 18_100, 3),
    ]
    parts = [part for block in blocks for part in enricher.enrich(block)]
    places = [(r.line_number, r.byte_offset, r.reason) for p in parts for r in p.rejects]
    assert places == [
        (2, 3, LineReason.NOT_JSON),
        (3, 18_006, LineReason.LINE_TOO_LONG),
        (6, 18_100, LineReason.NOT_JSON),
    ]
    assert sum(batch.num_rows for part in parts for batch in part.batches) == 9_002


def retired(*names: str) -> Rules:
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    for entry in document["columns"]:
        if entry["name"] in names:
            entry["retired"] = "2025-11-26"
    return dataclasses.replace(RULES, catalog=parse_catalog(document))


@pytest.mark.parametrize("seed", range(8))
def test_blocks_come_out_alike_where_columns_are_retired(seed: int) -> None:
    hostile = Hostile(random.Random(seed))  # noqa: S311 - test data
    lines = [hostile.line() if seed % 2 else hostile.plain() for _ in range(60)]
    data = b"\n".join(lines) + b"\n"
    rules = retired("price", "country", "properties", "page_url")
    assert by_block(data, rules) == by_line(data, rules)


@pytest.mark.parametrize("enrich", [by_block, by_line])
def test_what_is_sent_for_a_retired_column_goes_into_extra_of_both_formats(enrich: Any) -> None:  # noqa: ANN401 - two functions
    sent = b'{"event_id":"1","price":2.50,"quantity":3,"Price":4}\n'
    found = enrich(sent, retired("price"))
    (line,), (row,) = found["json"].splitlines(), found["rows"]
    assert "price" not in json.loads(line)
    assert json.loads(line)["extra"] == {"price": 2.5, "Price": 4}
    assert json.loads(row["extra"]) == {"price": 2.5, "Price": 4}
    assert (row["price"], row["quantity"]) == (None, 3)
    assert found["mismatched"] == {}


def renamed() -> Rules:
    """Columns whose values come under other names: several, and one that is not its own."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    sources = {
        "price": ["unit_price", "price", "zz"],
        "country": ["land"],
        "event_ts": ["ts", "event_ts"],
        "properties": ["a", "properties"],
        "page_url": ["page_url", "ref"],
        "referrer": ["referrer_url"],
    }
    for entry in document["columns"]:
        if entry["name"] in sources:
            entry["from"] = sources[entry["name"]]
    return dataclasses.replace(RULES, catalog=parse_catalog(document))


RENAMED = renamed()


@pytest.mark.parametrize("seed", range(20))
def test_blocks_come_out_alike_where_columns_come_under_other_names(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - test data
    hostile = Hostile(rng)
    lines = []
    for number in range(60):
        line = hostile.line() if (seed + number) % 2 else hostile.plain()
        for name in ("price", "country", "event_ts", "properties", "page_url", "referrer"):
            if rng.random() < 0.4:
                other = rng.choice(["unit_price", "zz", "land", "ts", "a", "ref", "l\\u0061nd"])
                line = line.replace(b'"%s"' % name.encode(), b'"%s"' % other.encode(), 1)
        lines.append(line)
    data = b"\n".join(lines) + b"\n"
    assert by_block(data, RENAMED) == by_line(data, RENAMED)


SENT: list[tuple[bytes, dict[str, Any], dict[str, Any]]] = [
    (b'{"unit_price":2.5}', {"price": 2.5}, {}),
    (b'{"price":3}', {"price": 3}, {}),
    (b'{"quantity":1,"price":3,"unit_price":4}', {"quantity": 1, "price": 4}, {"price": 3}),
    (b'{"unit_price":null,"price":3}', {"price": 3}, {"unit_price": None}),
    (b'{"zz":1,"price":null}', {"price": 1}, {"price": None}),
    (b'{"unit_price":null}', {"price": None}, {}),
    (b'{"unit\\u005fprice":4}', {"price": 4}, {}),
    # The first with a value counts, whether it fits or not.
    (b'{"unit_price":"x","price":1}', {"price": None}, {"unit_price": "x", "price": 1}),
    (b'{"land":"AT","country":"DE"}', {"country": "AT"}, {"country": "DE"}),
    (b'{"country":"DE"}', {}, {"country": "DE"}),
    (b'{"Land":"AT"}', {"Land": "AT"}, {}),
]


@pytest.mark.parametrize("enrich", [by_block, by_line])
@pytest.mark.parametrize(("sent", "line", "extra"), SENT)
def test_a_column_has_the_first_value_of_its_sources(
    enrich: Any,  # noqa: ANN401 - two functions
    sent: bytes,
    line: dict[str, Any],
    extra: dict[str, Any],
) -> None:
    found = enrich(sent + b"\n", RENAMED)
    published, row = json.loads(found["json"]), found["rows"][0]
    assert published.pop("processed_ts")
    assert published == line | ({"extra": extra} if extra else {})
    assert json.loads(row["extra"] or "{}") == extra | {
        name: line[name] for name in line.keys() & {"Land"}
    }


def retyped() -> Rules:
    """A column of URLs that is retired, and its field the source of one that is none of URLs."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    for entry in document["columns"]:
        if entry["name"] == "referrer":
            entry["retired"] = "2026-11-27"
    page = {"name": "page", "type": "string", "from": ["referrer"], "added": "2026-11-27"}
    document["columns"].append(page)
    return dataclasses.replace(RULES, catalog=parse_catalog(document))


@pytest.mark.parametrize("enrich", [by_block, by_line])
@pytest.mark.parametrize("rules", [RENAMED, retired("referrer"), retyped()])
@pytest.mark.parametrize("name", ["page_url", "ref", "referrer_url", "referrer"])
def test_personal_parameters_leave_urls_wherever_these_go(
    enrich: Any,  # noqa: ANN401 - two functions
    rules: Rules,
    name: str,
) -> None:
    sent = b'{"event_id":"1","%s":"https://a.example/?user_id=7&q=1"}\n' % name.encode()
    if any(name in (c.name, *c.sources) for c in rules.catalog.columns):
        found = enrich(sent, rules)
        assert b"?q=1" in found["json"]
        assert "user_id" not in str(found["rows"])


@pytest.mark.parametrize("enrich", [by_block, by_line])
def test_a_long_name_for_a_short_one_has_room(enrich: Any) -> None:  # noqa: ANN401 - two functions
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    name = "n" * 250
    entry = {"name": name, "type": "bigint", "from": ["a"], "added": "2026-11-27"}
    document["columns"].append(entry)
    rules = dataclasses.replace(RULES, catalog=parse_catalog(document))
    data = b'{"a":1}\n' * 8_000
    lines = enrich(data, rules)["json"].splitlines()
    assert len(lines) == 8_000
    assert all(json.loads(line)[name] == 1 for line in lines[::1_000])

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from clickstream_lake.generate import generate_events
from clickstream_lake.lake.catalog_file import load_catalog

START = datetime(2025, 11, 26, tzinfo=UTC)


def events(count: int = 3_000, *, undeclared: bool = False) -> list[dict[str, Any]]:
    lines = generate_events(seed=7, count=count, start=START, days=2, undeclared=undeclared)
    return [json.loads(line) for line in lines]


def test_the_same_seed_gives_the_same_bytes() -> None:
    def digest(seed: int) -> str:
        lines = generate_events(seed, 2_000, START, days=1, malformed=0.1, undeclared=True)
        return hashlib.sha256(b"".join(lines)).hexdigest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_the_bytes_of_a_seed_never_change() -> None:
    lines = generate_events(1, 2_000, START, days=1, malformed=0.1, undeclared=True)

    digest = hashlib.sha256(b"".join(lines)).hexdigest()

    assert digest == "466c6eec5ad07be6f342dbb26af478f62e8a1a1fae81a03ca2b9179d68da072e"


@pytest.mark.parametrize("count", [0, 1, 511, 5_000])
def test_gives_exactly_as_many_lines_as_asked_for(count: int) -> None:
    lines = list(generate_events(3, count, START))

    assert len(lines) == count
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)


def test_every_field_is_a_column_of_the_catalog_or_pii() -> None:
    catalog = load_catalog()
    known = {column.name for column in catalog.columns} | set(catalog.pii_keys)

    fields = {field for event in events() for field in event}

    assert fields <= known
    assert known - fields == {"processed_ts", "extra"}


def test_undeclared_fields_come_when_asked_for() -> None:
    assert all({"app_version", "viewport"} <= set(event) for event in events(200, undeclared=True))


def test_event_times_are_utc_text_within_the_span_and_roughly_in_order() -> None:
    times = [datetime.fromisoformat(event["event_ts"]) for event in events()]

    assert all(event["event_ts"].endswith("Z") for event in events(10))
    assert min(times) >= START
    assert max(times) < datetime(2025, 11, 28, tzinfo=UTC)
    assert len({time.date() for time in times}) == 2
    halfway = times[len(times) // 2]
    assert abs((halfway - datetime(2025, 11, 27, tzinfo=UTC)).total_seconds()) < 3 * 3600


def test_a_span_within_a_day_stays_within_it() -> None:
    start = datetime(2025, 11, 26, 10, 30, tzinfo=UTC)
    lines = generate_events(7, 500, start, days=0.01)
    times = sorted(json.loads(line)["event_ts"] for line in lines)

    assert times[0] >= "2025-11-26T10:30:00.000Z"
    assert times[-1] <= "2025-11-26T10:44:24.000Z"


def test_visits_walk_a_funnel_that_narrows() -> None:
    counts: dict[str, int] = {}
    for event in events(20_000):
        counts[event["event_type"]] = counts.get(event["event_type"], 0) + 1

    funnel = [
        counts[step] for step in ("page_view", "click", "add_to_cart", "checkout", "purchase")
    ]

    assert funnel == sorted(funnel, reverse=True)
    assert funnel[-1] > 0


def test_ids_are_unique_and_a_visit_keeps_its_browser_and_country() -> None:
    sample = events(5_000)
    visits: dict[str, set[tuple[Any, ...]]] = {}
    for event in sample:
        same = (event.get("user_id"), event["user_agent"], event["device_type"], event["country"])
        visits.setdefault(event["session_id"], set()).add(same)

    assert len({event["event_id"] for event in sample}) == len(sample)
    assert all(len(same) == 1 for same in visits.values())


def test_pages_have_a_long_tail_and_fields_have_nulls() -> None:
    sample = events(20_000)
    views: dict[str, int] = {}
    for event in sample:
        views[event["page_url"]] = views.get(event["page_url"], 0) + 1

    assert max(views.values()) > 500
    assert sum(1 for count in views.values() if count == 1) > 500
    for nullable in ("referrer", "country", "product_id", "properties"):
        assert any(event[nullable] is None for event in sample)
    assert any("user_id" not in event for event in sample)


def test_an_event_is_about_450_bytes() -> None:
    lines = list(generate_events(7, 5_000, START))

    assert 430 < sum(map(len, lines)) / len(lines) < 500


def test_the_chosen_share_is_malformed_and_no_malformed_line_would_be_published() -> None:
    lines = list(generate_events(7, 20_000, START, malformed=0.05))

    def publishable(line: bytes) -> bool:
        try:
            value = json.loads(line.decode(), parse_constant=float, parse_float=_finite)
        except ValueError:
            return False
        return isinstance(value, dict) and b"NaN" not in line and b"Infinity" not in line

    malformed = [line for line in lines if not publishable(line)]

    assert 0.04 < len(malformed) / len(lines) < 0.06
    assert all(line.count(b"\n") == 1 for line in lines)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"malformed": 1.5}, "share between 0 and 1"),
        ({"days": 0}, "days must be positive"),
        ({"count": -1}, "count must not be negative"),
    ],
)
def test_an_impossible_wish_is_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_events(**({"seed": 1, "count": 1, "start": START} | arguments))

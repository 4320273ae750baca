"""The event generator: seeded visits to a shop, as NDJSON lines.

A visit is a walk through the states of `_NEXT` (a funnel with its drop-outs), with pauses between
the steps, on one browser in one country. Visits overlap, follow the hours of the day, and come out
roughly in order of time, as a producer's events arrive.

Lines are formatted from fragments rather than encoded from dictionaries, so that a few hundred
thousand events take only seconds. A test decodes every kind of line strictly.
"""

import random
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from clickstream_lake.generate.calendar import Calendar
from clickstream_lake.generate.malformed import mangle
from clickstream_lake.generate.vocabulary import (
    ARTICLES,
    BROWSERS,
    COUNTRIES,
    ENTRIES,
    EXPERIMENTS,
    LISTINGS,
    PRODUCTS,
    SEARCHES,
    SHOP,
    Browser,
    Product,
    Weighted,
    weighted,
)

T = TypeVar("T")
State = Literal[
    "home",
    "listing",
    "search",
    "product",
    "article",
    "click",
    "cart",
    "checkout",
    "purchase",
    "end",
]

# Where a visit lands, and where it goes from each state. "end" is the drop-out.
_LANDING: Weighted[State] = weighted(
    [("home", 35), ("product", 30), ("listing", 20), ("article", 15)]
)
_NEXT: dict[State, list[tuple[State, float]]] = {
    "home": [("listing", 40), ("product", 20), ("search", 15), ("article", 5), ("end", 20)],
    "listing": [("product", 50), ("listing", 15), ("search", 5), ("click", 15), ("end", 15)],
    "search": [("product", 55), ("search", 15), ("end", 30)],
    "product": [("click", 25), ("cart", 12), ("product", 25), ("listing", 13), ("end", 25)],
    "article": [("article", 25), ("product", 15), ("listing", 15), ("end", 45)],
    "click": [("product", 35), ("cart", 10), ("listing", 25), ("end", 30)],
    "cart": [("checkout", 40), ("product", 30), ("listing", 10), ("end", 20)],
    "checkout": [("purchase", 60), ("end", 40)],
    "purchase": [("product", 20), ("end", 80)],
}
_EVENT_TYPES: dict[State, str] = {
    "home": "page_view",
    "listing": "page_view",
    "search": "search",
    "product": "page_view",
    "article": "page_view",
    "click": "click",
    "cart": "add_to_cart",
    "checkout": "checkout",
    "purchase": "purchase",
}
_ABOUT_A_PRODUCT: frozenset[State] = frozenset({"product", "click", "cart", "checkout", "purchase"})

_FIXED_PAGES: dict[State, str] = {
    "home": "/",
    "cart": "/cart",
    "checkout": "/checkout",
    "purchase": "/checkout",
}

# Shares of visits or events, between 0 and 1.
_LOGGED_IN = 0.62
_LOCATED = 0.985
_WITHOUT_PROPERTIES = 0.08
_WITHOUT_COUPON = 0.8

_VISITS_PER_BLOCK = 512  # enough visits at once for their events to interleave
_EVENTS_PER_VISIT = 4.0  # the walk's mean; only spreads the visits over the days


def generate_events(
    seed: int,
    count: int,
    start: datetime,
    days: float = 1.0,
    malformed: float = 0.0,
    *,
    undeclared: bool = False,
) -> Iterator[bytes]:
    r"""Yield `count` events as NDJSON lines, each ending in one `\n`.

    The same arguments give the same bytes on every machine.

    Args:
        seed: any integer.
        count: how many lines.
        start: the first instant of the events; taken as UTC when it has no offset.
        days: the span that the events' `event_ts` cover, from `start`.
        malformed: share (0 to 1) of lines that are not publishable events; see `malformed.py`.
        undeclared: adds fields that the catalog does not declare (`app_version`, `viewport`).

    Raises:
        ValueError: for a share outside 0 to 1, a negative count or a span that is not positive.
    """
    check_arguments(count, days, malformed)
    # The checks above run at the call; in a generator they would run at the first line.
    return _generate(random.Random(seed), count, Calendar(start, days), malformed, undeclared)  # noqa: S311 - test data


def check_arguments(count: int, days: float, malformed: float) -> None:
    """Refuse what no events can be made by.

    Raises:
        ValueError: for a share outside 0 to 1, a negative count or a span that is not positive.
    """
    if not 0 <= malformed <= 1:
        raise ValueError(f"malformed is a share between 0 and 1, not {malformed}")
    if count < 0 or days <= 0:
        raise ValueError(f"count must not be negative and days must be positive: {count}, {days}")


def _generate(
    rng: random.Random,
    count: int,
    calendar: Calendar,
    malformed: float,
    undeclared: bool,  # noqa: FBT001 - one private caller
) -> Iterator[bytes]:
    visits = _Visits(rng, calendar, undeclared=undeclared)
    emitted = 0
    while emitted < count:
        expected = _VISITS_PER_BLOCK * _EVENTS_PER_VISIT
        block: list[tuple[int, str]] = []
        for _ in range(_VISITS_PER_BLOCK):
            position = min((emitted + rng.random() * expected) / count, 1.0)
            visits.add(block, calendar.at(position))
        block.sort()
        for _, text in block[: count - emitted]:
            if malformed and rng.random() < malformed:
                yield mangle(rng, text)
            else:
                yield text.encode()
        emitted += min(len(block), count - emitted)


class _Visits:
    """Walks visits through the shop, one at a time."""

    def __init__(self, rng: random.Random, calendar: Calendar, *, undeclared: bool) -> None:
        self._rng = rng
        self._calendar = calendar
        self._undeclared = undeclared
        self._landings = _pool(rng, _LANDING)
        self._steps = {state: _pool(rng, weighted(pairs)) for state, pairs in _NEXT.items()}
        self._products = _pool(rng, PRODUCTS)
        self._articles = _pool(rng, ARTICLES)
        self._listings = _pool(rng, LISTINGS)
        self._searches = _pool(rng, SEARCHES)
        self._browsers = _pool(rng, BROWSERS)
        self._countries = _pool(rng, COUNTRIES)
        self._entries = _pool(rng, ENTRIES)

    def add(self, block: list[tuple[int, str]], instant: int) -> None:
        """Append the events of one visit that starts at `instant`."""
        rng, calendar = self._rng, self._calendar
        identity, device = self._visitor()
        referrer = _quoted(self._entries())
        product = self._products()
        state = self._landings()
        step = 0
        while state != "end":
            if state == "product":
                product = self._products()
            page = self._page(state, product)
            about = (
                f'"product_id":"{product.product_id}","price":{product.price},'
                f'"quantity":{1 + int(rng.random() * rng.random() * 4)}'
                if state in _ABOUT_A_PRODUCT
                else '"product_id":null'
            )
            raw = f"{rng.getrandbits(128):032x}"
            text = (
                f'{{"event_id":"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}",'
                f'"event_type":"{_EVENT_TYPES[state]}","event_ts":"{calendar.text(instant)}",'
                f'{identity}"page_url":{page},"referrer":{referrer},{device}{about},'
                f'"properties":{self._properties(state, step)}{self._unknown()}}}\n'
            )
            block.append((instant, text))
            referrer = page
            step += 1
            instant = min(instant + _pause(rng.random()), calendar.last)
            state = self._steps[state]()

    def _visitor(self) -> tuple[str, str]:
        """The fields that stay the same for a whole visit, as JSON fragments."""
        rng = self._rng
        user = ""
        if rng.random() < _LOGGED_IN:
            # A heavy tail: a few visitors come back all the time, most of them once.
            number = int(40 / (1.0 - rng.random()) ** 2) % 900_000
            user = f'"user_id":"u-{number:06d}",'
        browser = self._browsers()
        country = _quoted(self._countries() if rng.random() < _LOCATED else None)
        identity = f'{user}"session_id":"s-{rng.getrandbits(48):012x}",'
        return identity, _device(browser, country)

    def _page(self, state: State, product: Product) -> str:
        """The page of a step, as JSON text."""
        match state:
            case "listing":
                path = self._listings()
            case "search":
                path = f"/search?q={self._searches().replace(' ', '+')}"
            case "article":
                path = self._articles()
            case _:
                path = _FIXED_PAGES.get(state, product.path)
        return f'"{SHOP}{path}"'

    def _properties(self, state: State, step: int) -> str:
        luck = self._rng.random()
        if luck < _WITHOUT_PROPERTIES:
            return "null"
        experiment = EXPERIMENTS[int(luck * 997) % len(EXPERIMENTS)]
        if state == "search":
            return f'{{"experiment":"{experiment}","results":{int(luck * 240)},"step":{step}}}'
        if state == "purchase":
            coupon = "true" if luck > _WITHOUT_COUPON else "false"
            return f'{{"experiment":"{experiment}","coupon":{coupon}}}'
        return f'{{"experiment":"{experiment}","scroll":{luck:.2f},"step":{step}}}'

    def _unknown(self) -> str:
        if not self._undeclared:
            return ""
        minor = int(self._rng.random() * 12)
        return f',"app_version":"4.{minor}.0","viewport":{{"width":390,"height":844}}'


def _pool(rng: random.Random, table: Weighted[T]) -> Callable[[], T]:
    """Weighted draws, a thousand at a time: one at a time costs ten times as much."""

    def refill() -> Iterator[T]:
        while True:
            yield from rng.choices(table.values, cum_weights=table.cumulative, k=1024)

    return partial(next, refill())


def _device(browser: Browser, country: str) -> str:
    return (
        f'"user_agent":"{browser.user_agent}","device_type":"{browser.device_type}",'
        f'"country":{country},'
    )


def _quoted(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


def _pause(share: float) -> int:
    """The wait before the next step in ms: 22 s on average, rarely minutes."""
    # Plain arithmetic, because libm's logarithm may differ in its last bit between machines.
    return int(7_300 * share / (1.02 - share))

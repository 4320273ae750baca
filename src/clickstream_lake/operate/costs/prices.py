"""AWS's prices: list prices of one region, on demand, in dollars, without the free tiers.

They stand in `prices.json` and nowhere else, each service with its page and the date as of which
they are known.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

PRICES_PATH: Final = Path(__file__).with_name("prices.json")

GIB: Final = 2**30
TIB: Final = 2**40
VCPU_GB: Final = 1_769 / 1_024
"""Lambda gives one whole vCPU at this much memory, less below."""
RECORD_BYTES: Final = 5 * 1024
"""Firehose counts a record in steps of this many bytes."""
MOST_RECORD_BYTES: Final = 1_000 * 1024
"""It takes no larger record."""
QUERY_BYTES: Final = 10 * 2**20
"""Athena charges a query for at least this much."""


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lower price for what a month has over some amount, in the price's unit."""

    over: float
    dollars: float


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One price.

    Attributes:
        what: what is paid for.
        unit: for how much of it `dollars` are; `per` is how many of the things counted.
        dollars: of the first tier.
        beyond: further tiers of a month, in order.
    """

    what: str
    unit: str
    dollars: float
    per: int = 1
    beyond: tuple[Tier, ...] = ()

    @property
    def each(self) -> float:
        """Dollars for one, in the first tier."""
        return self.dollars / self.per

    def of(self, count: float) -> float:
        """Dollars for a month's count."""
        units = count / self.per
        tiers = [Tier(0, self.dollars), *self.beyond, Tier(float("inf"), 0)]
        return sum(
            max(0.0, min(units, following.over) - tier.over) * tier.dollars
            for tier, following in pairwise(tiers)
        )


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prices of one service, by short names.

    Attributes:
        page: where AWS publishes them.
        as_of: when they were known to be true.
    """

    page: str
    as_of: str
    prices: dict[str, Price]


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, in one region."""

    region: str
    services: dict[str, Service]


@cache
def all_prices() -> Prices:
    """What `prices.json` holds."""
    return msgspec.json.decode(PRICES_PATH.read_bytes(), type=Prices)


def price(service: str, name: str) -> Price:
    """One price, such as that of `S3`'s `put`."""
    return all_prices().services[service].prices[name]


def athena_dollars(billed_bytes: float) -> float:
    """What Athena takes for bytes, once they are rounded as it does."""
    return price("Athena", "scanned").of(billed_bytes / TIB)

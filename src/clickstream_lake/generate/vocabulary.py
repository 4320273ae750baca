"""What the generated shop looks like: its pages, products, visitors' browsers and countries.

Every table is a list of values with the weight of each, and everything is derived from fixed
lists or from arithmetic, so that the vocabulary is the same on every machine and for every seed.
"""

from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")

SHOP = "https://shop.example"
PRODUCT_COUNT = 5_000
ARTICLE_COUNT = 800

# Zipf exponents: a few pages get most of the traffic, thousands share the rest.
PRODUCT_SKEW = 1.05
ARTICLE_SKEW = 1.2


@dataclass(frozen=True, slots=True)
class Weighted(Generic[T]):
    """Values and the running sum of their weights, as `random.choices` wants them."""

    values: tuple[T, ...]
    cumulative: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """One product: its id, the path of its page and its price as JSON number text."""

    product_id: str
    path: str
    price: str


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser: the User-Agent header it sends and the kind of device it runs on."""

    user_agent: str
    device_type: str


def weighted(pairs: list[tuple[T, float]]) -> Weighted[T]:
    """A weighted table from (value, weight) pairs."""
    return Weighted(
        values=tuple(value for value, _ in pairs),
        cumulative=tuple(accumulate(weight for _, weight in pairs)),
    )


def _zipf(values: list[T], skew: float) -> Weighted[T]:
    return weighted([(value, 1 / rank**skew) for rank, value in enumerate(values, start=1)])


CATEGORIES = (
    "shoes", "jackets", "backpacks", "tents", "climbing", "running",
    "cycling", "kitchen", "lighting", "books", "watches", "outlet",
)  # fmt: skip
_ADJECTIVES = (
    "light", "classic", "alpine", "urban", "pro", "compact",
    "merino", "recycled", "winter", "trail",
)  # fmt: skip


def _product(number: int) -> Product:
    category = CATEGORIES[number % len(CATEGORIES)]
    adjective = _ADJECTIVES[(number // 7) % len(_ADJECTIVES)]
    # A multiplicative hash spreads the prices; otherwise 5,000 neighbours would share one price.
    cents = 499 + (number * 2_654_435_761) % 29_500
    return Product(
        product_id=f"sku-{number:05d}",
        path=f"/p/{adjective}-{category}-{number:05d}",
        price=f"{cents // 100}.{cents % 100:02d}",
    )


PRODUCTS = _zipf([_product(number) for number in range(PRODUCT_COUNT)], PRODUCT_SKEW)
ARTICLES = _zipf(
    [f"/journal/{_ADJECTIVES[n % len(_ADJECTIVES)]}-stories-{n:04d}" for n in range(ARTICLE_COUNT)],
    ARTICLE_SKEW,
)
LISTINGS = _zipf([f"/{category}" for category in CATEGORIES], 0.8)
SEARCHES = _zipf(
    [f"{adjective} {category}" for category in CATEGORIES for adjective in _ADJECTIVES], 1.0
)

BROWSERS = weighted(
    [
        (Browser(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) "
            "Version/18.1 Safari/604.1", "mobile"), 31),
        (Browser(
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) "
            "Chrome/131.0.0.0 Mobile Safari/537.36", "mobile"), 24),
        (Browser(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
            "Chrome/131.0.0.0 Safari/537.36", "desktop"), 21),
        (Browser(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
            "Version/18.1 Safari/605.1.15", "desktop"), 9),
        (Browser(
            "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
            "desktop"), 5),
        (Browser(
            "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) "
            "Version/18.1 Safari/604.1", "tablet"), 6),
        (Browser(
            "Mozilla/5.0 (Linux; Android 14; SM-X910) "
            "Chrome/130.0.0.0 Safari/537.36", "tablet"), 4),
    ]
)  # fmt: skip

COUNTRIES = weighted(
    [("US", 34.0), ("DE", 14), ("GB", 11), ("FR", 8), ("IN", 6), ("BR", 5), ("JP", 5), ("NL", 4),
     ("CA", 4), ("ES", 3), ("IT", 3), ("SE", 1), ("PL", 1), ("AU", 1), ("ZA", 0.4), ("IS", 0.1)]
)  # fmt: skip

# Where a visit comes from; None is a visitor who typed the address.
ENTRIES: Weighted[str | None] = weighted(
    [(None, 34.0), ("https://www.google.com/", 33), ("https://www.bing.com/", 5),
     ("https://duckduckgo.com/", 3), ("https://www.instagram.com/", 8),
     ("https://news.example.org/deals", 5), ("https://mail.example.net/", 12)]
)  # fmt: skip

EXPERIMENTS = ("control", "variant-a", "variant-b")

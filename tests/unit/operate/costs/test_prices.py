from datetime import date

import pytest

from clickstream_lake.operate.costs.prices import (
    QUERY_BYTES,
    Price,
    Tier,
    all_prices,
    athena_dollars,
    price,
)
from clickstream_lake.sandbox.athena import billing


def test_each_service_names_its_page_and_the_date_of_its_prices() -> None:
    found = all_prices()
    assert found.region == "us-east-1"
    for name, service in found.services.items():
        assert service.page.startswith("https://aws.amazon.com/"), name
        first_day = f"{service.as_of}-01"[:10]
        assert date(2025, 1, 1) < date.fromisoformat(first_day), name
        assert service.prices, name


def test_a_month_is_priced_tier_by_tier() -> None:
    tiered = Price("it", "GB", 3.0, beyond=(Tier(10, 2.0), Tier(20, 1.0)))
    assert [tiered.of(count) for count in (0, 4, 10, 15, 25)] == [0, 12, 30, 40, 55]


def test_a_price_of_many_is_shared_among_them() -> None:
    put = price("S3", "put")
    assert put.each == pytest.approx(5e-6)
    assert put.of(1_000_000) == pytest.approx(5.0)


def test_athenas_minimum_is_that_of_the_local_athena() -> None:
    assert billing.MINIMUM_BYTES == QUERY_BYTES
    assert athena_dollars(billing.billed_bytes(1)) == pytest.approx(5 * 10 / 1024 / 1024)

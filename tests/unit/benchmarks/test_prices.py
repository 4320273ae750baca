from pathlib import Path

import pytest

from benchmarks import prices
from benchmarks.prices import transform_cost
from clickstream_lake.operate.costs.prices import price

ROOT = Path(__file__).parents[3]


def test_cost_is_memory_times_seconds_times_price_and_the_request() -> None:
    found = transform_cost(
        seconds=10, events=1_400_000, raw_bytes=2**30, rss=0, architecture="arm64"
    )
    compute = 10 * (1769 / 1024) * 0.0000133334
    assert found.per_gigabyte == pytest.approx(compute + 10 * 0.2e-6)
    assert found.per_million_events == pytest.approx(found.per_gigabyte / 1.4)


def test_more_memory_than_a_vcpu_comes_with_costs_more() -> None:
    small, large = (
        transform_cost(seconds=1, events=1, raw_bytes=1, rss=rss, architecture="arm64")
        for rss in (0, 4 << 30)
    )
    assert large.per_gigabyte > 2 * small.per_gigabyte


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("README.md", f"${prices.FIREHOSE_GB:g}"),
        ("README.md", f"${prices.S3_GB_MONTH:g}"),
        ("README.md", f"${prices.ATHENA_TB:g} per TB"),
        ("docs/bytes-scanned.md", f"${prices.ATHENA_TB:g} for a terabyte"),
        ("docs/bytes-scanned.md", f"GET ${prices.S3_GET * 1000:g} "),
        ("docs/bytes-scanned.md", f"LIST ${prices.S3_PUT * 1000:g} "),
        ("docs/bytes-scanned.md", f"${prices.LAMBDA_GB_SECOND['arm64']:.10f}"),
        ("docs/costs.md", f"${price('CloudWatch', 'metric').dollars:.2f} for each metric"),
        ("docs/costs.md", f"${price('CloudWatch', 'alarm').dollars:.2f} for each that an alarm"),
        ("docs/questions.md", f"${price('Glue', 'crawler').dollars:.2f} for a DPU-hour"),
        # Ten minutes an hour.
        (
            "docs/questions.md",
            f"some ${price('Glue', 'crawler').dollars * 24 * 30 / 6 // 10:.0f}0 a",
        ),
        ("docs/terraform.md", f"cost about ${prices.ATHENA_TB:g}."),
    ],
)
def test_prose_names_the_same_prices(page: str, said: str) -> None:
    assert said in (ROOT / page).read_text(encoding="utf-8")

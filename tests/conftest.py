"""What tests of several packages share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import skips


def pytest_configure(config: pytest.Config) -> None:
    """Let a whole check know what it skipped."""
    skips.register(config)


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region and credentials that are nobody's, for clients that read their environment."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A local Spark; the test is skipped where the extra `spark` is not installed."""
    pyspark = pytest.importorskip("pyspark.sql")
    session = (
        pyspark.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "Asia/Kathmandu")  # must not matter
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    yield session
    session.stop()

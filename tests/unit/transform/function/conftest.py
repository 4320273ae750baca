from collections.abc import Iterator
from io import StringIO

import pytest
from moto import mock_aws

from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.transform.function import SERVICE
from tests.unit.transform.function.world import BUCKET, FakeLake


@pytest.fixture
def lake(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLake]:
    del aws_environment
    monkeypatch.setenv("LAKE_BUCKET", BUCKET)
    monkeypatch.setenv("LAKE_DATABASE", "clickstream")
    with mock_aws():
        yield FakeLake()


@pytest.fixture(autouse=True)
def log() -> StringIO:
    """What is logged; the logger itself keeps the stream that there was when it was made."""
    written = StringIO()
    handler = Telemetry(SERVICE, {}).logger.registered_handler
    # Not setStream(), which would flush the stream before: of a test that has ended.
    handler.stream = written  # type: ignore[attr-defined]  # a StreamHandler
    return written

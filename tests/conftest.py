"""What tests of several packages share."""

import marshal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from clickstream_lake.engine import distribution, java
from clickstream_lake.engine.client import Client
from clickstream_lake.engine.configuration import Storage
from clickstream_lake.engine.errors import EngineError
from clickstream_lake.engine.server import Trino, free_port
from tests import skips


def pytest_configure(config: pytest.Config) -> None:
    """Let a whole check know what it skipped."""
    skips.register(config)
    _read_each_model_once()


def _read_each_model_once() -> None:
    """Keep what botocore reads: each session parses its services anew, 0.2 s a test.

    Everybody gets a copy, since moto adds operations to its own.
    """
    read = JSONFileLoader.load_file
    models: dict[str, bytes] = {}

    def load_file(loader: JSONFileLoader, file_path: str) -> Any:  # noqa: ANN401 - botocore's
        if file_path not in models:
            models[file_path] = marshal.dumps(_plain(read(loader, file_path)))
        return marshal.loads(models[file_path])  # noqa: S302 - what stands above

    JSONFileLoader.load_file = load_file  # type: ignore[method-assign, assignment]  # no fixture: of all tests


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same of plain dicts, which marshal knows; these keep their order, too."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


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


@dataclass(frozen=True)
class Engine:
    """A Trino, and the place where it expects a sandbox: any that is started with these two."""

    client: Client
    port: int
    directory: Path


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The one Trino of all tests; each module starts and ends the sandbox that it looks at:

    `Sandbox(…, port=engine.port, directory=engine.directory)`. Skipped where there is none.
    """
    server = distribution.installed()
    if server is None:
        pytest.skip("there is no Trino here: `clickstream engine install` brings it")
    try:
        java.find_java()
    except EngineError as error:
        pytest.skip(str(error))
    # Imported here: not everybody who runs tests has the sandbox's extra.
    from clickstream_lake.sandbox.resources import Credentials, make_private  # noqa: PLC0415

    directory = tmp_path_factory.mktemp("engine-sandbox")
    make_private(directory)
    port = free_port()
    environment = Credentials.kept_in(directory).environment()
    storage = Storage("us-east-1", f"http://127.0.0.1:{port}", environment)
    with Trino(storage, server=server, quick=True) as trino:
        yield Engine(trino.client, port, directory)

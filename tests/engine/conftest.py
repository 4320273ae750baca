import itertools
from collections.abc import Callable, Iterator

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.conftest import Engine
from tests.engine.eras import Era

NewLake = Callable[[Catalog], Era]


@pytest.fixture(scope="module")
def sandbox(engine: Engine) -> Iterator[Sandbox]:
    """A sandbox where the engine expects it; its own functions have nothing to do."""
    with lake_sandbox(
        provision=by_catalog(LakeSettings()),
        port=engine.port,
        directory=engine.directory,
        handlers={},
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def new_lake(engine: Engine, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> NewLake:
    """Makes lakes of the sandbox: empty ones, each with a database of its own."""
    folder = tmp_path_factory.mktemp("scratch")
    numbers = itertools.count(1)

    def make(catalog: Catalog) -> Era:
        name = f"lake{next(numbers)}"
        return Era.first(name, catalog, sandbox.clients, engine.client, folder)

    return make

"""What the embedded engine counts is what a real Trino counts, and what was recorded of it."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.sandbox.athena.engine import QueryEngine
from tests import scanned
from tests.conftest import Engine

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def embedded(engine: Engine) -> Iterator[QueryEngine]:
    with lake_sandbox(port=engine.port, directory=engine.directory, handlers={}) as sandbox:
        s3, glue = sandbox.client("s3"), sandbox.client("glue")
        scanned.put(s3, glue)
        with closing(QueryEngine(s3=s3, glue=glue)) as found:
            yield found


def test_the_engine_counts_what_was_recorded_and_what_is_predicted(
    engine: Engine, embedded: QueryEngine
) -> None:
    counted = {}
    for name, sql in scanned.questions().items():
        answer = engine.client.run(sql, schema=scanned.DATABASE)
        counted[name] = answer.physical_input_bytes
        predicted = embedded.execute(sql, scanned.DATABASE).bytes_scanned
        assert predicted == pytest.approx(counted[name], rel=0.01), name
    assert counted == json.loads(scanned.RECORDED.read_text(encoding="utf-8"))

"""Both engines side by side: random compositions, and what is known to differ."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.conftest import Engine
from tests.corpus.engine.compose import Composer, compare
from tests.corpus.engine.lake import DATABASE, build

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients

pytestmark = pytest.mark.engine
_SEED, _COUNT = 20, 240


def provision(clients: "Clients") -> Resources:
    clients.s3.create_bucket(Bucket="compositions")
    build(clients.s3, clients.glue, "compositions")
    return Resources(bucket="compositions", database=DATABASE, workgroup="primary")


@pytest.fixture(scope="module")
def sandbox(engine: Engine) -> Iterator[Sandbox]:
    with Sandbox(provision=provision, port=engine.port, directory=engine.directory) as running:
        yield running


def test_compositions_are_answered_alike_or_refused(engine: Engine, sandbox: Sandbox) -> None:
    found = list(compare(engine.client, sandbox.engine, Composer(_SEED), _COUNT))
    assert [one for some in found for one in some.different] == []
    assert sum(some.answered for some in found) > _COUNT // 2


def test_approximate_functions_are_near_each_other(engine: Engine, sandbox: Sandbox) -> None:
    many = "FROM UNNEST(sequence(1, 10000)) AS s(x) CROSS JOIN UNNEST(sequence(0, 4)) AS r(y)"
    for sql, off in (
        (f"SELECT approx_distinct(x) {many}", 4 * 0.023),  # HyperLogLog's error is 2.3 %
        (f"SELECT approx_distinct(CAST(x % 100 AS varchar)) {many}", 0.0),  # few are counted
        (f"SELECT approx_percentile(x * x, 0.75) {many}", 0.02),
        (f"SELECT approx_percentile(sqrt(x), 0.75) {many}", 0.02),
    ):
        ((ours,),) = sandbox.engine.execute(sql, DATABASE).rows
        ((theirs,),) = engine.client.run(sql).rows
        assert abs(ours - theirs) <= off * theirs, sql

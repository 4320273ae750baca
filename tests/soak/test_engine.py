"""A real engine, queried all along while the lake changes under it."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Engine
from tests.soak.decisions import Rates
from tests.soak.engine import EngineReader
from tests.soak.running import SECONDS, run
from tests.soak.soak import Ran, Scale

# Nothing is broken here, so that every failure is one of reading; messages do come twice and late.
CALM = Rates(faults=0, kills=0, copies=0.15, copy_seconds=(0, 0, 1, 3), held_seconds=(1, 2))


def ask_all_along(
    engine: Engine, scale: Scale, folder: Path, say: Callable[[str], None], mark: str
) -> tuple[Ran, EngineReader]:
    # The key that the engine has: other modules' sandboxes keep their logs beside it.
    shutil.copy2(engine.directory / "access-key-id", folder)
    new_reader = partial(EngineReader, engine.client, grace=scale.grace)
    command = f"pytest -m {mark} tests/soak/test_engine.py"
    ran = run(scale, folder, say, command, reader=new_reader, port=engine.port)
    reader = ran.reader
    assert isinstance(reader, EngineReader)
    say(f"queries by kind: {dict(reader.kinds)}; the longest took {reader.longest:.1f} s")
    say(f"{reader.overlong} took longer than the grace period, and were promised nothing")
    return ran, reader


@pytest.mark.engine
def test_no_query_of_the_engine_sees_the_lake_change(
    engine: Engine, tmp_path: Path, say: Callable[[str], None]
) -> None:
    scale = Scale(
        seconds=20,
        interval=0.4,
        events=20,
        batches_per_day=17,
        compact_every=10,
        clean_every=8,
        replay_every=25,
        concurrency=2,
        grace=30,
        queries=64,
        min_files=3,
        pause=0.0,
        settle=30,
        drain=120,
        rates=CALM,
    )

    ran, reader = ask_all_along(engine, scale, tmp_path, say, "engine")

    assert reader.queries >= 60
    assert len(ran.ledger.made_current) >= 6
    assert ran.ledger.deleted
    assert len(reader.kinds) == 8


@pytest.mark.soak
def test_no_query_of_the_engine_sees_a_lake_under_load_change(
    engine: Engine, tmp_path: Path, say: Callable[[str], None]
) -> None:
    scale = Scale(
        seconds=float(os.environ.get(SECONDS, "300")),
        interval=1.0,
        events=60,
        batches_per_day=60,
        compact_every=12,
        clean_every=6,
        replay_every=40,
        queries=210,
        pause=0.0,
        rates=CALM,
    )

    ran, reader = ask_all_along(engine, scale, tmp_path, say, "soak")

    assert reader.queries >= 200
    assert len(ran.ledger.made_current) >= 20
    assert ran.ledger.deleted

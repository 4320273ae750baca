import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.decisions import Fault, Rates
from tests.soak.running import SECONDS, run
from tests.soak.soak import Scale


@pytest.mark.soak
def test_nothing_is_lost_doubled_or_hidden_under_load_and_faults(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, say: Callable[[str], None]
) -> None:
    seconds = float(os.environ.get(SECONDS, "600"))
    scale = Scale(
        seconds=seconds,
        interval=1.0,
        events=60,
        batches_per_day=120,
        compact_every=40,
        clean_every=6,
    )

    command = f"{SECONDS}={seconds:g} pytest -m soak tests/soak"
    run(scale, tmp_path, say, command, logs=lambda: caplog.text)


@pytest.mark.slow
def test_a_short_soak(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, say: Callable[[str], None]
) -> None:
    scale = Scale(
        seconds=8,
        interval=0.25,
        events=20,
        batches_per_day=20,
        compact_every=10,
        clean_every=8,
        concurrency=2,
        transform_timeout=13,
        transform_visibility=17,
        compact_timeout=13,
        compact_visibility=25,
        grace=14,
        min_files=3,
        read_timeout=1.0,
        settle=6,
        drain=120,
        # A compactor's message would be away for most of this test.
        killable=("transform",),
        rates=Rates(kills=0.004, copy_seconds=(0, 0, 1, 3), held_seconds=(1, 2)),
    )

    ran = run(scale, tmp_path, say, "pytest -m slow tests/soak", logs=lambda: caplog.text)

    # It would be worth nothing without these.
    kinds = {kind for _, kind in ran.ledger.faults}
    assert {Fault.THROTTLED, Fault.FAILED, Fault.DROPPED, Fault.LOST} <= kinds
    assert {service for service, _ in ran.ledger.faults} == {"s3", "sqs", "glue"}
    assert ran.ledger.events["messages duplicated"]
    assert ran.ledger.events["messages held back"]
    assert ran.ledger.made_current
    assert ran.ledger.deleted
    assert ran.reader.queries

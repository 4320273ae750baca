import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.decisions import Fault, Rates, keep_or_compare
from tests.soak.reckoning import complaints
from tests.soak.report import report
from tests.soak.soak import Ran, Scale, Soak

SECONDS = "CLICKSTREAM_SOAK_SECONDS"
SEED = "CLICKSTREAM_SOAK_SEED"
JOURNAL = "CLICKSTREAM_SOAK_JOURNAL"
_SHOWN = 40


def run(
    scale: Scale,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    say: Callable[[str], None],
    again: str,
) -> Ran:
    """A whole soak and its reckoning.

    Args:
        again: the command that replays it.
    """
    seed = int(os.environ.get(SEED, "20251126"))
    again = f"{SEED}={seed} {again}"
    say(f"replay with: {again}")
    soak = Soak(seed, scale, folder, say)
    with soak.sandbox:
        ran = soak.run()
        say(report(ran))
        found = list(complaints(ran, soak.canary, caplog.text))
    if path := os.environ.get(JOURNAL):
        say(keep_or_compare(ran.decisions.journal(), Path(path)))
    shown = "\n".join(found[:_SHOWN])
    assert not found, f"{len(found)} promises broken; replay with: {again}\n{shown}"
    return ran


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

    run(scale, tmp_path, caplog, say, f"{SECONDS}={seconds:g} pytest -m soak tests/soak")


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

    ran = run(scale, tmp_path, caplog, say, "pytest -m slow tests/soak")

    # It would be worth nothing without these.
    kinds = {kind for _, kind in ran.ledger.faults}
    assert {Fault.THROTTLED, Fault.FAILED, Fault.DROPPED, Fault.LOST} <= kinds
    assert {service for service, _ in ran.ledger.faults} == {"s3", "sqs", "glue"}
    assert ran.ledger.events["messages duplicated"]
    assert ran.ledger.events["messages held back"]
    assert ran.ledger.made_current
    assert ran.ledger.deleted
    assert ran.reader.queries

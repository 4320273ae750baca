import json
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.soak.decisions import (
    KILLS,
    Decisions,
    Delivery,
    Fault,
    Rates,
    differences,
    keep_or_compare,
)
from tests.soak.load import START, Batch, Load

STREAMS = [f"transform source {n} s3.{name}" for n in range(50) for name in ("PutObject", "Head")]


def calls(seed: int, streams: list[str], each: int) -> Decisions:
    made = Decisions(seed)
    for _ in range(each):
        for stream in streams:
            made.call(stream)
    return made


def batches(seed: int, count: int) -> list[Batch]:
    load = Load(Decisions(seed), "canary-1", events=20, batches_per_day=5)
    return [load.batch(number) for number in range(count)]


def test_a_seed_decides_alike_in_whatever_order_it_is_asked() -> None:
    forwards, backwards = calls(7, STREAMS, 5), calls(7, STREAMS[::-1], 9)

    compared, found = differences(forwards.journal(), backwards.journal())

    assert (compared, found) == (len(STREAMS) * 5, [])


def test_threads_decide_as_one_does() -> None:
    together = Decisions(7)
    threads = [
        threading.Thread(target=lambda: [together.call(stream) for stream in STREAMS])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert differences(together.journal(), calls(7, STREAMS, 4).journal())[1] == []


def test_another_seed_decides_otherwise() -> None:
    assert differences(calls(7, STREAMS, 5).journal(), calls(8, STREAMS, 5).journal())[1]


def test_as_much_goes_wrong_as_the_rates_say() -> None:
    made = Decisions(7, Rates(faults=0.1, kills=0.02, copies=0.2, held=0.3))
    found = Counter(made.call(stream) for stream in STREAMS for _ in range(200))
    deliveries = [made.delivery(stream) for stream in STREAMS for _ in range(200)]

    killed = sum(found[kind] for kind in KILLS) / found.total()
    assert killed == pytest.approx(0.02, abs=0.005)
    broken = 1 - killed - found[Fault.NONE] / found.total()
    assert broken == pytest.approx(0.1 * 0.98, abs=0.01)
    assert set(found) == set(Fault)
    copied = [each for each in deliveries if each.copy_after is not None]
    assert len(copied) / len(deliveries) == pytest.approx(0.2, abs=0.02)
    held = [each for each in deliveries if each.held_for]
    assert len(held) / len(deliveries) == pytest.approx(0.3, abs=0.02)
    assert Delivery() in deliveries


def test_a_seed_sends_the_same_events() -> None:
    assert batches(7, 4) == batches(7, 4)
    assert batches(7, 1) != batches(8, 1)


def test_events_differ_and_every_line_with_personal_data_has_the_canary() -> None:
    made = batches(7, 15)
    ids = [event for batch in made for event in batch.events]

    assert len(ids) == len(set(ids))
    assert sum(b"canary-1" in line for batch in made for line in batch.lines) > 0.9 * len(ids)
    assert sum(batch.malformed for batch in made)
    assert all(len(batch.lines) == len(batch.events) + batch.malformed for batch in made)


def test_some_batches_arrive_a_day_late_and_all_on_their_days() -> None:
    days = [(batch.arrives - START) // timedelta(days=1) for batch in batches(7, 60)]

    late = [number // 5 - day for number, day in enumerate(days)]
    assert set(late) == {0, 1}


def test_a_journal_is_written_once_and_compared_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"

    assert "wrote 10 " in keep_or_compare(calls(7, STREAMS[:2], 5).journal(), path)
    assert "8 decisions are those" in keep_or_compare(calls(7, STREAMS[:2], 4).journal(), path)
    path.write_text(json.dumps({f"call {STREAMS[0]}": ["stalled"] * 5}))
    with pytest.raises(AssertionError, match="differ"):
        keep_or_compare(calls(7, STREAMS[:2], 5).journal(), path)

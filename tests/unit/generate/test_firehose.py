from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from clickstream_lake.generate.firehose import DeliveryError, FirehoseSink, batches

KIB = 1024


@dataclass
class RefusingFirehose:
    """Accepts records, except those whose turn to be refused has come."""

    refusals: dict[bytes, int] = field(default_factory=dict)
    accepted: list[bytes] = field(default_factory=list)
    calls: list[list[bytes]] = field(default_factory=list)

    def put_record_batch(
        self,
        *,
        DeliveryStreamName: str,  # noqa: N803 - the API's own names
        Records: list[dict[str, bytes]],  # noqa: N803 - the API's own names
    ) -> dict[str, Any]:
        assert DeliveryStreamName == "events"
        self.calls.append([record["Data"] for record in Records])
        responses = [self._one(record["Data"]) for record in Records]
        return {
            "FailedPutCount": sum("ErrorCode" in response for response in responses),
            "Encrypted": False,
            "RequestResponses": responses,
        }

    def _one(self, data: bytes) -> dict[str, str]:
        if self.refusals.get(data, 0):
            self.refusals[data] -= 1
            return {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
        self.accepted.append(data)
        return {"RecordId": "r"}


def sink(
    client: RefusingFirehose, pauses: list[float] | None = None, attempts: int = 10
) -> FirehoseSink:
    pause = (lambda _: None) if pauses is None else pauses.append
    return FirehoseSink(cast("Any", client), "events", attempts=attempts, pause=pause)


def lines(count: int) -> list[bytes]:
    return [b"%d\n" % number for number in range(count)]


def test_every_record_is_accepted_once() -> None:
    client = RefusingFirehose()

    assert sink(client).send(lines(1_201)) == 1_201

    assert client.accepted == lines(1_201)
    assert [len(call) for call in client.calls] == [500, 500, 201]


def test_only_the_refused_records_are_sent_again() -> None:
    client = RefusingFirehose(refusals={b"3\n": 2, b"7\n": 1})
    target = sink(client)

    sent = target.send(lines(10))

    assert client.calls[1:] == [[b"3\n", b"7\n"], [b"3\n"]]
    assert sorted(client.accepted) == sorted(lines(10))
    assert (sent, target.sent, target.resent) == (10, 10, 3)


def test_the_pause_between_attempts_grows() -> None:
    pauses: list[float] = []

    sink(RefusingFirehose(refusals={b"0\n": 5}), pauses).send(lines(1))

    assert len(pauses) == 5
    assert all(0 < pause <= 5 for pause in pauses)
    assert pauses[4] > pauses[0] * 4


def test_a_record_refused_for_ever_is_an_error_that_says_how_far_it_got() -> None:
    client = RefusingFirehose(refusals={b"1\n": 99})
    target = sink(client, attempts=3)

    with pytest.raises(DeliveryError, match=r"refused 1 records 3 times; 4 records were accepted"):
        target.send(lines(5))

    assert target.sent == 4
    assert len(client.calls) == 3


def test_a_batch_stays_within_four_mebibytes() -> None:
    records = [b"x" * (900 * KIB)] * 9

    sizes = [len(batch) for batch in batches(records)]

    assert sizes == [4, 4, 1]


def test_a_record_of_exactly_the_limit_is_taken_and_a_larger_one_refused() -> None:
    assert list(batches([b"x" * (1_000 * KIB)]))
    with pytest.raises(DeliveryError, match="limit of 1,024,000 bytes"):
        list(batches([b"x" * (1_000 * KIB + 1)]))


def test_progress_counts_each_record_once_however_often_it_was_sent() -> None:
    seen: list[int] = []

    sink(RefusingFirehose(refusals={b"0\n": 3})).send(lines(600), seen.append)

    assert sum(seen) == 600


def test_several_calls_at_a_time_deliver_every_record_once() -> None:
    client = RefusingFirehose(refusals={b"%d\n" % number: 2 for number in range(0, 3_000, 7)})
    seen: list[int] = []
    target = FirehoseSink(cast("Any", client), "events", in_flight=4, pause=lambda _: None)

    sent = target.send(lines(3_000), seen.append)

    assert sorted(client.accepted) == sorted(lines(3_000))
    assert (sent, sum(seen)) == (3_000, 3_000)
    assert target.resent == 2 * len(range(0, 3_000, 7))


def test_an_error_of_one_of_several_calls_is_raised() -> None:
    client = RefusingFirehose(refusals={b"700\n": 99})

    with pytest.raises(DeliveryError, match="refused 1 records"):
        FirehoseSink(cast("Any", client), "events", in_flight=4, pause=lambda _: None).send(
            lines(2_000)
        )

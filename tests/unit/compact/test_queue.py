import pytest

from clickstream_lake.compact.queue import CompactMessage, CompactQueue, parse_message
from clickstream_lake.lake.errors import EventError
from tests.protocol.fakes import FakeSqs
from tests.protocol.lake import DAY, PARQUET_DAY

MESSAGE = CompactMessage("json", DAY.path)


def sent(*orders: tuple[CompactMessage, str]) -> list[dict[str, str]]:
    sqs = FakeSqs()
    queue = CompactQueue(sqs, "https://queue")  # type: ignore[arg-type]  # the in-memory client
    for message, occasion in orders:
        queue.send(message, occasion=occasion)
    return sqs.messages


def test_what_is_sent_can_be_read() -> None:
    forced = CompactMessage("parquet", DAY.path, force=True)
    assert parse_message(sent((forced, ""))[0]["MessageBody"]) == forced
    assert forced.slot == PARQUET_DAY


def test_each_partition_of_each_format_is_a_group() -> None:
    assert MESSAGE.group == f"json/{DAY.path}"
    assert MESSAGE.group != CompactMessage("parquet", DAY.path).group


@pytest.mark.parametrize("path", [f"key={'x' * 200}", "key=ü"])
def test_a_group_always_fits_what_sqs_takes(path: str) -> None:
    group = CompactMessage("json", path).group
    assert len(group) <= 128
    assert group.isascii()


def test_one_occasion_is_queued_once() -> None:
    assert len(sent((MESSAGE, "tick 1"), (MESSAGE, "tick 1"))) == 1
    assert len(sent((MESSAGE, "tick 1"), (MESSAGE, "tick 2"))) == 2


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"format": "orc", "partition": "day=1"}',
        '{"format": "json", "partition": "nonsense"}',
        '{"format": "json", "partition": "day=1", "more": 1}',
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(EventError):
        parse_message(body)

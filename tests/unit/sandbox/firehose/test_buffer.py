from datetime import UTC, datetime, timedelta

from clickstream_lake.sandbox.firehose.buffer import Buffer, Chunk

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def buffer() -> Buffer:
    return Buffer(size_bytes=10, interval=seconds(60))


def test_records_wait_until_there_are_enough_bytes() -> None:
    waiting = buffer()

    assert waiting.add([b"1234", b"5678"], NOON) == []
    assert waiting.waiting == 2

    full = waiting.add([b"90", b"x"], NOON + seconds(5))

    assert full == [Chunk([b"1234", b"5678", b"90"], 10, NOON)]
    assert waiting.waiting == 1


def test_one_call_can_fill_several_chunks_and_never_splits_a_record() -> None:
    full = buffer().add([b"x" * 25, b"y" * 9, b"z" * 9], NOON)

    assert [chunk.records for chunk in full] == [[b"x" * 25], [b"y" * 9, b"z" * 9]]


def test_records_wait_no_longer_than_the_interval() -> None:
    waiting = buffer()
    waiting.add([b"a"], NOON)
    waiting.add([b"b"], NOON + seconds(59))

    assert waiting.due(NOON + seconds(59)) == []
    assert waiting.due(NOON + seconds(60)) == [Chunk([b"a", b"b"], 2, NOON)]
    assert waiting.due(NOON + seconds(999)) == []


def test_the_interval_starts_with_the_first_record_after_a_delivery() -> None:
    waiting = buffer()
    waiting.add([b"a"], NOON)
    waiting.flush()
    waiting.add([b"b"], NOON + seconds(50))

    assert waiting.due(NOON + seconds(70)) == []
    assert waiting.due(NOON + seconds(110)) == [Chunk([b"b"], 1, NOON + seconds(50))]


def test_an_empty_buffer_gives_nothing() -> None:
    assert buffer().flush() == []
    assert buffer().due(NOON) == []

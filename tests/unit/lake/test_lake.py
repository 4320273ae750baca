from tests.protocol.lake import JSON_DAY, LakeUnderTest


def shown(lake: LakeUnderTest) -> list[str]:
    return [found.key for found in lake.shown_files(JSON_DAY)]


def test_a_slot_that_is_not_registered_shows_nothing(memory_lake: LakeUnderTest) -> None:
    memory_lake.store.put_bytes(memory_lake.layout.landing_dir(JSON_DAY) + "a.json", b"{}\n")
    assert shown(memory_lake) == []


def test_a_slot_shows_what_lies_where_it_points(memory_lake: LakeUnderTest) -> None:
    memory_lake.publish("json", memory_lake.put_raw("a"))
    landed = shown(memory_lake)
    assert landed == memory_lake.keys(memory_lake.layout.landing_dir(JSON_DAY))
    memory_lake.operations().compactor.compact(JSON_DAY, force=True)
    merged = shown(memory_lake)
    assert "/compacted/" in merged[0]
    assert len(merged) == 1


def test_the_lake_sees_what_a_query_reads(memory_lake: LakeUnderTest) -> None:
    directory = memory_lake.layout.landing_dir(JSON_DAY)
    memory_lake.publish("json", memory_lake.put_raw("a"))
    before = shown(memory_lake)
    for name in ("_tmp/a.json", "sub/_b.json", ".c.json", "sub/"):
        memory_lake.store.put_bytes(directory + name, b"{}\n")
    assert set(shown(memory_lake)) - set(before) == {directory + "_tmp/a.json"}
    memory_lake.operations().compactor.compact(JSON_DAY, force=True)
    assert [key for key in shown(memory_lake) if "_tmp/" in key]

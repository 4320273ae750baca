import gzip
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from benchmarks.hostile.run import cost
from benchmarks.hostile.shapes import Shape, _colliding, shapes

SIZE = 6_000


def small(shape: Shape) -> Shape:
    return replace(shape, smallest=0)


def test_names_are_unique_in_their_group() -> None:
    found = Counter((shape.group, shape.name) for shape in shapes())
    assert set(found.values()) == {1}
    assert len(found) > 100


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_no_shape_is_rejected_whole(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is would cost nothing, and so show nothing."""
    monkeypatch.setenv("CLICKSTREAM_KERNEL", kernel)
    for shape in shapes():
        if shape.name != "keys of one hash":
            found = cost(small(shape).raw(SIZE))
            assert found.corrupt is None, shape.name
            assert found.size >= SIZE * 0.8, shape.name
            assert found.lines, shape.name


def test_objects_are_the_same_each_time() -> None:
    for one, other in zip(shapes(), shapes(), strict=True):
        if one.name != "keys of one hash":
            assert small(one).raw(SIZE) == small(other).raw(SIZE), one.name


def test_long_lines_and_whole_events_make_larger_objects() -> None:
    by_name = {shape.name: shape for shape in shapes()}
    for name in ("{} per line", "[ without end", "plain", "20 % price as text"):
        text = gzip.decompress(by_name[name].raw(1_000_000))
        assert len(text) >= (1_000_000 if name == "{} per line" else 4_000_000), name


def test_keys_of_one_hash_have_one() -> None:
    found = _colliding(Random(1), 10)  # noqa: S311 - test data
    keys = [part.partition(b":")[0].strip(b"{") for part in found.split(b",")]
    ends = set()
    for key in keys:
        state = 2_166_136_261
        for byte in key:
            state = (state ^ byte) * 16_777_619 % 2**32
        ends.add(state & 0x3FFF)
    assert len(set(keys)) == len(keys) > 10
    assert len(ends) == 1

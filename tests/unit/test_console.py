import pytest

from clickstream_lake.console import examples, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1_023, "1,023 B"),
        (1_024, "1.0 KiB"),
        (145.4 * 1024**2, "145.4 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5_000 * 1024**4, "5,000.0 TiB"),
    ],
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    assert size(count) == text


def test_examples_stay_one_a_line() -> None:
    assert examples("a --b", "c").split("\n\n") == ["[bold]Examples[/bold]", "$ a --b", "$ c"]

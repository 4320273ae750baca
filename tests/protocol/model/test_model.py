"""The protocol holds under every interleaving and every crash, and needs each of its parts."""

import pytest

from tests.protocol.model.model import Model, Protections, Result, search


def without(name: str, *, generations: int = 1) -> Result:
    return search(Model(Protections(**{name: False}), generations=generations))


def tell(capsys: pytest.CaptureFixture[str], result: Result) -> None:
    with capsys.disabled():
        print(f"\n{result.states} states searched, no fault")  # noqa: T201 - the figure


def test_every_interleaving_of_one_compaction_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    result = search(Model(Protections(), generations=1))
    assert (result.fault, result.trace) == ("", ())
    assert result.states > 10_000
    tell(capsys, result)


@pytest.mark.slow
def test_every_interleaving_of_two_compactions_is_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = search(Model(Protections(), generations=2))
    assert (result.fault, result.trace) == ("", ())
    tell(capsys, result)


@pytest.mark.slow
def test_every_interleaving_of_two_versions_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    result = search(Model(Protections(), generations=1, deploying=True))
    assert (result.fault, result.trace) == ("", ())
    tell(capsys, result)


def test_an_older_version_that_takes_no_manifest_for_an_empty_one_doubles_rows() -> None:
    protections = Protections(stop_without_manifest=False)
    result = search(Model(protections, generations=1, deploying=True))
    assert result.fault == "a row is visible twice"


def test_without_the_announcement_acknowledged_rows_turn_invisible() -> None:
    result = without("announcement")
    assert result.fault == "an acknowledged row is invisible"
    assert result.trace[-1] == "6 swaps"


def test_without_the_copy_after_the_announcement_acknowledged_rows_turn_invisible() -> None:
    result = without("copy_after_announcement")
    assert result.fault == "an acknowledged row is invisible"
    assert result.trace[-1] == "6 swaps"


def test_without_the_manifest_check_rows_are_doubled() -> None:
    assert without("manifest_check").fault == "a row is visible twice"


def test_without_the_grace_period_queries_break() -> None:
    assert without("grace_period").fault == "a query missed a file that it had listed"


def test_without_the_grace_period_of_young_generations_rows_are_lost() -> None:
    result = without("grace_for_young_generations")
    assert result.fault == "an acknowledged row is invisible"
    assert "the clean-up decides" in result.trace

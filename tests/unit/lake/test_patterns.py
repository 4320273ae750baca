import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.patterns import automaton_of, automaton_of_texts

ATOMS = st.sampled_from(
    [
        *("a", "b", "é", "日", "😀", ".", "[ab]", "[^a]", "[a-é]", "[^\\d日-😀]", "[-a]", "[a-]"),
        *(
            "\\d",
            "\\D",
            "\\w",
            "\\W",
            "\\s",
            "\\S",
            "\\.",
            "\\n",
            "(a|b)",
            "(?:ab|)",
            "(a*b)",
            "()",
        ),
        *("\n", "((a|ab)(c|bcd))", "[\\w.]", "\u0800", "[\u07ff-\u0800]", "[\ud7ff-\ue000]"),
    ]
)
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0}", "{1,3}", "{0,}", "|"])
PATTERNS = st.lists(st.tuples(ATOMS, REPEATS).map("".join), max_size=5).map("".join)
TEXTS = st.text(st.sampled_from("aabc1_é日😀.\n ~\u07ff\u0800\ud7ff\ue000\U0010ffff"), max_size=6)


@settings(deadline=None, max_examples=300)
@given(PATTERNS, st.lists(TEXTS, max_size=10))
def test_a_pattern_matches_what_it_matches_in_python(pattern: str, texts: list[str]) -> None:
    automaton = automaton_of(pattern)
    with warnings.catch_warnings(action="ignore"):  # of signs in sets that may mean more some day
        expected = re.compile(pattern, re.ASCII)
    for text in texts:
        assert automaton.matches(text) == (expected.fullmatch(text) is not None)


def test_signs_for_start_and_end_change_nothing() -> None:
    for pattern in ("^ab|c$", "^ab|c", "ab|c$"):
        assert [automaton_of(pattern).matches(text) for text in ("ab", "c", "xc", "abx")] == [
            True,
            True,
            False,
            False,
        ]


def test_patterns_that_take_others_for_ever_take_one_step_a_byte() -> None:
    assert automaton_of("(a*)*b").matches("a" * 100_000) is False
    assert automaton_of("(a|a)*").matches("a" * 100_000) is True


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(a", "no end"),
        ("a)", "at 2"),
        ("[a", "no end"),
        ("[]", "at 2"),
        ("[[a]", "at 2"),
        ("[b-a]", "no range"),
        ("[a-\\d]", "no range"),
        ("*a", "at 1"),
        ("a**", "at 3"),
        ("a{2}{3}", "at 5"),
        ("a{", "at 2"),
        ("a{,3}", "at 2"),
        ("a{3,2}", "many to few"),
        ("a{1001}", "1,000 times"),
        ("(?=a)", "at 1"),
        ("(?P<x>a)", "at 1"),
        ("(a)\\1", "at 4"),
        ("a\\b", "at 2"),
        ("a\\", "at 2"),
        ("a^", "at 2"),
        ("a$b", "at 2"),
        ("a+?", "at 3"),
        ("(" * 60 + ")" * 60, "deep"),
        (".{1000}", "states"),
        ("(a|b)*a(a|b){14}", "states"),
        ("(a{1,100}){1,100}", "states"),
        ("(a{1000}){100}", "too long"),
    ],
)
def test_what_no_automaton_says_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(CatalogError, match=words):
        automaton_of(pattern)


@settings(deadline=None)
@given(st.sets(TEXTS, min_size=1), TEXTS)
def test_an_automaton_of_texts_takes_those_alone(texts: set[str], other: str) -> None:
    automaton = automaton_of_texts(texts)
    assert all(automaton.matches(text) for text in texts)
    assert automaton.matches(other) == (other in texts)


def test_too_many_texts_are_refused() -> None:
    with pytest.raises(CatalogError, match="20,000"):
        automaton_of_texts(f"{n:030}"[::-1] for n in range(1_000))

from typing import Any

import pytest

from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.quality import NO_RULES, Breach, quality_of

TIMES = {"2020-01-01": 1_577_836_800_000, "2021-01-01": 1_609_459_200_000}


def breach(kind: str, value: object, **rules: object) -> Breach | None:
    check = quality_of(rules, kind, TIMES.get).check()
    assert check is not None
    return check(value)


@pytest.mark.parametrize(
    ("kind", "rules", "good", "bad", "why"),
    [
        ("string", {"enum": ["a", "b"]}, ["a", "b"], ["c", "", "A"], Breach.NOT_IN_ENUM),
        ("bigint", {"enum": [2**53 + 1]}, [2**53 + 1], [2**53], Breach.NOT_IN_ENUM),
        ("double", {"enum": [0, 1.5]}, [0.0, -0.0, 1.5], [1.0], Breach.NOT_IN_ENUM),
        ("string", {"pattern": "[a-z]+"}, ["a"], ["", "aB", "a\n"], Breach.NOT_LIKE_PATTERN),
        ("bigint", {"min": 2**53 + 1}, [2**53 + 1], [2**53], Breach.BELOW_MIN),
        ("bigint", {"max": -1}, [-1, -(2**63)], [0], Breach.ABOVE_MAX),
        ("double", {"min": 0.1}, [0.1], [0.0999], Breach.BELOW_MIN),
        ("double", {"max": 0}, [0.0, -0.0, -5.0], [5e-324], Breach.ABOVE_MAX),
        ("timestamp", {"min": "2020-01-01"}, [TIMES["2020-01-01"]], [0], Breach.BELOW_MIN),
        ("timestamp", {"max": "2020-01-01"}, [0], [TIMES["2021-01-01"]], Breach.ABOVE_MAX),
        ("string", {"max_length": 2}, ["", "ab", "é😀"], ["abc"], Breach.OVER_MAX_LENGTH),
    ],
)
def test_a_rule_lets_pass_what_it_says(
    kind: str, rules: dict[str, Any], good: list[Any], bad: list[Any], why: Breach
) -> None:
    assert [breach(kind, value, **rules) for value in good] == [None] * len(good)
    assert [breach(kind, value, **rules) for value in bad] == [why] * len(bad)


def test_the_first_rule_that_is_broken_counts() -> None:
    rules = {"enum": ["a"], "pattern": "[a-c]*", "max_length": 2}
    assert breach("string", "dddd", **rules) is Breach.NOT_IN_ENUM
    del rules["enum"]
    assert breach("string", "dddd", **rules) is Breach.NOT_LIKE_PATTERN
    assert breach("string", "aaaa", **rules) is Breach.OVER_MAX_LENGTH


def test_a_column_that_says_nothing_has_no_rules() -> None:
    assert quality_of({"name": "a", "type": "string"}, "string", TIMES.get) is NO_RULES
    assert NO_RULES.check() is None


@pytest.mark.parametrize(
    ("kind", "rules", "words"),
    [
        ("json", {"required": True}, "required is for"),
        ("json", {"enum": ["a"]}, "enum is for"),
        ("boolean", {"enum": [True]}, "enum is for"),
        ("timestamp", {"enum": ["2020-01-01"]}, "enum is for"),
        ("bigint", {"pattern": "a"}, "pattern is for string, not for a bigint"),
        ("string", {"min": 1}, "min is for bigint, double or timestamp"),
        ("boolean", {"max": 1}, "max is for"),
        ("double", {"max_length": 1}, "max_length is for"),
        ("string", {"required": "yes"}, "true or false"),
        ("string", {"required": True, "on_breach": "drop"}, "'mismatch' or 'reject'"),
        ("string", {"on_breach": "reject"}, "without a rule"),
        ("string", {"enum": []}, "1 to 1,000"),
        ("string", {"enum": "a"}, "1 to 1,000"),
        ("string", {"enum": [f"{n}" for n in range(1_001)]}, "1 to 1,000"),
        ("string", {"enum": [1]}, "no text"),
        ("string", {"enum": [None]}, "no text"),
        ("string", {"enum": ["\ud800"]}, "surrogate"),
        ("string", {"enum": ["a", "a"]}, "twice"),
        ("string", {"enum": [f"{n:030}"[::-1] for n in range(1_000)]}, "20,000"),
        ("double", {"enum": [1, 1.0]}, "twice"),
        ("bigint", {"enum": ["1"]}, "whole number"),
        ("bigint", {"enum": [True]}, "whole number"),
        ("bigint", {"min": 1.5}, "whole number"),
        ("bigint", {"max": 2**63}, "whole number"),
        ("double", {"max": "1"}, "a number"),
        ("double", {"max": True}, "a number"),
        ("double", {"max": float("inf")}, "a number"),
        ("double", {"max": 10**400}, "a number"),
        ("timestamp", {"min": 0}, "ISO 8601"),
        ("timestamp", {"min": "yesterday"}, "ISO 8601"),
        ("bigint", {"min": 2, "max": 1}, "no value is from min 2 to max 1"),
        ("timestamp", {"min": "2021-01-01", "max": "2020-01-01"}, "no value"),
        ("string", {"pattern": 5}, "no text"),
        ("string", {"pattern": "(a"}, "pattern '(a': a group of it has no end"),
        ("string", {"max_length": 0}, "number of characters"),
        ("string", {"max_length": 2.0}, "number of characters"),
        ("string", {"enum": ["abc"], "max_length": 2}, "'abc', which is over max length"),
        ("bigint", {"enum": [1, 5], "max": 4}, "5, which is above max"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(kind: str, rules: dict[str, Any], words: str) -> None:
    with pytest.raises(CatalogError) as caught:
        quality_of(rules, kind, TIMES.get)
    assert words in str(caught.value)

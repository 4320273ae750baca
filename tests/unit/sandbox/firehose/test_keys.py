import re
from datetime import UTC, datetime

import pytest

from clickstream_lake.sandbox.firehose.keys import (
    KeyRules,
    PrefixError,
    check_prefixes,
    evaluate_prefix,
    format_java,
)

MOMENT = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
HIVE = "raw/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
ERRORS = "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/"


def rules(prefix: str = HIVE, error_prefix: str = ERRORS, zone: str = "UTC") -> KeyRules:
    return KeyRules("events", "3", prefix, error_prefix, ".gz", zone)


def test_a_key_is_prefix_stream_version_time_and_uuid() -> None:
    key = rules().data_key(MOMENT)

    assert re.fullmatch(
        r"raw/year=2025/month=03/day=04/"
        r"events-3-2025-03-04-05-06-07-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.gz",
        key,
    )


def test_two_keys_of_one_second_differ() -> None:
    assert rules().data_key(MOMENT) != rules().data_key(MOMENT)


def test_the_error_prefix_names_the_kind_of_error() -> None:
    key = rules().error_key(MOMENT, "processing-failed")

    assert key.startswith("errors/processing-failed/2025/events-3-2025-03-04-05-06-07-")


def test_another_time_zone_applies_to_prefix_and_name() -> None:
    key = rules(zone="Asia/Tokyo").data_key(datetime(2025, 12, 31, 20, 0, tzinfo=UTC))

    assert key.startswith("raw/year=2026/month=01/day=01/events-3-2026-01-01-05-00-00-")


@pytest.mark.parametrize(
    ("prefix", "evaluated"),
    [
        ("", "2025/03/04/05/"),
        ("raw/", "raw/2025/03/04/05/"),
        ("raw/!{timestamp:yyyy-MM-dd}/", "raw/2025-03-04/"),
        ("raw/!{timestamp:yyyy/MM/dd/HH}/", "raw/2025/03/04/05/"),
        ("raw/hour=!{timestamp:HH}/", "raw/hour=05/"),
        ("a/!{timestamp:'year='yyyy}/", "a/year=2025/"),
    ],
)
def test_time_expressions_are_evaluated_and_their_absence_appends_the_default(
    prefix: str, evaluated: str
) -> None:
    assert evaluate_prefix(prefix, MOMENT) == evaluated


def test_a_random_string_has_eleven_characters_and_is_random() -> None:
    first, second = (
        evaluate_prefix("!{firehose:random-string}/!{timestamp:dd}", MOMENT) for _ in "12"
    )

    assert re.fullmatch(r"[A-Za-z0-9]{11}/04", first)
    assert first != second


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("yy", "25"), ("M/d/H", "3/4/5"), ("DDD", "063"), ("mm-ss", "06-07"), ("''", "'")],
)
def test_java_patterns(pattern: str, text: str) -> None:
    assert format_java(pattern, MOMENT) == text


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "complaint"),
    [
        ("raw/!{timestamp:QQ}/", ERRORS, "does not know the time pattern 'QQ'"),
        ("raw/!{time:yyyy}/", ERRORS, "is not an expression that Firehose knows"),
        ("raw/!{partitionKeyFromQuery:user}/", ERRORS, "no dynamic partitioning"),
        ("raw/!{firehose:error-output-type}/", ERRORS, "Prefix cannot contain"),
        (HIVE, "", "ErrorOutputPrefix must be given"),
        (HIVE, "errors/!{timestamp:yyyy}/", "must contain !{firehose:error-output-type}"),
    ],
)
def test_what_firehose_refuses_is_refused(prefix: str, error_prefix: str, complaint: str) -> None:
    with pytest.raises(PrefixError, match=re.escape(complaint)):
        check_prefixes(prefix, error_prefix)


def test_plain_prefixes_need_no_error_prefix() -> None:
    check_prefixes("raw/", "")
    check_prefixes(HIVE, ERRORS)

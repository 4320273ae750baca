from datetime import UTC, datetime

from clickstream_lake.lake.undeclared import MOST_NAMES, Field, Undeclared, most_frequent, total


def account(rows: int, **events: int) -> Undeclared:
    fields = {name: Field(count, {"text": count}, 5) for name, count in events.items()}
    return Undeclared(rows, rows // 10, fields)


def test_accounts_add_up() -> None:
    first = Undeclared(
        100, 10, {"a": Field(50, {"text": 40, "null": 10}, 7, {"phone": 1}, "2025-11-26")}, 2
    )
    other = Undeclared(
        50, 50, {"a": Field(5, {"whole": 5}, 3, {}, "2025-11-25"), "b": Field(1, {})}
    )
    both = total([first, other])
    assert both == total([other, first])
    assert (both.rows, both.sampled, both.short) == (150, 60, 2)
    assert both.fields["a"] == Field(
        55, {"null": 10, "text": 40, "whole": 5}, 7, {"phone": 1}, "2025-11-25"
    )
    assert both.fields["b"].events == 1


def test_nothing_adds_up_to_nothing() -> None:
    assert total([]) == Undeclared(0, 0, {})


def test_the_time_of_the_first_merge_stays() -> None:
    now = datetime(2025, 11, 26, 10, tzinfo=UTC)
    seen = account(10, a=1).seen(now)
    assert seen.fields["a"].since == "2025-11-26T10:00:00+00:00"
    later = account(10, a=1, b=1).seen(datetime(2025, 11, 27, tzinfo=UTC))
    both = total([later, seen])
    assert [field.since[:10] for field in both.fields.values()] == ["2025-11-26", "2025-11-27"]


def test_frequent_names_outlive_any_number_of_rare_ones() -> None:
    parts = [
        account(1000, coupon=400, **{f"n{part}_{number}": 1 for number in range(400)})
        for part in range(40)
    ]
    found = total([])
    for part in parts:
        found = total([found, part])
    assert len(found.fields) <= MOST_NAMES
    coupon = found.fields["coupon"].events
    assert coupon <= 40 * 400 <= coupon + found.short
    # Misra and Gries: what is missing is at most one in so many of all that was counted.
    assert found.short <= 40 * 800 / MOST_NAMES


def test_no_count_is_ever_too_high() -> None:
    cut, kept = most_frequent({"a": 5, "b": 3, "c": 3, "d": 1}, 2)
    assert (cut, kept) == (3, {"a": 2})
    assert most_frequent({"b": 1, "a": 2}, 2) == (0, {"a": 2, "b": 1})

# ruff: noqa: E501 - tables of values
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_lake.lake import instants
from clickstream_lake.lake.catalog import TIME_FORMATS, TimeFormat
from clickstream_lake.lake.instants import instant_of, write_instant
from tests.corpus.instants import joda_instants

JODA = joda_instants()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
UNITS: dict[TimeFormat, Decimal] = {
    "epoch_s": Decimal("1e3"),
    "epoch_ms": Decimal(1),
    "epoch_us": Decimal("1e-3"),
    "epoch_ns": Decimal("1e-6"),
}


def iso(text: str) -> int | None:
    found = instant_of(("iso",), text, is_text=True)
    assert found is None or found[1]
    return found and found[0]


def year_of(text: str) -> int:
    match = re.match(r"[+-]?\d+", text)
    return int(match[0]) if match else 1970


def test_iso_8601_is_what_the_engine_takes() -> None:
    """But for days before the year 1 or after 9999, which neither Python nor Parquet's readers have."""
    assert len(JODA) > 600
    assert sum(answer is not None for answer in JODA.values()) > 300
    expected = {
        text: answer
        if answer is not None
        and FIRST <= answer <= LAST
        and 1 <= year_of(text) <= 9999
        and text != "9999-W52-6"
        else None
        for text, answer in JODA.items()
    }
    assert {text: iso(text) for text in JODA} == expected


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-11-26", "2025-11-26T00:00:00+00:00"),
        ("2025-11-26T10:00", "2025-11-26T10:00:00+00:00"),
        ("2025-11-26T10:00:01.5Z", "2025-11-26T10:00:01.500+00:00"),
        ("2025-11-26T10:00:01,25Z", "2025-11-26T10:00:01.250+00:00"),
        ("2025-11-26T10:00:01.123999999Z", "2025-11-26T10:00:01.123+00:00"),
        ("2025-11-26T10:00:01+01:30", "2025-11-26T08:30:01+00:00"),
        ("2025-11-26T10:00:01-0800", "2025-11-26T18:00:01+00:00"),
        ("2025-11-26t10z", "2025-11-26T10:00:00+00:00"),
        ("2025-W48-3", "2025-11-26T00:00:00+00:00"),
        ("2025-330", "2025-11-26T00:00:00+00:00"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999+00:00"),
    ],
)
def test_iso_8601_is_an_instant_in_milliseconds(text: str, instant: str) -> None:
    assert iso(text) == round(datetime.fromisoformat(instant).timestamp() * 1000)


@pytest.mark.parametrize(
    "text", ["9999-W52-6", "10000-01-01T00:00:00+01:00", "0000-12-31T23:00:00-02:00"]
)
def test_the_day_lies_in_the_years_1_to_9999_as_the_instant_does(text: str) -> None:
    assert JODA.get(text, 0) is not None
    assert iso(text) is None
    assert iso("9999-W52-6T00:00:00+01:00") is None


def test_no_grammar_of_a_library_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.14's `fromisoformat` takes 24:00, which 3.11's does not."""

    class Newer(date):
        @classmethod
        def fromisoformat(cls, _text: str) -> "Newer":
            raise AssertionError("a text is read by Python")

    monkeypatch.setattr(instants, "date", Newer)
    assert iso("2025-11-26T24:00:00Z") is None
    assert iso("2025-11-26T10:00:00Z") == 1764151200000
    assert instant_of(("sql",), "2025-11-26 10:00:00", is_text=True) == (1764151200000, False)
    assert write_instant(1764151200000) == "2025-11-26T10:00:00.000Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_instant_is_read_and_written_as_python_does(moment: datetime) -> None:
    text = moment.isoformat(timespec="microseconds")
    millis = (moment - EPOCH) // timedelta(milliseconds=1)
    assert iso(text) == millis
    assert instant_of(("sql",), text[:-6].replace("T", " "), is_text=True) == (millis, False)
    written = write_instant(millis)
    assert datetime.fromisoformat(written) == EPOCH + timedelta(milliseconds=millis)
    assert len(written) == 24
    assert iso(written) == millis


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("2025-11-26 10:00:00", 1764151200000),
        ("2025-11-26 10:00:00.5", 1764151200500),
        ("2025-11-26 10:00:00.123999999", 1764151200123),
        ("1969-12-31 23:59:59.9999", -1),
        ("0001-01-01 00:00:00", FIRST),
        ("9999-12-31 23:59:59.999999999", LAST),
        *((text, None) for text in [
            "2025-11-26T10:00:00", "2025-11-26", "2025-11-26 10:00", "2025-11-26 1:00:00", "2025-11-26 10:00:00Z",
            "2025-11-26 10:00:00.", "2025-11-26 10:00:00.1234567890", "2025-11-26 10:00:00,5", "2025-11-26 10:00:00.5Z",
            "2025-11-26 10:00:00+02", "2025-11-26  10:00:00", " 2025-11-26 10:00:00", "2025-11-26 10:00:00 ",
            "2025-11-26 24:00:00", "2025-11-26 10:60:00", "2025-11-26 10:00:60", "2025-02-29 10:00:00",
            "0000-01-01 00:00:00", "2025-11-26\t10:00:00", "2025-330 10:00:00.00", "2025-11-26 10:00:00\0", "٢٠٢٥-11-26 10:00:00",
        ]),
    ],
)  # fmt: skip
def test_sql_is_a_day_and_a_time_of_it_in_utc(text: str, millis: int | None) -> None:
    assert instant_of(("sql",), text, is_text=True) == (millis and (millis, False))


@pytest.mark.parametrize(
    ("form", "number", "millis"),
    [
        ("epoch_s", "1764151200", 1764151200000),
        ("epoch_s", "1764151200.1239", 1764151200123),
        ("epoch_s", "1.7641512e9", 1764151200000),
        ("epoch_s", "17641512E+2", 1764151200000),
        ("epoch_s", "17641512000e-1", 1764151200000),
        ("epoch_s", "0", 0),
        ("epoch_s", "-0", 0),
        ("epoch_s", "-0.0", 0),
        ("epoch_s", "0e999999999999999999999999", 0),
        ("epoch_s", "0.0009", 0),
        ("epoch_s", "-0.0001", -1),
        ("epoch_s", "-1", -1000),
        ("epoch_s", "-1.0000000000000000000000000001", -1001),
        ("epoch_s", "1e-999999999999999999999999", 0),
        ("epoch_s", "-1e-999999999999999999999999", -1),
        ("epoch_s", "1e999999999999999999999999", None),
        ("epoch_s", "1" + "0" * 5000 + "e-5000", 1000),
        ("epoch_s", "0." + "0" * 5000 + "1e5001", 1000),
        ("epoch_s", "253402300799.9999999999999999999", LAST),
        ("epoch_s", "253402300800", None),
        ("epoch_s", "-62135596800", FIRST),
        ("epoch_s", "-62135596800.000000000000000001", None),
        ("epoch_ms", "1764151200123", 1764151200123),
        ("epoch_ms", "1764151200123.9999999999999999", 1764151200123),
        ("epoch_ms", "-0.5", -1),
        ("epoch_us", "1764151200123999", 1764151200123),
        ("epoch_us", "-1", -1),
        ("epoch_ns", "1764151200123999999", 1764151200123),
        ("epoch_ns", "253402300799999999999", LAST),
        ("epoch_ns", "253402300800000000000", None),
        ("auto_epoch", "0", 0),
        ("auto_epoch", "-0.0", 0),
        ("auto_epoch", "1764151200", 1764151200000),
        ("auto_epoch", "1764151200.5", 1764151200500),
        ("auto_epoch", "99999999999.99999", 99999999999999),
        ("auto_epoch", "100000000000", 100000000000),
        ("auto_epoch", "1e11", 100000000000),
        ("auto_epoch", "1764151200123.9", 1764151200123),
        ("auto_epoch", "99999999999999.9", 99999999999999),
        ("auto_epoch", "100000000000000", None),
        ("auto_epoch", "-1", None),
        ("auto_epoch", "-1e-9", None),
    ],
)
@pytest.mark.parametrize("is_text", [True, False])
def test_a_number_is_decided_on_its_digits(
    form: TimeFormat, number: str, millis: int | None, *, is_text: bool
) -> None:
    found = None if millis is None else (millis, False)
    assert instant_of((form,), number, is_text=is_text) == found


NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)


@given(st.sampled_from(list(UNITS)), NUMBERS)
def test_any_number_of_a_unit_is_cut_toward_the_past(unit: TimeFormat, number: str) -> None:
    millis = floor(Decimal(number).scaleb(UNITS[unit].adjusted()))
    found = instant_of((unit,), number, is_text=True)
    assert found == ((millis, False) if FIRST <= millis <= LAST else None)


@given(NUMBERS)
def test_any_number_without_a_unit_is_seconds_or_milliseconds_by_its_size(number: str) -> None:
    value = Decimal(number)
    unit: TimeFormat | None = None
    if 0 <= value < 10**14:
        unit = "epoch_s" if value < 10**11 else "epoch_ms"
    found = instant_of(("auto_epoch",), number, is_text=True)
    assert found == (unit and instant_of((unit,), number, is_text=True))


@pytest.mark.parametrize(
    "text",
    ["", "-", "+1", " 1", "1 ", "01", "-01", ".5", "1.", "1e", "1e+", "1e5.0", "0x10", "1_000", "1,5", "NaN", "Infinity", "\u0661", "1\n", "1\0", "--1", "true"],
)  # fmt: skip
@pytest.mark.parametrize("form", [*UNITS, "auto_epoch"])
def test_a_text_of_a_number_is_one_as_json_writes_it(form: TimeFormat, text: str) -> None:
    assert instant_of((form,), text, is_text=True) is None


def test_only_the_formats_of_the_column_are_taken() -> None:
    samples = {"iso": "2025-11-26T10:00:00Z", "sql": "2025-11-26 10:00:00"}
    for form in TIME_FORMATS:
        for name, text in {**samples, "number": "1764151200"}.items():
            taken = instant_of((form,), text, is_text=True) is not None
            assert taken == (form == name or (name == "number" and form not in samples))
    assert instant_of(("iso", "sql"), "1764151200", is_text=False) is None
    assert instant_of(("iso",), "2025", is_text=False) is None


def test_a_text_that_is_a_year_and_a_number_is_the_year() -> None:
    both: tuple[TimeFormat, ...] = ("iso", "auto_epoch")
    assert instant_of(both, "2025", is_text=True) == (1735689600000, True)
    assert instant_of(both, "2025", is_text=False) == (2025000, False)
    assert instant_of(both, "17641512", is_text=True) == (17641512000, False)


@pytest.mark.parametrize(
    "millis", [FIRST, -62_135_596_799_999, -1000, -1, 0, 1, 951782399999, 951868799999, LAST]
)
def test_an_instant_is_written_with_four_digits_of_year_and_three_of_fraction(millis: int) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", write_instant(millis))
    assert iso(write_instant(millis)) == millis

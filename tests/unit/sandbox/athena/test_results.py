from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from clickstream_lake.sandbox.athena.results import as_text, column_info, java_double


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (123456.789, "123456.789"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (-1.5e300, "-1.5E300"),
        (1e22, "1.0E22"),
        (5e-324, "5.0E-324"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_doubles_are_printed_as_java_does(value: float, text: str) -> None:
    assert java_double(value) == text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([1, -2], pa.int64()), ["1", "-2"]),
        (pa.array([1.5, None]), ["1.5", None]),
        (pa.array(["a", ""]), ["a", ""]),
        (pa.array([date(2025, 11, 26)]), ["2025-11-26"]),
        (
            pa.array([datetime(2025, 11, 26, 10, 0, 0, 123456)], pa.timestamp("us")),  # noqa: DTZ001
            ["2025-11-26 10:00:00.123"],
        ),
        (
            pa.array([datetime(2025, 11, 26, 10, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            ["2025-11-26 10:00:00.000 UTC"],
        ),
        (pa.array([Decimal("1.20")]), ["1.20"]),
        (pa.array([b"a\xff"]), ["61 ff"]),
        (pa.array([[1, None], []]), ["[1, null]", "[]"]),
        (pa.array([[("k", 1.0)]], pa.map_(pa.string(), pa.float64())), ["{k=1.0}"]),
        (pa.array([{"x": True, "y": "z"}]), ["{x=true, y=z}"]),
    ],
)
def test_values_are_printed_as_athena_does(array: pa.Array, text: list[str | None]) -> None:
    assert as_text(pa.table({"c": array}))["c0"].to_pylist() == text


def test_a_decimal_column_shows_its_precision_and_scale() -> None:
    info = column_info("price", "decimal(10,2)")
    assert (info["Type"], info["Precision"], info["Scale"]) == ("decimal", 10, 2)

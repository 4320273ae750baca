"""How Athena prints what Trino answers with."""

from typing import Any

import pytest

from clickstream_lake.sandbox.athena.trino_values import printed, shown_type


def of(name: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    """A type signature, as in Trino's answers."""
    return {"rawType": name, "arguments": list(arguments)}


def inner(signature: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "TYPE", "value": signature}


def field(name: str | None, signature: dict[str, Any]) -> dict[str, Any]:
    named = {"fieldName": {"name": name}} if name else {}
    return {"kind": "NAMED_TYPE", "value": {**named, "typeSignature": signature}}


def number(value: int) -> dict[str, Any]:
    return {"kind": "LONG", "value": value}


INTEGER, VARCHAR, DOUBLE = of("integer"), of("varchar", number(2147483647)), of("double")
TIMESTAMP = of("timestamp", number(3))


@pytest.mark.parametrize(
    ("value", "signature", "text"),
    [
        (True, of("boolean"), "true"),
        (7, INTEGER, "7"),
        (9223372036854775807, of("bigint"), "9223372036854775807"),
        (1.5, of("real"), "1.5"),
        (1e10, DOUBLE, "1.0E10"),
        (0.0001, DOUBLE, "1.0E-4"),
        ("NaN", DOUBLE, "NaN"),
        ("-Infinity", DOUBLE, "-Infinity"),
        ("1.50", of("decimal", number(3), number(2)), "1.50"),
        ('say "hi"\n', VARCHAR, 'say "hi"\n'),
        ("aGVs", of("varbinary"), "68 65 6c"),
        ("", of("varbinary"), ""),
        ("2025-11-26", of("date"), "2025-11-26"),
        ("01:02:03", of("time", number(0)), "01:02:03.000"),
        ("01:02:03.5+05:45", of("time with time zone", number(1)), "01:02:03.500+05:45"),
        ("2025-11-26 01:02:03", of("timestamp", number(0)), "2025-11-26 01:02:03.000"),
        ("2025-11-26 01:02:03.4", of("timestamp", number(1)), "2025-11-26 01:02:03.400"),
        ("2025-11-26 01:02:03.456789", of("timestamp", number(6)), "2025-11-26 01:02:03.456789"),
        (
            "2025-11-26 01:02:03 UTC",
            of("timestamp with time zone", number(0)),
            "2025-11-26 01:02:03.000 UTC",
        ),
        (
            "2025-11-26 01:02:03.456 Asia/Kathmandu",
            of("timestamp with time zone", number(3)),
            "2025-11-26 01:02:03.456 Asia/Kathmandu",
        ),
        ("-0001-11-26 01:02:03", of("timestamp", number(0)), "-0001-11-26 01:02:03.000"),
        ("2 00:00:00.000", of("interval day to second"), "2 00:00:00.000"),
        ('{"a":1}', of("json"), '{"a":1}'),
        ([1, None], of("array", inner(INTEGER)), "[1, null]"),
        ([], of("array", inner(INTEGER)), "[]"),
        ({"a": 1, "b": None}, of("map", inner(VARCHAR), inner(INTEGER)), "{a=1, b=null}"),
        ({"1": ["NaN"]}, of("map", inner(INTEGER), inner(of("array", inner(DOUBLE)))), "{1=[NaN]}"),
        ([1, "x"], of("row", field("n", INTEGER), field("t", VARCHAR)), "{n=1, t=x}"),
        ([1, "x"], of("row", field(None, INTEGER), field(None, VARCHAR)), "{field0=1, field1=x}"),
        (
            [[["2025-11-26 01:02:03.456"]]],
            of("array", inner(of("array", inner(of("row", field("at", TIMESTAMP)))))),
            "[[{at=2025-11-26 01:02:03.456}]]",
        ),
        ([[None]], of("array", inner(of("row", field("x", of("unknown"))))), "[{x=null}]"),
    ],
)
def test_a_value_is_printed_as_athena_does(
    value: object, signature: dict[str, Any], text: str
) -> None:
    assert printed(value, signature) == text


@pytest.mark.parametrize("signature", [INTEGER, VARCHAR, of("unknown"), of("row")])
def test_null_is_no_text(signature: dict[str, Any]) -> None:
    assert printed(None, signature) is None


@pytest.mark.parametrize(
    ("signature", "shown"),
    [
        (VARCHAR, "varchar"),
        (of("varchar", number(4)), "varchar"),
        (of("char", number(4)), "char"),
        (of("real"), "float"),
        (INTEGER, "integer"),
        (of("decimal", number(38), number(10)), "decimal(38,10)"),
        (of("timestamp", number(6)), "timestamp"),
        (of("timestamp with time zone", number(3)), "timestamp with time zone"),
        (of("array", inner(INTEGER)), "array"),
        (of("map", inner(VARCHAR), inner(INTEGER)), "map"),
        (of("row", field("x", INTEGER)), "row"),
        (of("json"), "json"),
        (of("unknown"), "unknown"),
    ],
)
def test_a_type_is_named_as_athena_does(signature: dict[str, Any], shown: str) -> None:
    assert shown_type(signature) == shown

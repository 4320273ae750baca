"""Numbers as Java prints them."""

import math
from decimal import Context, Decimal

import numpy as np

_SEVEN = Context(prec=7)
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7  # where Java turns to scientific notation


def java_double(value: float) -> str:
    """Print a double as Java does: `1.0E10`, `0.001`, `NaN`, `-Infinity`."""
    return _printed(value, repr(value))


def java_real(value: float) -> str:
    """Print a 32-bit number as Java does."""
    return _printed(value, str(np.float32(value)))


def real_text(value: float) -> str:
    """Print a 32-bit number as a cast to varchar does: with seven digits at most."""
    if math.isfinite(value) and value:
        return _printed(value, str(Decimal(value).normalize(_SEVEN)))
    return java_real(value)


def _printed(value: float, digits_of: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        plain = format(Decimal(digits_of), "f") if "e" in digits_of else digits_of
        return plain if "." in plain else f"{plain}.0"
    sign, digits, exponent = Decimal(digits_of).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    power = len(digits) + int(exponent) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"

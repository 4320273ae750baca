"""Trino's functions over text and bytes that DuckDB answers otherwise, or not at all."""

import binascii
import hashlib
import hmac
import math
import re
import unicodedata
import zlib
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import Final
from urllib.parse import quote_plus, unquote_to_bytes

import numpy as np

from clickstream_lake.sandbox.athena.translate.types import unsupported
from clickstream_lake.sandbox.errors import QueryError

# What Java's Character.isWhitespace says yes to.
SPACES: Final = (
    "\t\n\x0b\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
    "\u2028\u2029\u205f\u3000"
)
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_WHOLE_ABOVE: Final = 2.0**52  # from here on a double has no fraction
_WIDE: Final = Context(prec=700)  # more digits than a double can have on both sides of the point
_LEAST_BASE, _MOST_BASE = 2, 36


def _invalid(message: str) -> QueryError:
    return QueryError("INVALID_FUNCTION_ARGUMENT", message)


def _upper(text: str) -> str:
    return "".join(up if len(up := letter.upper()) == 1 else letter for letter in text)


def _lower(text: str) -> str:
    return "".join(low if len(low := letter.lower()) == 1 else low[0] for letter in text)


def _reverse(text: str) -> str:
    return text[::-1]


def _between(text: str, added: str) -> str:
    return added + "".join(letter + added for letter in text)


_WHOLE: Final = re.compile(r"[\x00- ]*([+-]?\d+)[\x00- ]*")  # digits of any script


def _java_whole(text: str) -> int:
    """Read a whole number as Java's `Long.parseLong` does what `String.trim` leaves of a text."""
    match = _WHOLE.fullmatch(text)
    if match is None or not -(2**63) <= int(match[1]) < 2**63:
        raise QueryError("INVALID_CAST_ARGUMENT", f"Cannot cast '{text}' to BIGINT")
    return int(match[1])


def _java_double(text: str) -> float:
    """Refuse what is no number, or one that only Java reads."""
    if re.fullmatch(
        r"\s*[+-]?(0[xX][0-9A-Fa-f.]+[pP][+-]?\d+|[0-9.]+([eE][+-]?\d+)?|NaN|Infinity)[dDfF]?\s*",
        text,
    ):
        raise unsupported(f"A cast of '{text}' to a number")
    raise QueryError("INVALID_CAST_ARGUMENT", f"Cannot cast '{text}' to DOUBLE")


def _decimal_text(value: float) -> str:
    return format(Decimal(repr(value)), "f") if math.isfinite(value) else str(value)


def _real_text(value: float) -> str:
    return _decimal_text(float(str(np.float32(value))))


def _round_to(value: float, digits: int) -> float:
    if not math.isfinite(value):
        return value
    shifted = abs(value) * 10.0**digits
    if shifted >= _WHOLE_ABOVE:
        return float(
            Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _WIDE)
        )
    return math.copysign(math.floor(shifted + 0.5) / 10.0**digits, value)


def _split_limited(text: str, delimiter: str, limit: int) -> list[str]:
    if not delimiter:
        raise _invalid("The delimiter may not be the empty string")
    if limit <= 0:
        raise _invalid("Limit must be positive")
    return text.split(delimiter, limit - 1)


def _split(text: str, delimiter: str) -> list[str]:
    return _split_limited(text, delimiter, 2**31)


def _split_part(text: str, delimiter: str, index: int) -> str | None:
    if index <= 0:
        raise _invalid("Index must be greater than zero")
    parts = text.split(delimiter) if delimiter else list(text)
    return parts[index - 1] if index <= len(parts) else None


def _split_to_map(text: str, entries: str, pairs: str) -> dict[str, str]:
    if not entries or not pairs:
        raise _invalid("entryDelimiter is empty" if not entries else "keyValueDelimiter is empty")
    if entries == pairs:
        raise _invalid("entryDelimiter and keyValueDelimiter must not be the same")
    found: dict[str, str] = {}
    for entry in text.split(entries):
        if (not entry and text.endswith(entries)) or not text:
            continue
        key, delimiter, value = entry.partition(pairs)
        if not delimiter:
            raise _invalid("Key-value delimiter must appear exactly once in each entry")
        if pairs in value:
            raise _invalid("Key-value delimiter must appear exactly once in each entry")
        if key in found:
            raise _invalid(f"Duplicate keys ({key}) are not allowed")
        found[key] = value
    return found


def _strpos(text: str, wanted: str, instance: int) -> int:
    if instance == 0:
        raise _invalid("'instance' must not be a zero")
    if not wanted:
        return 1
    at = -1 if instance > 0 else len(text)
    for _ in range(abs(instance)):
        at = (
            text.find(wanted, at + 1)
            if instance > 0
            else text.rfind(wanted, 0, at + len(wanted) - 1)
        )
        if at < 0:
            return 0
    return at + 1


# Of one row: many of them have to fit into this process's memory.
_LONGEST_PADDED: Final = 1_000_000


def _pad(text: str, size: int, fill: str) -> tuple[str, int]:
    if not 0 <= size < 2**31:
        raise _invalid("Target length must be in the range [0..2147483647]")
    if not fill:
        raise _invalid("Padding string must not be empty")
    if size > _LONGEST_PADDED:
        raise unsupported(f"A padded text of {size} characters")
    missing = size - len(text)
    return (fill * (missing // len(fill) + 1))[:missing] if missing > 0 else "", missing


def _lpad(text: str, size: int, fill: str) -> str:
    added, missing = _pad(text, size, fill)
    return added + text if missing >= 0 else text[:size]


def _rpad(text: str, size: int, fill: str) -> str:
    added, missing = _pad(text, size, fill)
    return text + added if missing >= 0 else text[:size]


def _translate(text: str, source: str, target: str) -> str:
    mapping: dict[int, str | None] = {}
    for place, letter in enumerate(source):
        mapping.setdefault(ord(letter), target[place] if place < len(target) else None)
    return text.translate(mapping)


def _normalize(text: str, form: str) -> str:
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]  # checked when translated


def _codepoint(text: str) -> int:
    if len(text) != 1:
        raise _invalid("Input string must be a single character string")
    return ord(text)


def _chr(number: int) -> str:
    if not 0 <= number <= 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise _invalid(f"Not a valid Unicode code point: {number}")
    return chr(number)


def _levenshtein(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def _hamming(left: str, right: str) -> int:
    if len(left) != len(right):
        raise _invalid("The input strings to hamming_distance function must have the same length")
    return sum(a != b for a, b in zip(left, right, strict=True))


def _luhn(text: str) -> bool:
    if not text:
        return False
    if not re.fullmatch("[0-9]*", text):
        raise _invalid("Input contains non-numeric characters")
    digits = [int(letter) for letter in reversed(text)]
    return sum(d if i % 2 == 0 else sum(divmod(d * 2, 10)) for i, d in enumerate(digits)) % 10 == 0


def _base(base: int) -> int:
    if not _LEAST_BASE <= base <= _MOST_BASE:
        raise _invalid(f"Radix must be between {_LEAST_BASE} and {_MOST_BASE}")
    return base


def _to_base(number: int, base: int) -> str:
    _base(base)
    digits, rest = "", abs(number)
    while rest or not digits:
        rest, digit = divmod(rest, base)
        digits = _DIGITS[digit] + digits
    return f"-{digits}" if number < 0 else digits


def _from_base(text: str, base: int) -> int:
    _base(base)
    if not re.fullmatch(r"[+-]?[0-9A-Za-z]+", text):
        raise _invalid(f"Not a valid base-{base} number: {text}")
    try:
        number = int(text, base)
    except ValueError:
        raise _invalid(f"Not a valid base-{base} number: {text}") from None
    if not -(2**63) <= number < 2**63:
        raise _invalid(f"Not a valid base-{base} number: {text}")
    return number


def _from_utf8(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _from_hex(text: str) -> bytes:
    if len(text) % 2:
        raise _invalid("expected an even number of digits")
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        raise _invalid("invalid hex character") from None


def _sha512(value: bytes) -> bytes:
    return hashlib.sha512(value).digest()


def _sha256(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def _sha1(value: bytes) -> bytes:
    return hashlib.sha1(value, usedforsecurity=False).digest()


def _md5(value: bytes) -> bytes:
    return hashlib.md5(value, usedforsecurity=False).digest()


def _crc32(value: bytes) -> int:
    return zlib.crc32(value)


def _hmac_sha256(value: bytes, key: bytes) -> bytes:
    if not key:
        raise QueryError("GENERIC_INTERNAL_ERROR", "Empty key")
    return hmac.digest(key, value, "sha256")


def _url_decode(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise _invalid(f"Illegal hex characters in escape (%) pattern: {text}")
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _url_encode(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


# What java.net.URI takes in each part, apart from escapes and letters beyond ASCII.
_URI: Final = re.compile(
    r"""(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?
    (?://(?P<authority>[^/?\#]*))?(?P<path>[^?\#]*)(?:\?(?P<query>[^\#]*))?(?:\#(?P<fragment>.*))?""",
    re.VERBOSE | re.DOTALL,
)
_LEGAL: Final = re.compile(
    r"(?:[A-Za-z0-9_\-!.~'()*,;:$&+=?/\[\]@#]|%[0-9A-Fa-f]{2}|[^\x00-\x7f\x80-\x9f\s])*"
)
_HOST: Final = re.compile(
    r"(?:.*@)?((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::([0-9]*))?"
)


@cache
def _uri(url: str) -> re.Match[str] | None:
    found = _URI.fullmatch(url)
    if found is None or not _LEGAL.fullmatch(url):
        return None
    if (
        "[" in url.split("?", maxsplit=1)[0]
        or "]" in url.split("?", maxsplit=1)[0]
        or "#" in (found["fragment"] or "")
    ):
        return None
    if found["scheme"] and found["authority"] is None and not found["path"]:
        return None
    if found["authority"] == "" and not found["path"]:
        return None
    if (
        found["scheme"] is None
        and found["authority"] is None
        and ":" in found["path"].split("/")[0]
    ):
        return None
    return found


def _decoded(part: str | None) -> str | None:
    return None if part is None else unquote_to_bytes(part).decode("utf-8", "replace")


def _url_part(url: str, part: str) -> str | None:
    found = _uri(url)
    if found is None:
        return None
    if found["scheme"] and found["authority"] is None and not found["path"].startswith("/"):
        raise unsupported(f"The opaque URL {url}")
    return _decoded(found[part]) or ""


def _url_protocol(url: str) -> str | None:
    found = _uri(url)
    return None if found is None else found["scheme"] or ""


def _url_host(url: str) -> str | None:
    found = _uri(url)
    host = _HOST.fullmatch(found["authority"]) if found and found["authority"] else None
    return None if found is None else host[1] if host else ""


def _url_port(url: str) -> int | None:
    found = _uri(url)
    host = _HOST.fullmatch(found["authority"]) if found and found["authority"] else None
    return int(host[2]) if host and host[2] else None


def _url_parameter(url: str, name: str) -> str | None:
    found = _uri(url)
    if found is None or found["query"] is None:
        return None
    for pair in found["query"].split("&"):
        key, equals, value = pair.partition("=")
        if _decoded(key.replace("+", " ")) == name:
            return _decoded(value.replace("+", " ")) if equals else ""
    return None


def _formatted(number: str, spec: str) -> str:
    """Print a number as Java's Formatter does: `,`, `0`, a width, and digits after the point."""
    grouped, zero, width, digits, kind = spec.split(" ")
    value = Decimal(number)
    places = int(digits) if digits else 6
    if kind == "f":
        value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = format(value, f"{',' if grouped == ',' else ''}f")
    size = int(width or 0)
    if zero == "0" and text.startswith("-"):
        return "-" + text[1:].rjust(size - 1, "0")
    return text.rjust(size, "0" if zero == "0" else " ")


FUNCTIONS: Final = (
    ("trino_decimal_text", _decimal_text, ["DOUBLE"], "VARCHAR"),
    ("trino_decimal_real", _real_text, ["FLOAT"], "VARCHAR"),
    ("trino_round_to", _round_to, ["DOUBLE", "INTEGER"], "DOUBLE"),
    ("trino_between", _between, ["VARCHAR"] * 2, "VARCHAR"),
    ("trino_java_whole", _java_whole, ["VARCHAR"], "BIGINT"),
    ("trino_java_double", _java_double, ["VARCHAR"], "DOUBLE"),
    ("trino_java_real", _java_double, ["VARCHAR"], "FLOAT"),
    ("trino_format_number", _formatted, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    ("trino_upper_of", _upper, ["VARCHAR"], "VARCHAR"),
    ("trino_lower_of", _lower, ["VARCHAR"], "VARCHAR"),
    ("trino_reverse_of", _reverse, ["VARCHAR"], "VARCHAR"),
    ("trino_split", _split, ["VARCHAR", "VARCHAR"], "VARCHAR[]"),
    ("trino_split_limited", _split_limited, ["VARCHAR", "VARCHAR", "BIGINT"], "VARCHAR[]"),
    ("trino_split_part", _split_part, ["VARCHAR", "VARCHAR", "BIGINT"], "VARCHAR"),
    ("trino_split_to_map", _split_to_map, ["VARCHAR"] * 3, "MAP(VARCHAR, VARCHAR)"),
    ("trino_strpos", _strpos, ["VARCHAR", "VARCHAR", "BIGINT"], "BIGINT"),
    ("trino_lpad", _lpad, ["VARCHAR", "BIGINT", "VARCHAR"], "VARCHAR"),
    ("trino_rpad", _rpad, ["VARCHAR", "BIGINT", "VARCHAR"], "VARCHAR"),
    ("trino_translate", _translate, ["VARCHAR"] * 3, "VARCHAR"),
    ("trino_normalize", _normalize, ["VARCHAR"] * 2, "VARCHAR"),
    ("trino_codepoint", _codepoint, ["VARCHAR"], "INTEGER"),
    ("trino_chr", _chr, ["BIGINT"], "VARCHAR"),
    ("trino_levenshtein", _levenshtein, ["VARCHAR"] * 2, "BIGINT"),
    ("trino_hamming", _hamming, ["VARCHAR"] * 2, "BIGINT"),
    ("trino_luhn", _luhn, ["VARCHAR"], "BOOLEAN"),
    ("trino_to_base", _to_base, ["BIGINT", "BIGINT"], "VARCHAR"),
    ("trino_from_base", _from_base, ["VARCHAR", "BIGINT"], "BIGINT"),
    ("trino_from_utf8", _from_utf8, ["BLOB"], "VARCHAR"),
    ("trino_from_hex", _from_hex, ["VARCHAR"], "BLOB"),
    ("trino_sha512", _sha512, ["BLOB"], "BLOB"),
    ("trino_sha256", _sha256, ["BLOB"], "BLOB"),
    ("trino_sha1", _sha1, ["BLOB"], "BLOB"),
    ("trino_md5", _md5, ["BLOB"], "BLOB"),
    ("trino_crc32", _crc32, ["BLOB"], "BIGINT"),
    ("trino_hmac_sha256", _hmac_sha256, ["BLOB", "BLOB"], "BLOB"),
    ("trino_url_decode", _url_decode, ["VARCHAR"], "VARCHAR"),
    ("trino_url_encode", _url_encode, ["VARCHAR"], "VARCHAR"),
    ("trino_url_part", _url_part, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    ("trino_url_protocol", _url_protocol, ["VARCHAR"], "VARCHAR"),
    ("trino_url_host", _url_host, ["VARCHAR"], "VARCHAR"),
    ("trino_url_port", _url_port, ["VARCHAR"], "BIGINT"),
    ("trino_url_parameter", _url_parameter, ["VARCHAR", "VARCHAR"], "VARCHAR"),
)
MACROS: Final = (
    "trino_upper(s) AS CASE WHEN length(s) = strlen(s) THEN upper(s) ELSE trino_upper_of(s) END",
    "trino_lower(s) AS CASE WHEN length(s) = strlen(s) THEN lower(s) ELSE trino_lower_of(s) END",
    "trino_reverse(s) AS CASE WHEN length(s) = strlen(s) THEN reverse(s) ELSE trino_reverse_of(s) END",
)

"""What names and values of fields look like: ids, addresses, people. None of them is kept.

A producer may use anything as a name, also what tells who somebody is: an id, an e-mail address, a
search. Only names that look like names are written down; of others, only what they look like.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from clickstream_lake.lake.names import fold_name

Shape = Literal["e-mail", "ip", "phone", "address"]
SHAPES: Final[tuple[Shape, ...]] = ("e-mail", "ip", "phone", "address")

_LOOKED_AT: Final = 512
"""Characters at the start of a text that are looked at."""
_LONGEST_NAME: Final = 64
_LONGEST_PART: Final = 40
_ID_LENGTH: Final = 12
_HEX_LENGTH: Final = 8

# One letter in front is enough: to go through all of them costs much, and tells no more.
_EMAIL: Final = re.compile(
    r"[^\s@<>\"(),:;](?:@|%40)[^\s@<>\"(),:;]{1,190}\.[a-z]{2}", re.IGNORECASE
)
_IP_V4: Final = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}\d{1,3}(?![\w.])")
_IP_V6: Final = re.compile(
    r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}:[0-9a-f]{0,4})(?!\w)",
    re.IGNORECASE,
)
# Digits in groups, or with a sign, a bracket or a zero in front: 7 to 15, as E.164 has it.
_PHONE: Final = re.compile(r"[+0(](?:[ ./()-]{0,3}\d){6,15}|\d{2,5}(?:[ ./-]{1,2}\d{2,6}){1,4}")
_PHONE_DIGITS: Final = range(7, 16)
_STREET: Final = re.compile(
    r"\b\d{1,5}[a-z]?,?\s+(?:[\w'.-]+\s+){0,4}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|"
    r"boulevard|blvd|court|ct|square|sq|rue|place|way|terrace|chemin)\b"
    r"|\b(?:rue|via|calle|avenida|avenue|rua|ulica|piazza|plaza)\s+[\w'. -]{2,40}?,?\s*\d{1,5}\b"
    r"|(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|straat|laan|gatan|vej)\s+\d{1,4}\b",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_TIME: Final = re.compile(r"(?<!\d)\d\d?:\d\d:\d\d(?!\d)")
# What has as many digits as a phone number, in groups, and is none.
_DATE_OR_NUMBER: Final = re.compile(
    r"\d{4}[-./]\d\d?[-./]\d\d?(?:$|[T ])|\d{1,2}[./]\d{1,2}[./]\d{2,4}$|\d+\.\d+$"
)
_KEY: Final = re.compile(r'"((?:[^"\\]|\\.){1,64})"\s*:')

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_NAME: Final = re.compile(r"(?:[^\W\d]|\$)[\w.:$/-]*")
_SEPARATORS: Final = re.compile(r"([_.:$/-]+)")
_DIGITS: Final = re.compile(r"\d{4,}")
_CONSONANTS: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{7,}", re.IGNORECASE)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")

# A word of a name that is split at capitals and underscores.
_PERSONAL: Final = frozenset(
    [
        "mail",
        "email",
        "phone",
        "telephone",
        "tel",
        "mobile",
        "cell",
        "fax",
        "msisdn",
        "address",
        "addr",
        "street",
        "zip",
        "zipcode",
        "postcode",
        "postal",
        "plz",
        "ip",
        "ipaddress",
        "birth",
        "birthday",
        "birthdate",
        "dob",
        "ssn",
        "passport",
        "iban",
        "bic",
        "card",
        "cvv",
        "taxid",
        "surname",
        "firstname",
        "lastname",
        "fullname",
        "username",
        "nickname",
        "login",
        "password",
        "passwd",
        "secret",
        "token",
        "latitude",
        "longitude",
        "lat",
        "lon",
        "lng",
        "gender",
        "religion",
        "person",
        "recipient",
        "signature",
    ]
)
_OF_PEOPLE: Final = frozenset(
    [
        "first",
        "last",
        "full",
        "user",
        "given",
        "family",
        "middle",
        "maiden",
        "customer",
        "contact",
        "person",
        "recipient",
        "display",
        "nick",
    ]
)


@lru_cache(4_096)
def folded(name: str) -> str:
    """The name of a field as it may be written down: itself, or a pattern of what it looks like.

    `coupon` stays, `item_48213` is `item_<n>`, an id `<id>`, an e-mail address `<e-mail>`, and
    whatever is no name, such as a search, `<text>`.
    """
    if len(name) > _LONGEST_NAME:
        return "<text>"
    if (shape := shape_of(name)) is not None:
        return f"<{shape}>"
    if _UUID.search(name):
        return "<id>"
    if name.isdecimal():
        return "<n>"
    if not _NAME.fullmatch(name):
        return "<id>" if name.isalnum() else "<text>"
    parts = [_folded_part(part) for part in _SEPARATORS.split(name)]
    return "".join(parts)


def _folded_part(part: str) -> str:
    if part.isdecimal() and len(part) > 1:
        return "<n>"
    digits = sum(letter.isdecimal() for letter in part)
    is_hex = len(part) >= _HEX_LENGTH and set(part.lower()) <= set("0123456789abcdef")
    if len(part) > _LONGEST_PART or (is_hex and digits > 1):
        return "<id>"
    if len(part) >= _ID_LENGTH and (digits > len(part) // 4 or _changes(part) > len(part) // 3):
        return "<id>"
    if _CONSONANTS.search(part):
        return "<id>"
    return _DIGITS.sub("<n>", part)


def _changes(part: str) -> int:
    """How often letters change between small, capital and digit, as in no word."""
    kinds = [letter.isdecimal() * 2 + letter.isupper() for letter in part]
    return sum(one != other for one, other in pairwise(kinds))


def shape_of(text: str) -> Shape | None:
    """What of a person's a text seems to hold, if anything."""
    head = text[:_LOOKED_AT]
    if ("@" in head or "%40" in head) and _EMAIL.search(head):
        return "e-mail"
    if not _DIGIT.search(head):
        return None
    if head.count(".") > 2 and _IP_V4.search(head):  # noqa: PLR2004 - of its four numbers
        return "ip"
    if head.count(":") > 1 and _IP_V6.search(head) and not _TIME.search(head):
        return "ip"
    if _is_phone(head):
        return "phone"
    return "address" if " " in head and _STREET.search(head) else None


def _is_phone(text: str) -> bool:
    return (
        _PHONE.fullmatch(text) is not None
        and len(_DIGIT.findall(text)) in _PHONE_DIGITS
        and _DATE_OR_NUMBER.match(text) is None
    )


def shape_in(text: str) -> Shape | None:
    """What of a person's an object or array, as JSON text, seems to hold, by values and names."""
    if (shape := shape_of(text)) is not None:
        return shape
    return "address" if any(map(sounds_personal, _KEY.findall(text[:_LOOKED_AT]))) else None


def sounds_personal(name: str, personal: Iterable[str] = ()) -> bool:
    """Whether a field's name is one that things about people have.

    Args:
        name: the field's.
        personal: names that are personal in this lake, folded.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    whole = fold_name(name)
    return (
        not _PERSONAL.isdisjoint(words)
        or ("name" in words and not _OF_PEOPLE.isdisjoint(words))
        or whole in _PERSONAL
        or any(key in whole for key in personal)
    )

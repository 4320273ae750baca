"""Why something was not published. The rejects table and the metrics use these words."""

from enum import StrEnum
from typing import Final, Self

from clickstream_lake.lake.quality import Breach


class Reason(StrEnum):
    """A word, and what it means."""

    meaning: str

    def __new__(cls, word: str, meaning: str = "") -> Self:
        """Make a word that is equal to its text; looking one up needs no meaning."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning = meaning
        return reason


class LineReason(Reason):
    """Why an event was not published."""

    NOT_JSON = "not_json", "the text is not a JSON value"
    NOT_OBJECT = "not_object", "the JSON value is not an object"
    NON_FINITE_NUMBER = "non_finite_number", "a number is NaN or Infinity"
    NUMBER_OVERFLOW = "number_overflow", "a number is too large for a double"
    INVALID_UTF8 = "invalid_utf8", "the bytes are not UTF-8"
    TOO_DEEP = "too_deep", "objects and arrays are nested deeper than LAKE_MAX_DEPTH"
    TOO_MANY_KEYS = "too_many_keys", "the event has more keys than LAKE_MAX_KEYS"
    KEY_TOO_LONG = "key_too_long", "a key is longer than 10,000 bytes"
    LINE_TOO_LONG = "line_too_long", "the event is longer than LAKE_MAX_LINE_BYTES"
    NOT_IN_ENUM = Breach.NOT_IN_ENUM, "a value is none of its column's `enum`"
    NOT_LIKE_PATTERN = Breach.NOT_LIKE_PATTERN, "a text does not match its column's `pattern`"
    BELOW_MIN = Breach.BELOW_MIN, "a value is below its column's `min`"
    ABOVE_MAX = Breach.ABOVE_MAX, "a value is above its column's `max`"
    OVER_MAX_LENGTH = Breach.OVER_MAX_LENGTH, "a text is longer than its column's `max_length`"
    MISSING_REQUIRED = Breach.MISSING_REQUIRED, "a `required` column would be NULL"


OF_A_CATALOG: Final = frozenset(LineReason(breach) for breach in Breach)
"""Those that only a catalog's rules give: what is rejected for another one is no event of any."""


class ObjectReason(Reason):
    """Why a raw object was rejected whole."""

    NOT_GZIP = "not_gzip", "the object does not start with a gzip header"
    GZIP_TRUNCATED = "gzip_truncated", "the gzip stream ends too early"
    GZIP_CORRUPT = "gzip_corrupt", "the gzip stream fails its own checks"
    GZIP_TRAILING_GARBAGE = (
        "gzip_trailing_garbage",
        "something that is not a gzip member follows the last one",
    )
    OBJECT_TOO_LARGE = (
        "object_too_large",
        "the object decompresses to more than LAKE_MAX_OBJECT_BYTES",
    )
    RATIO_TOO_HIGH = (
        "ratio_too_high",
        "the object decompresses to more than LAKE_MAX_RATIO times its size",
    )

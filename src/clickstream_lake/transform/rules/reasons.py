"""Why something was not published. These words stand in the rejects table and in metrics."""

from typing import Final, Literal

LineReason = Literal[
    "not_json",
    "not_object",
    "non_finite_number",
    "number_overflow",
    "invalid_utf8",
    "lone_surrogate",
    "too_deep",
    "too_many_keys",
    "key_too_long",
    "line_too_long",
]
ObjectReason = Literal[
    "not_gzip",
    "gzip_truncated",
    "gzip_corrupt",
    "gzip_trailing_garbage",
    "object_too_large",
    "ratio_too_high",
]

LINE_REASONS: Final[dict[LineReason, str]] = {
    "not_json": "the text is no JSON value",
    "not_object": "the JSON value is no object",
    "non_finite_number": "a number is NaN or Infinity",
    "number_overflow": "a number is too large for a double",
    "invalid_utf8": "the bytes are no UTF-8",
    "lone_surrogate": "an escape gives half of a surrogate pair",
    "too_deep": "objects and arrays are nested deeper than LAKE_MAX_DEPTH",
    "too_many_keys": "the event has more keys than LAKE_MAX_KEYS",
    "key_too_long": "a key is longer than 10,000 bytes",
    "line_too_long": "the event is longer than LAKE_MAX_LINE_BYTES",
}
OBJECT_REASONS: Final[dict[ObjectReason, str]] = {
    "not_gzip": "the object does not start with a gzip header",
    "gzip_truncated": "the gzip stream ends too early",
    "gzip_corrupt": "the gzip stream fails its own checks",
    "gzip_trailing_garbage": "something that is no gzip member follows the last one",
    "object_too_large": "the object decompresses to more than LAKE_MAX_OBJECT_BYTES",
    "ratio_too_high": "the object decompresses to more than LAKE_MAX_RATIO times its size",
}

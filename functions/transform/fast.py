r"""The data rules for whole blocks at once, where they can be proven to hold.

One strict, typed parse of the block (msgspec) shows that every line is a JSON object of the
catalog's columns with values of their types; the columns come from what it decoded, and the JSON
lines from the block's own bytes with the PII cut out. What has to be shown for that:

- *Framing*: every line starts with `{` and ends with `}`, and there are as many objects as lines.
  Inside an object `}`, white space, `{` is no JSON, so no object spans lines, and each line holds
  exactly one.
- *No hidden PII*: an ASCII letter, digit or mark of a name spelt as a `\u` escape anywhere in the
  block declines it. Then `"key":` occurs only where a key is spelt plainly, and equal counts of
  occurrences and of objects that carry the key show that each carries it once, at its top level,
  because the texts of nested values are searched as well.
- *No surprises inside nested values*, which the parse passes over: valid UTF-8, no number that
  might overflow, no nesting or number of keys that might be over the limits.

Whatever is not shown is declined (`None`), and goes through `functions.transform.enrich`. Tests
hold the two together over hostile input.
"""

import gc
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa

from functions.lake.coercion import INT64_MAX, INT64_MIN, compact, parse_timestamp
from functions.lake.config import Limits
from functions.lake.schema import EXTRA, PROCESSED_TS, Catalog, Column
from functions.transform.splice import append_field, remove_field, replace_field

# Names are made of letters, digits and `_ . $ -`; the Kelvin sign is a k in lower case.
_ESCAPED_NAME: Final = re.compile(
    rb"\\u(?:00(?:2[4dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])|212[aA])"
)
_TIMESTAMPS: Final = re.compile(
    r"(?:(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z\|)*", re.ASCII
)
# A number overflows with an exponent of three digits, or with more than 200 digits before a
# smaller one. The first expression is quick, and also finds such letters in names and hashes.
_EXPONENT: Final = re.compile(r"[0-9][eE]\+?[0-9]{3}")
_LARGE_NUMBER: Final = re.compile(r"(?:^|[:,\[\s])-?[0-9][0-9.]*[eE]\+?[0-9]{3}", re.MULTILINE)
_MANY_DIGITS: Final = 200
_LONG_NUMBER: Final = re.compile(rf"[0-9]{{{_MANY_DIGITS}}}")
# Long enough for a key that is over its limit.
_LONGEST_TEXT: Final = 10_000
_SPACES: Final = (" ", "\t")
_TYPES: Final[dict[str, Any]] = {
    "string": str | None,
    "timestamp": str | None,
    "double": float | None,
    "boolean": bool | None,
    "bigint": Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)] | None,
    "json": msgspec.Raw,
}
_NULL: Final = msgspec.Raw(b"null")


class Declined(Exception):  # noqa: N818 - no error: the block takes the other way
    """Something about a block was not shown."""


class FastPath:
    """Enriches blocks in which every line is proven to be plain."""

    def __init__(
        self, catalog: Catalog, limits: Limits, *, processed_ts: int, processed_ts_text: str
    ) -> None:
        """Compile the catalog into a parser.

        Args:
            catalog: columns and PII keys.
            limits: what one event may ask for.
            processed_ts: UTC milliseconds.
            processed_ts_text: the same instant as ISO-8601 text.
        """
        self._limits = limits
        self._schema = catalog.arrow_schema()
        self._processed_ts = pa.scalar(processed_ts, type=self._schema.field(PROCESSED_TS).type)
        self._field = f'"{PROCESSED_TS}":"{processed_ts_text}"'.encode()
        parquet = catalog.table("parquet").columns
        self._sent = [column for column in parquet if column.name not in {EXTRA, PROCESSED_TS}]
        self._pii = sorted(catalog.pii_keys)
        event = msgspec.defstruct(
            "Event",
            [
                *((f"c{i}", *_field(column)) for i, column in enumerate(self._sent)),
                *(
                    (f"p{i}", str | int | None | msgspec.UnsetType, msgspec.UNSET)
                    for i in range(len(self._pii))
                ),
            ],
            rename={
                **{f"c{i}": column.name for i, column in enumerate(self._sent)},
                **{f"p{i}": key for i, key in enumerate(self._pii)},
            },
            forbid_unknown_fields=True,
            gc=False,
        )
        decoder = msgspec.json.Decoder(event)
        self._decode_lines = decoder.decode_lines
        self._decode = decoder.decode

    def may_take(self, line: bytes) -> bool:
        """Tell whether one line, without its newline, is worth another try among plain ones."""
        if not (line.startswith(b"{") and line.endswith(b"}")) or _ESCAPED_NAME.search(line):
            return False
        try:
            self._decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return True

    def enrich(self, lines: bytes) -> tuple[bytes, pa.RecordBatch] | None:
        """Enrich whole lines, each with its newline.

        Returns:
            The JSON lines and the Parquet rows, in the order of the lines; None if anything about
            them was not shown.
        """
        if len(lines) > self._limits.max_line_bytes or len(self._sent) > self._limits.max_keys:
            return None
        # Thousands of short-lived objects and no cycles: collecting in between costs a tenth.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._enrich(lines)
        except (
            Declined,
            msgspec.MsgspecError,
            UnicodeDecodeError,
            RecursionError,
            pa.ArrowInvalid,
        ):
            return None
        finally:
            if collecting:
                gc.enable()

    def _enrich(self, lines: bytes) -> tuple[bytes, pa.RecordBatch]:
        if b"\r" in lines:
            # Elsewhere than at the end of a line it must not reach the JSON: Hadoop's readers take
            # it for the end of one.
            lines = lines.replace(b"\r\n", b"\n")
            if b"\r" in lines:
                raise Declined
        if b"\\u" in lines and _ESCAPED_NAME.search(lines):
            raise Declined
        events = self._decode_lines(lines)
        columns = list(zip(*map(msgspec.structs.astuple, events), strict=True))
        if not columns:
            raise Declined
        sent = len(self._sent)
        arrays = list(map(self._array, self._sent, columns[:sent]))
        json = self._json_lines(lines, len(events), columns[sent:])
        return json, self._batch(arrays, len(events))

    def _json_lines(self, lines: bytes, count: int, pii: Sequence[Sequence[object]]) -> bytes:
        """Cut the PII out, put `processed_ts` in, and show the framing.

        The cuts are inside objects, so the framing before them is the framing behind them.
        """
        lacking: Sequence[bool] | None = None  # lines without `processed_ts` yet; None means all
        for key, values in zip(self._pii, pii, strict=True):
            absent = [value is msgspec.UNSET for value in values]
            present = absent.count(False)
            if lacking is None and present:
                cut = replace_field(lines, key.encode(), present, self._field)
                lacking = absent
            else:
                cut = remove_field(lines, key.encode(), present)
            if cut is None:
                raise Declined
            lines = cut
        split = lines.split(b"\n")
        _show_framing(split, count)
        if lacking is None or True in lacking:
            return b"\n".join(append_field(split[:-1], lacking, self._field)) + b"\n"
        return lines

    def _batch(self, arrays: list[pa.Array], count: int) -> pa.RecordBatch:
        by_name = dict(zip((column.name for column in self._sent), arrays, strict=True))
        by_name[PROCESSED_TS] = pa.repeat(self._processed_ts, count)
        by_name[EXTRA] = pa.nulls(count, pa.string())
        return pa.RecordBatch.from_arrays(
            [by_name[name] for name in self._schema.names], schema=self._schema
        )

    def _array(self, column: Column, values: Sequence[Any]) -> pa.Array:
        if column.type == "timestamp":
            return self._timestamps(column, values)
        if column.type == "json":
            values = self._json_texts(values)
        return pa.array(values, type=self._schema.field(column.name).type)

    def _timestamps(self, column: Column, values: Sequence[str | None]) -> pa.Array:
        kind = self._schema.field(column.name).type
        sent = [text for text in values if text is not None]
        if not sent or _TIMESTAMPS.fullmatch("|".join(sent) + "|"):
            return pa.array(values, type=pa.string()).cast(kind)
        millis = [None if text is None else parse_timestamp(text) for text in values]
        if millis.count(None) != values.count(None):
            raise Declined
        return pa.array(millis, type=kind)

    def _json_texts(self, values: Sequence[msgspec.Raw]) -> list[str | None]:
        """The compact texts of a json column, shown to be free of what the parse passes over."""
        # No JSON text of one line has a newline in it.
        text = b"\n".join(values).decode()
        self._show_harmless(text)
        if any(space in text for space in _SPACES):
            text = b"\n".join(compact(bytes(value)) for value in values).decode()
        return [None if part == "null" else part for part in text.split("\n")]

    def _show_harmless(self, text: str) -> None:
        lowered = text.lower()
        if any(key in lowered for key in self._pii):
            raise Declined
        if _EXPONENT.search(text) and _LARGE_NUMBER.search(text):
            raise Declined
        parts = text.split("\n")
        longest = max(map(len, parts))
        if longest >= _MANY_DIGITS and _LONG_NUMBER.search(text):
            raise Declined
        # A level takes two characters at least, a key with its value five.
        if longest > _LONGEST_TEXT:
            raise Declined
        depth = self._limits.max_depth
        if longest >= 2 * depth and max(p.count("{") + p.count("[") for p in parts) >= depth:
            raise Declined
        if longest // 5 + len(self._sent) + len(self._pii) > self._limits.max_keys:
            raise Declined


def _field(column: Column) -> tuple[Any, Any]:
    """Type and default of a column in the parser."""
    return _TYPES[column.type], _NULL if column.type == "json" else None


def _show_framing(lines: Sequence[bytes], count: int) -> None:
    """Each of `count` lines is one object and not empty; behind the last newline is nothing."""
    framed = (
        len(lines) == count + 1
        and not lines[-1]
        and all(line[:1] == b"{" and line[-1:] == b"}" and line != b"{}" for line in lines[:-1])
    )
    if not framed:
        raise Declined

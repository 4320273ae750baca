"""Decoded values of many events -> one record batch of the catalog's Parquet columns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

from functions.lake.coercion import parse_timestamp
from functions.lake.schema import EXTRA, PROCESSED_TS, Catalog
from functions.transform.declined import Declined
from functions.transform.nested import NestedTexts
from functions.transform.refused import PARSE_ERRORS
from functions.transform.shape import ABSENT

_TIMESTAMPS: Final = re.compile(
    r"(?:(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z\|)*", re.ASCII
)
"""Timestamps that Arrow reads as the coercion does, each with a bar behind it."""
_MILLISECONDS_LENGTH: Final = len("2025-11-26T10:00:00.000Z")
_TEXT_TYPES: Final = frozenset({"string", "timestamp"})

_parse_numbers = msgspec.json.Decoder(list[float | None]).decode


class Columns:
    """Builds the Parquet columns of events that a typed parse has decoded."""

    def __init__(self, catalog: Catalog, nested: NestedTexts, *, processed_ts: int) -> None:
        """Prepare what is the same for every batch; `processed_ts` is in UTC milliseconds."""
        self._schema = catalog.arrow_schema()
        self._nested = nested
        self._processed_ts = pa.scalar(processed_ts, type=self._schema.field(PROCESSED_TS).type)
        columns = catalog.table("parquet").columns
        self.sent = [column for column in columns if column.name not in {EXTRA, PROCESSED_TS}]
        """The columns that producers send."""
        # Columns that some event so far did not have. Looking for such events in all others costs
        # 150 ns an event.
        self._sparse: set[str] = set()
        self._timestamps = [column.name for column in columns if column.type == "timestamp"]
        self._timestamps.remove(PROCESSED_TS)

    def batch(
        self, values: Mapping[str, Sequence[Any]], extras: Sequence[str | None] | None, fields: int
    ) -> pa.RecordBatch:
        """One row per event.

        Args:
            values: of each sent column, by name, as `functions.transform.shape` decodes them.
            extras: the column `extra`; None where it is NULL throughout.
            fields: the most fields an event has.

        Raises:
            Declined: a value does not fit its column, or may break a rule.
        """
        try:
            return self._batch(values, extras, fields)
        except (pa.ArrowInvalid, TypeError):
            sparse = {name for name, column in values.items() if ABSENT in column}
            if sparse <= self._sparse:
                raise Declined from None
            self._sparse |= sparse
            return self.batch(values, extras, fields)

    def _batch(
        self, values: Mapping[str, Sequence[Any]], extras: Sequence[str | None] | None, fields: int
    ) -> pa.RecordBatch:
        count = len(next(iter(values.values())))
        arrays = {PROCESSED_TS: pa.repeat(self._processed_ts, count)}
        arrays[EXTRA] = (
            pa.nulls(count, pa.string()) if extras is None else pa.array(extras, type=pa.string())
        )
        texts: dict[str, Sequence[str | None]] = {}
        nested = [] if extras is None else [extras]
        odd = _Odd()
        for column in self.sent:
            name, kind = column.name, column.type
            if kind == "json":
                with odd:
                    texts[name] = self._json_texts(values[name])
                    nested.append(texts[name])
            elif kind == "double":
                with odd:
                    arrays[name] = _numbers(values[name])
            elif kind in _TEXT_TYPES:
                texts[name] = self._present(name, values[name])
            else:
                type_ = self._schema.field(name).type
                arrays[name] = pa.array(self._present(name, values[name]), type=type_)
        self._nested.show_few_keys(fields, nested)
        # All texts as one array, cut afterwards: the call costs more than its elements.
        joined: list[str | None] = []
        for part in texts.values():
            joined += part
        together = pa.array(joined, type=pa.string())
        for number, name in enumerate(texts):
            arrays[name] = together.slice(number * count, count)
        for name in self._timestamps:
            with odd:
                type_ = self._schema.field(name).type
                arrays[name] = _timestamps(texts[name], arrays[name], type_)
        odd.decline()
        return pa.RecordBatch.from_arrays(
            [arrays[name] for name in self._schema.names], schema=self._schema
        )

    def _json_texts(self, values: Sequence[msgspec.Raw]) -> Sequence[str | None]:
        texts = self._nested.compact_texts(values)
        return [None if text == "null" else text for text in texts] if "null" in texts else texts

    def _present(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """A column's values, with None for fields that are absent."""
        if name in self._sparse:
            return [None if value is ABSENT else value for value in values]
        return values


class _Odd:
    """Gathers which events are odd, whatever column shows it, to decline them all at once."""

    def __init__(self) -> None:
        self._places: set[int] = set()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Keep the places of what was declined; if they are not known, that is for the caller."""
        if isinstance(error, Declined) and error.places:
            self._places.update(error.places)
            return True
        return False

    def decline(self) -> None:
        """Decline what was gathered."""
        if self._places:
            raise Declined(tuple(sorted(self._places)))


def _numbers(values: Sequence[msgspec.Raw]) -> pa.DoubleArray:
    try:
        numbers = _parse_numbers(b"[%s]" % b",".join(values))
    except PARSE_ERRORS:
        raise Declined(
            tuple(i for i, value in enumerate(values) if not _is_number(value))
        ) from None
    return pa.array(numbers, type=pa.float64())


def _is_number(value: msgspec.Raw) -> bool:
    try:
        _parse_numbers(b"[%s]" % bytes(value))
    except PARSE_ERRORS:
        return False
    return True


def _timestamps(
    texts: Sequence[str | None], array: pa.StringArray, kind: pa.DataType
) -> pa.TimestampArray:
    sent: Sequence[Any] = (
        [text for text in texts if text is not None] if array.null_count else texts
    )
    if _of_one_shape(sent) or _TIMESTAMPS.fullmatch("|".join([*sent, ""])):
        try:
            return array.cast(kind)
        except pa.ArrowInvalid:  # there is no such day or hour
            pass
    millis = [None if text is None else parse_timestamp(text) for text in texts]
    if millis.count(None) != texts.count(None):
        pairs = enumerate(zip(texts, millis, strict=True))
        raise Declined(tuple(i for i, (text, m) in pairs if m is None and text is not None))
    return pa.array(millis, type=kind)


def _of_one_shape(texts: Sequence[str]) -> bool:
    """Whether all are `YYYY-MM-DDTHH:MM:SS.mmmZ`, as far as Arrow's own parser does not see to it.

    Each that Arrow takes has `-` behind four digits. So if these marks stand at such places all
    through the joined texts, no text ends elsewhere than where the next one is due.
    """
    count = len(texts)
    joined = "".join(texts)
    return (
        len(joined) == count * _MILLISECONDS_LENGTH
        and joined[4::_MILLISECONDS_LENGTH] == "-" * count
        and joined[10::_MILLISECONDS_LENGTH] == "T" * count
        and joined[19::_MILLISECONDS_LENGTH] == "." * count
        and joined[23::_MILLISECONDS_LENGTH] == "Z" * count
        and "0000-" not in joined
    )

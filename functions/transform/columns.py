"""Python values of many events -> one record batch of the catalog's Parquet columns."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import pyarrow as pa

from functions.lake.coercion import parse_timestamp
from functions.lake.schema import EXTRA, PROCESSED_TS, Catalog
from functions.transform.nested import Declined, NestedTexts

TIMESTAMPS: Final = re.compile(
    r"(?:(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z\|)*", re.ASCII
)
"""Timestamps that Arrow reads as the coercion does, each with a bar behind it."""
_MILLISECONDS_LENGTH: Final = len("2025-11-26T10:00:00.000Z")
_TEXT_TYPES: Final = frozenset({"string", "timestamp", "json"})


class Columns:
    """Builds the Parquet columns of events that a typed parse has decoded."""

    def __init__(self, catalog: Catalog, nested: NestedTexts, *, processed_ts: int) -> None:
        """Prepare what is the same for every batch; `processed_ts` is in UTC milliseconds."""
        self._schema = catalog.arrow_schema()
        self._nested = nested
        self._processed_ts = pa.scalar(processed_ts, type=self._schema.field(PROCESSED_TS).type)
        columns = catalog.table("parquet").columns
        self.sent = [column for column in columns if column.name not in {EXTRA, PROCESSED_TS}]
        """The columns that producers send, in the order that `batch` takes them."""

    def batch(self, columns: Sequence[Sequence[Any]], extras: pa.Array) -> pa.RecordBatch:
        """One row per event.

        Args:
            columns: the decoded values of each sent column; JSON columns as raw text.
            extras: the column `extra`.

        Raises:
            Declined: a timestamp or JSON text does not fit, or may break a rule.
            pyarrow.ArrowInvalid: the same.
        """
        count = len(extras)
        by_name = {PROCESSED_TS: pa.repeat(self._processed_ts, count), EXTRA: extras}
        texts: dict[str, Sequence[str | None]] = {}
        for column, values in zip(self.sent, columns, strict=True):
            if column.type == "json":
                texts[column.name] = self._json_texts(values)
            elif column.type in _TEXT_TYPES:
                texts[column.name] = values
            else:
                kind = self._schema.field(column.name).type
                by_name[column.name] = pa.array(values, type=kind)
        # All texts as one array, cut afterwards: the call costs more than its elements.
        together = pa.array(list(chain.from_iterable(texts.values())), type=pa.string())
        for place, name in enumerate(texts):
            by_name[name] = together.slice(place * count, count)
        for column in self.sent:
            if column.type == "timestamp":
                by_name[column.name] = self._timestamps(
                    column.name, texts[column.name], by_name[column.name]
                )
        return pa.RecordBatch.from_arrays(
            [by_name[name] for name in self._schema.names], schema=self._schema
        )

    def _timestamps(
        self, name: str, values: Sequence[str | None], texts: pa.StringArray
    ) -> pa.TimestampArray:
        kind = self._schema.field(name).type
        sent = [text for text in values if text is not None]
        if not sent or _of_one_shape(sent) or TIMESTAMPS.fullmatch("|".join(sent) + "|"):
            return texts.cast(kind)
        millis = [None if text is None else parse_timestamp(text) for text in values]
        if millis.count(None) != values.count(None):
            raise Declined
        return pa.array(millis, type=kind)

    def _json_texts(self, values: Sequence[msgspec.Raw]) -> list[str | None]:
        texts = self._nested.compact_texts(values)
        return [None if text == "null" else text for text in texts]


def _of_one_shape(texts: Sequence[str]) -> bool:
    """Whether all are `YYYY-MM-DDTHH:MM:SS.mmmZ`, as far as Arrow's own parser does not see to it.

    What it takes of that length with these letters at their places is what the coercion takes,
    but for the year 0.
    """
    if set(map(len, texts)) != {_MILLISECONDS_LENGTH}:
        return False
    joined = "".join(texts)
    letters = {place: joined[place::_MILLISECONDS_LENGTH] for place in (4, 10, 19, 23)}
    return min(texts) >= "0001" and all(
        letters[place] == letter * len(texts)
        for place, letter in ((4, "-"), (10, "T"), (19, "."), (23, "Z"))
    )

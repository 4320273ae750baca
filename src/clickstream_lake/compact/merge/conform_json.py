"""Bring JSON lines of an older schema to the rules of today's catalog.

The Hive SerDe fails a whole query on a value that does not fit its column. So before a line that
was written when a column was not declared yet stands in a table that declares it, the field has
to fit, or it goes into the `extra` object; and what sat there moves out once it fits.
"""

from typing import Final

import msgspec

from clickstream_lake.lake.catalog import EXTRA, Catalog, ColumnType
from clickstream_lake.lake.coercion import MISMATCH, coerce

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.encode


class LineConformer:
    """Conforms lines one by one.

    Attributes:
        lifted: values moved out of `extra` so far.
        returned: values moved into `extra` so far.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Take the catalog that declares today's columns."""
        self.lifted = 0
        self.returned = 0
        self._catalog = catalog
        self._kinds: dict[str, ColumnType] = {
            column.name: column.type for column in catalog.columns if column.name != EXTRA
        }

    def line(self, line: bytes) -> bytes:
        """Conform one line, without its end; one that fits already keeps its bytes.

        Raises:
            ValueError: the line is no JSON object.
        """
        try:
            fields = _FIELDS.decode(line)
            held = _FIELDS.decode(fields.get(EXTRA, b"{}"))
        except msgspec.DecodeError as error:
            raise ValueError("a published JSON line is no JSON object") from error
        before = (self.lifted, self.returned)
        coerced = self._settle(fields, held)
        self._lift(fields, held)
        if not coerced and before == (self.lifted, self.returned):
            return line
        fields.pop(EXTRA, None)
        if held:
            fields[EXTRA] = msgspec.Raw(_encode(held))
        return _encode(fields)

    def _settle(self, fields: dict[str, msgspec.Raw], held: dict[str, msgspec.Raw]) -> bool:
        """Make every field fit its column, or move it into `held`; tells if one was rewritten."""
        rewritten = False
        for name, raw in list(fields.items()):
            if name == EXTRA:
                continue
            kind = self._kinds.get(name)
            if kind is not None:
                value, text = coerce(kind, bytes(raw))
                if value is not MISMATCH:
                    if text != bytes(raw):
                        fields[name] = msgspec.Raw(text)
                        rewritten = True
                    continue
            elif not self._catalog.taken_for_column(name, self._catalog.partition_keys):
                continue
            held[name] = fields.pop(name)
            self.returned += 1
        return rewritten

    def _lift(self, fields: dict[str, msgspec.Raw], held: dict[str, msgspec.Raw]) -> None:
        """Move what fits its column by now out of `held`."""
        for name in [name for name in held if name in self._kinds]:
            if name in fields and bytes(fields[name]) != b"null":
                continue
            value, text = coerce(self._kinds[name], bytes(held[name]))
            if value is not MISMATCH:
                fields[name] = msgspec.Raw(text)
                del held[name]
                self.lifted += 1

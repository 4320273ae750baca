"""What decides how the events of one raw object come out."""

from dataclasses import dataclass

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Limits


@dataclass(frozen=True, slots=True)
class Rules:
    """The same for every event.

    Attributes:
        catalog: columns and PII keys.
        limits: what one event may ask for.
        processed_ts: UTC milliseconds.
        processed_ts_text: the same instant as ISO-8601 text.
        partition_keys: names that would be read as a partition column.
    """

    catalog: Catalog
    limits: Limits
    processed_ts: int
    processed_ts_text: str
    partition_keys: tuple[str, ...]

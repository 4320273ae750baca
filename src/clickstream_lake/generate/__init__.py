"""Seeded, realistic click events and the places to send them.

`generate_events` is the one source of test data: the demo, the benchmarks and the tests draw from
it, and the same arguments always give the same bytes. It is a producer of its own, so it names its
fields itself. `generate_by_columns` sends what any other catalog declares.
"""

from clickstream_lake.generate.by_columns import generate_by_columns
from clickstream_lake.generate.events import generate_events
from clickstream_lake.generate.firehose import DeliveryError, FirehoseSink
from clickstream_lake.generate.sinks import pass_on, write_gzip, write_ndjson

__all__ = [
    "DeliveryError",
    "FirehoseSink",
    "generate_by_columns",
    "generate_events",
    "pass_on",
    "write_gzip",
    "write_ndjson",
]

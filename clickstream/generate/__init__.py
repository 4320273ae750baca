"""Seeded, realistic click events and the places to send them.

`generate_events` is the one source of test data: the demo, the benchmarks and the tests draw from
it, and the same arguments always give the same bytes.
"""

from clickstream.generate.events import generate_events
from clickstream.generate.firehose import DeliveryError, FirehoseSink
from clickstream.generate.sinks import write_gzip, write_ndjson

__all__ = ["DeliveryError", "FirehoseSink", "generate_events", "write_gzip", "write_ndjson"]

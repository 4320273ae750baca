"""Firehose's data plane, which moto lacks: buffering, delimiters, gzip, prefixes, limits."""

from clickstream_lake.sandbox.firehose.service import (
    ACCOUNT,
    FIREHOSE_TARGET,
    Firehose,
    FirehoseStats,
    Refuse,
)

__all__ = ["ACCOUNT", "FIREHOSE_TARGET", "Firehose", "FirehoseStats", "Refuse"]

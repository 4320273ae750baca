# ruff: noqa: E501 - tables of values
"""Timestamps in the kernel: what `lake/instants.py` takes, in any formats of the column."""

import json
from collections.abc import Callable, Iterator

import pytest

from clickstream_lake.lake.catalog import TIME_FORMATS
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Rules
from clickstream_lake.transform.rules.kernel import Kernel
from tests.corpus.instants import joda_instants

NUMBERS = [
    "0", "-0", "-0.0", "0e5", "1", "-1", "12", "1764151200", "1764151200.5", "1764151200123", "1e11",
    "99999999999.9", "100000000000", "99999999999999.9", "1e14", "253402300799.9999", "253402300800",
    "253402300799999", "253402300800000", "-62135596800", "-62135596800.0001", "-62135596801",
    "1764151200123456", "1764151200123456789", "1.764151200123456789e18", "17641512000000e-4",
    "-1.0000000000000000000001", "-1e-30", "1e-30", "1e30", "1e300", f"1{'0' * 30}e-30", "0.0000000001e20",
]  # fmt: skip
TEXTS = [
    *joda_instants(),
    *NUMBERS,
    "01", "+1", "1.", ".5", "1e", "1e+", "1e5x", " 1", "1 ", "1e99999999999999999999", "-1e-9999999999999999999",
    f"0.{'0' * 400}1e401", "2025-11-26 10:00:00", "2025-11-26 10:00:00.1239", "2025-11-26 10:00:00.", "2025-11-26 10:00:60",
    "2025-11-26 10:00:00.1234567890", "2025-11-26 10:00:00,5", "2025-11-26 1:00:00", "0001-01-01 00:00:00",
    "0000-12-31 23:59:59", "9999-12-31 23:59:59.9999", "2025-11-26 10:00:00Z", "1969-12-31 23:59:59.9999",
]  # fmt: skip
SENT = [
    *NUMBERS,
    *(json.dumps(text, ensure_ascii=False) for text in TEXTS),
    *('"2025-11-26\\u005410:00:00Z"', '"\\u0031764151200"', "true", "null", "{}", "[1764151200]"),
]
EPOCHS = [name for name in TIME_FORMATS if name not in {"iso", "sql"}]


@pytest.mark.parametrize("epoch", [None, *EPOCHS])
@pytest.mark.parametrize("texts", [["iso"], ["sql"], ["iso", "sql"], []], ids="+".join)
def test_each_value_comes_out_as_it_does_line_by_line(texts: list[str], epoch: str | None) -> None:
    formats = texts + ([epoch] if epoch else [])
    if not formats:
        return
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    # Before the others, and short, so that a number grows as much as one can.
    document["columns"].insert(0, {"name": "t", "type": "timestamp", "time_formats": formats})
    rules = Rules(
        catalog=parse_catalog(document),
        limits=Limits(),
        processed_ts=0,
        processed_ts_text="1970-01-01T00:00:00.000Z",
        partition_keys=("year",),
    )
    lines = "".join(f'{{"t":{sent}}}\n' for sent in SENT).encode()
    by_line, by_kernel = collect(Enricher(rules).scan, lines), collect(Kernel(rules).scan, lines)
    assert by_kernel == by_line
    assert len(by_kernel[1]) == len(SENT)


def collect(
    scan: Callable[[bytes, int, int], Iterator[Enriched]], lines: bytes
) -> tuple[bytes, list[object], dict[str, int]]:
    text, rows, mismatched = b"", list[object](), dict[str, int]()
    for part in scan(lines, 1, 0):
        text += b"".join(bytes(line) for line in part.json)
        rows += [row for batch in part.batches for row in batch.to_pylist()]
        for name, count in part.mismatched.items():
            mismatched[name] = mismatched.get(name, 0) + count
    return text, rows, mismatched

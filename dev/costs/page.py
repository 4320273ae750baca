"""The tables of `docs/costs.md` and README, between markers; the rest is written by hand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from clickstream_lake.operate.costs import bill as rules
from clickstream_lake.operate.costs.bill import bill
from clickstream_lake.operate.costs.measured import Steps, measured
from clickstream_lake.operate.costs.prices import all_prices
from clickstream_lake.operate.costs.traffic import Traffic

_PROJECT: Final = Path(__file__).parents[2]

RATES: Final = (1, 100, 1_000, 10_000)
BUFFERS: Final = (5, 64, 128)
_BATCHES: Final = 10
_SMALL: Final = 10
"""Under this, a count has two digits."""
_CENT: Final = 0.01
_STEPS: Final = {
    "first": "transform: first object of a partition",
    "before": "transform: before its first compaction",
    "after": "transform: after it",
    "plan": "plan: a tick",
    "plan_partition": "plan: each partition looked at",
    "merge": "merge: one of each format",
    "merge_file": "merge: each landing file, in both formats",
    "cleanup": "clean-up: a tick",
    "cleanup_partition": "clean-up: each partition looked at",
    "cleanup_generation": "clean-up: each generation deleted, in both formats",
    "audit": "audit: a tick",
    "audit_partition": "audit: each partition looked at",
}


def updated(path: Path) -> str:
    """A page with the tables of today.

    Raises:
        ValueError: it lacks a marker, or a table has no place for something.
    """
    page = path.read_text(encoding="utf-8")
    for name, table in PAGES[path].items():
        begin, end = f"<!-- BEGIN {name}: python -m dev.costs -->", f"<!-- END {name} -->"
        before, found, rest = page.partition(begin)
        _, also_found, after = rest.partition(end)
        if not (found and also_found):
            raise ValueError(f"{path.name} lacks the markers of {name}")
        text = "\n".join(table())
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def dollars(value: float) -> str:
    """Dollars for people: two digits that count, at least."""
    if value == 0 or value >= _CENT:
        return f"{value:,.2f}" if value else "0"
    return f"{value:.2g}" if value >= _CENT / 100 else f"{value:.6f}"


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or value > _SMALL else f"{value:.2g}"


def _rates() -> Iterator[str]:
    yield (
        "| events a second | events a month | $ a month | of it Firehose | $ per billion events "
        f"| with {_BATCHES} events a record | and partitions of an hour |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for rate in RATES:
        found, batched = bill(Traffic(rate)), bill(Traffic(rate, events_per_record=_BATCHES))
        hours = bill(Traffic(rate, events_per_record=_BATCHES, hour_partition=True))
        yield (
            f"| {rate:,} | {found.events / 1e6:,.0f} million | {dollars(found.dollars)} "
            f"| {dollars(found.by('service')['Firehose'])} "
            f"| {dollars(found.per_billion(found.dollars))} "
            f"| {dollars(batched.per_billion(batched.dollars))} "
            f"| {dollars(hours.per_billion(hours.dollars))} |"
        )


def _bill() -> Iterator[str]:
    found = bill(Traffic(1_000))
    yield "| step | service | for | a month | $ a month | $ per billion events |"
    yield "|---|---|---|---:|---:|---:|"
    for line in found.lines:
        yield (
            f"| {line.step} | {line.service} | {line.what} | {_count(line.count)} {line.unit} "
            f"| {dollars(line.dollars)} | {dollars(found.per_billion(line.dollars))} |"
        )
    yield (
        f"| **all** | | | | **{dollars(found.dollars)}** "
        f"| **{dollars(found.per_billion(found.dollars))}** |"
    )


def _requests() -> Iterator[str]:
    yield (
        "| buffer | events an object | S3, Glue and SQS | computing | waiting, /tmp, invocations "
        "| $ per billion events to transform |"
    )
    yield "|---:|---:|---:|---:|---:|---:|"
    for size in BUFFERS:
        parts = _transform(size)
        columns = [*parts.values(), sum(parts.values())]
        events = _full(size).events_per_object
        yield f"| {size} MiB | {events:,.0f} | {' | '.join(map(dollars, columns))} |"


def _full(buffer_mb: int) -> Traffic:
    """Traffic that fills a buffer before its time is over."""
    return Traffic(10_000, buffer_mb=buffer_mb, buffer_seconds=900)


def _transform(buffer_mb: int) -> dict[str, float]:
    """Dollars to transform a billion events: requests, computing, waiting."""
    found = bill(_full(buffer_mb))
    parts = {"requests": 0.0, "computing": 0.0, "waiting": 0.0}
    for line in (line for line in found.lines if line.step == "transform"):
        lambdas = "computing" if line.what == "computing" else "waiting"
        part = lambdas if line.service == "Lambda" else "requests"
        parts[part] += found.per_billion(line.dollars)
    return parts


def _calls() -> Iterator[str]:
    columns = {
        "PUT": ("s3:PutObject",),
        "COPY": ("s3:CopyObject",),
        "LIST": ("s3:ListObjectsV2",),
        "GET": ("s3:GetObject",),
        "HEAD": ("s3:HeadObject",),
        "GetPartition(s)": ("glue:GetPartition", "glue:GetPartitions"),
        "GetTable": ("glue:GetTable",),
        "Create-, UpdatePartition": ("glue:CreatePartition", "glue:UpdatePartition"),
        "SQS": ("sqs:SendMessage", "sqs:DeleteMessage"),
    }
    yield f"| step, both formats | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for field in msgspec.structs.fields(Steps):
        calls = getattr(measured().calls, field.name)
        unknown = set(calls) - {name for names in columns.values() for name in names}
        if unknown - {"s3:DeleteObjects"}:
            raise ValueError(f"give these calls a column: {sorted(unknown)}")
        counts = [sum(calls.get(name, 0) for name in names) for names in columns.values()]
        yield f"| {_STEPS[field.name]} | {' | '.join(f'{count:g}' for count in counts)} |"


def _assumptions() -> Iterator[str]:
    figures = measured()
    sizes, cpu = figures.json_bytes, figures.transform_cpu
    files = [source.split(" of ") for source in figures.sources]
    results = ", ".join(f"[{name}](../{name}) of {day}" for name, day in files)
    merging = figures.compact_cpu
    s3 = "S3's guide to performance"
    yield "| figure | value | from |"
    yield "|---|---|---|"
    for row in (
        ("an event", f"{figures.event_bytes:g} bytes as sent", results),
        ("in raw/", f"{figures.raw_bytes:.3g} bytes", "gzip, level 6"),
        ("as JSON", f"{sizes['none']:g} bytes, {sizes['gzip']:g} as gzip", "the same results"),
        (
            "as Parquet",
            f"{figures.parquet_bytes:g} bytes, {figures.compact_size['parquet']:.2g} of it merged",
            "the same results",
        ),
        (
            "CPU to transform it",
            f"{cpu['none'] * 1e6:.2f} us, {cpu['gzip'] * 1e6:.2f} with gzip JSON",
            "the same results",
        ),
        (
            "CPU each time it is merged",
            f"{merging['json'] * 1e6:.1f} us as JSON, {merging['parquet'] * 1e6:.1f} as Parquet",
            "the same results",
        ),
        (
            "metrics",
            f"{sum(figures.metrics.values())} of a well stream, {figures.alarm_metrics} in alarms",
            "counted",
        ),
        ("a call's answer", f"{rules.SECONDS_PER_CALL:g} s", f"{s3}: 100 to 200 ms"),
        (
            "bytes to and from S3",
            f"{rules.BYTES_PER_SECOND / 1e6:.0f} MB/s",
            f"{s3}: 85 to 90 MB/s over one connection",
        ),
        (
            "Lambda asks a queue",
            f"{rules.POLLERS} long polls of {rules.POLL_SECONDS} s at a time",
            "AWS's articles on SQS and Lambda",
        ),
        (
            "KMS, with a bucket key",
            f"{rules.KMS_SHARE:.0%} of S3's requests",
            "AWS: up to 99 % fewer",
        ),
    ):
        yield f"| {' | '.join(row)} |"


def _prices() -> Iterator[str]:
    yield "| service | for | $ | unit | known as of |"
    yield "|---|---|---:|---|---|"
    for name, service in all_prices().services.items():
        for found in service.prices.values():
            tiers = "".join(f"; {tier.dollars:g} over {tier.over:,.0f}" for tier in found.beyond)
            yield (
                f"| [{name}]({service.page}) | {found.what} | {_plain(found.dollars)}{tiers} "
                f"| {found.unit} | {service.as_of} |"
            )


def _plain(value: float) -> str:
    """A price as AWS prints it, without an exponent."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _readme() -> Iterator[str]:
    traffic = Traffic(100e6 / (30 * 86_400), event_bytes=450)
    found, batched = bill(traffic), bill(replace(traffic, events_per_record=_BATCHES))
    yield (
        f"A month of 100 million events of {traffic.event_bytes} bytes, with the defaults: "
        "us-east-1, list prices, no free tier taken off."
    )
    yield ""
    yield "| service | $ a month | mostly for |"
    yield "|---|---:|---|"
    services = sorted(found.by("service").items(), key=lambda item: -item[1])
    for name, amount in services:
        largest = max((x for x in found.lines if x.service == name), key=lambda x: x.dollars)
        yield f"| {name} | {dollars(amount)} | {largest.what} |"
    yield (
        f"| **all** | **{dollars(found.dollars)}** | {dollars(batched.dollars)} with ten events in "
        "each record |"
    )
    yield ""
    transform = {mb: _transform(mb) for mb in BUFFERS}
    small, usual = (sum(transform[mb].values()) for mb in (5, 64))
    yield (
        f"To transform a billion events takes ${dollars(transform[64]['computing'])} of computing. "
        "With all requests, and the waiting for them at the most, it is "
        f"${dollars(usual)} where raw\nobjects hold 64 MiB of events, and ${dollars(small)} where "
        "they hold 5."
    )


PAGES: Final[Mapping[Path, Mapping[str, Callable[[], Iterator[str]]]]] = {
    _PROJECT / "docs" / "costs.md": {
        "rates": _rates,
        "bill": _bill,
        "requests": _requests,
        "calls": _calls,
        "assumptions": _assumptions,
        "prices": _prices,
    },
    _PROJECT / "README.md": {"readme": _readme},
}
"""Each page, and its tables by the names of their markers."""

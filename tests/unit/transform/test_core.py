import gzip
import subprocess
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.errors import ConservationError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, iso_millis, millis, transform_stream
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.write.json import JsonOutput
from tests.corpus.lake_files import CATALOG, PROCESSED, RAW_KEY, run
from tests.unit.transform.conftest import Transform

JOB = Job(Layout().source(RAW_KEY), CATALOG, Limits(), OutputOptions(), PROCESSED)

# Runs in a fresh process, so that its peak is its own.
MEASURE = """
import gzip, itertools, random, sys
from datetime import UTC, datetime
from pathlib import Path
from clickstream_lake.generate import generate_events
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.transform.core import Job, transform_stream

folder, what, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
raw = folder / "raw.gz"
if what == "events":
    lines = generate_events(1, 20_000, datetime(2025, 11, 26, tzinfo=UTC))
    block = b"".join(lines)
else:
    rng = random.Random(1)
    made = {
        "empty events": lambda: b"{}\\n" * 100_000,
        "empty events on one line": lambda: b"{}" * 100_000,
        "scalars on one line": lambda: b"1 " * 100_000,
        "long events": lambda: b'{"page_url":"' + rng.randbytes(500_000).hex().encode() + b'"}\\n',
    }[what]
    block = made()
written = 0
with raw.open("wb") as file:
    member = gzip.compress(block, 1)
    while written < size:
        file.write(member)
        written += len(block)
del block, member
job = Job(
    Layout().source("raw/year=2025/month=11/day=26/f.gz"), load_catalog(),
    Limits(max_ratio=1100, max_object_bytes=1 << 40), OutputOptions(),
    datetime(2025, 11, 26, tzinfo=UTC),
)
with raw.open("rb") as file:
    stats = transform_stream(file, job, folder).stats
assert stats.corrupt is None, stats
assert stats.bytes_raw == written
# Not getrusage: its peak is inherited from the process that started this one.
peak = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(stats.lines, int(peak.split()[1]) // 1024)
"""


def measure(folder: Path, what: str, size: int) -> tuple[int, int]:
    """(lines, peak memory in MiB) of one transform in a process of its own."""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", MEASURE, str(folder), what, str(size)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines, peak = done.stdout.split()
    return int(lines), int(peak)


@pytest.mark.slow
def test_two_gigabytes_pass_in_300_mb(tmp_path: Path) -> None:
    lines, peak = measure(tmp_path, "events", 2 * 1024**3)
    sys.stdout.write(f"{lines} lines, peak {peak} MiB\n")
    assert peak < 300


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["on", "off"])
@pytest.mark.parametrize(
    "what", ["empty events", "empty events on one line", "scalars on one line", "long events"]
)
def test_memory_is_bounded_for_hostile_objects(
    tmp_path: Path, what: str, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.SETTING, kernel)
    _, small = measure(tmp_path, what, 1024**2)
    _, large = measure(tmp_path, what, 6 * 1024**2)
    sys.stdout.write(f"{what}: 1 MiB peak {small} MiB, 6 MiB peak {large} MiB\n")
    assert large < 400


def test_lines_are_blank_published_or_rejected() -> None:
    stats = run(b'{"a":1}{"a":2}\n\nx\n[]\n{"price":"x"}').stats
    assert (stats.lines, stats.blank, stats.published) == (6, 1, 3)
    assert stats.rejected == {"not_json": 1, "not_object": 1}
    assert stats.mismatched == {"price": 1}
    assert stats.bytes_raw == 34


def test_counts_that_do_not_add_up_publish_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonOutput, "write", lambda *_: None)
    with pytest.raises(ConservationError, match="1 published, but the files hold 0 JSON rows"):
        transform_stream(BytesIO(gzip.compress(b"{}\n")), JOB, tmp_path)


def test_a_corrupt_end_takes_back_what_came_before(tmp_path: Path) -> None:
    raw = gzip.compress(b'{"event_id":"e1"}\nx\n' * 200_000)[:-4]
    result = transform_stream(BytesIO(raw), JOB, tmp_path)
    assert result.files == {}
    assert list(tmp_path.iterdir()) == [result.rejects]
    assert result.rejects.read_bytes().count(b"\n") == 1
    assert (result.stats.lines, result.stats.published) == (1, 0)


def test_a_timestamp_is_cut_to_milliseconds_in_both_forms() -> None:
    moment = datetime(2025, 11, 26, 10, 0, 0, 999_999, tzinfo=UTC)
    assert iso_millis(moment) == "2025-11-26T10:00:00.999Z"
    assert millis(moment) == 1_764_151_200_999


@pytest.mark.parametrize("compression", ["zstd", "snappy"])
def test_compression_is_a_matter_of_configuration(compression: str) -> None:
    options = OutputOptions(json_compression="gzip", parquet_compression=compression)  # type: ignore[arg-type]  # parametrised
    outcome = run(b'{"event_id":"e1"}\n', options=options)
    assert len(outcome.json or []) == len(outcome.parquet or []) == 1
    assert any(name.endswith(".json.gz") for name in outcome.files)


def test_tallied_rejects_come_in_the_order_of_the_first_of_each_reason(
    transform: Transform,
) -> None:
    rejects = transform(b"[]a" * 5_000).rejects[-2:]
    assert [row["texts"] > 1_000 for row in rejects] == [True, True]
    assert rejects[0]["byte_offset"] < rejects[1]["byte_offset"]
    assert {row["reason"] for row in rejects} == {"not_object", "not_json"}

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import asdict, fields

from clickstream_lake.lake.config import CompactSettings, Config, Limits, OutputOptions, load_config
from clickstream_lake.lake.errors import ConfigError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.rules.reasons import LineReason, ObjectReason
from clickstream_lake.transform.rules.strict import MAX_KEY_BYTES

DOCS = Path(__file__).parents[3] / "docs"
NEEDED = {"LAKE_BUCKET": "my-lake", "LAKE_DATABASE": "clickstream"}

GOOD: dict[str, tuple[str, object]] = {
    "LAKE_JSON_TABLE": ("t", "t"),
    "LAKE_PARQUET_TABLE": ("t", "t"),
    "LAKE_REJECTS_TABLE": ("t", "t"),
    "LAKE_MAX_LINE_BYTES": ("1024", 1024),
    "LAKE_MAX_DEPTH": ("500", 500),
    "LAKE_MAX_KEYS": ("1", 1),
    "LAKE_MAX_OBJECT_BYTES": ("1024", 1024),
    "LAKE_MAX_RATIO": ("1100", 1100),
    "LAKE_JSON_COMPRESSION": ("gzip", "gzip"),
    "LAKE_PARQUET_COMPRESSION": ("snappy", "snappy"),
    "LAKE_PARQUET_COMPRESSION_LEVEL": ("22", 22),
    "LAKE_ROW_GROUP_ROWS": ("1000", 1000),
    "LAKE_COMPACT_QUEUE_URL": ("https://queue/x.fifo", "https://queue/x.fifo"),
    "LAKE_TRANSFORM_QUEUE_URL": ("https://queue/x", "https://queue/x"),
    "LAKE_AUDIT_GRACE_SECONDS": ("0", 0),
    "LAKE_TARGET_FILE_BYTES": ("1048576", 1048576),
    "LAKE_MIN_FILES": ("2", 2),
    "LAKE_LOOKBACK_DAYS": ("1", 1),
    "LAKE_GRACE_SECONDS": ("0", 0),
    "LAKE_TIME_BUDGET_SECONDS": ("900", 900),
    "LAKE_RAW_PREFIX": ("in/coming/", "in/coming/"),
    "LAKE_PROCESSED_PREFIX": ("out/", "out/"),
    "LAKE_REJECTED_PREFIX": ("bad/", "bad/"),
    "LAKE_MANIFESTS_PREFIX": ("known/", "known/"),
    "LAKE_ERRORS_PREFIX": ("lost/", "lost/"),
    "LAKE_PARTITION_KEYS": ("year,month,day,hour", ("year", "month", "day", "hour")),
}
BAD = {
    "LAKE_BUCKET": ["My_Bucket", "x", "a/b", "-lake"],
    "LAKE_DATABASE": ["Click", "a-b", "a b", "x" * 256],
    "LAKE_JSON_TABLE": ["A", "a.b"],
    "LAKE_PARQUET_TABLE": ["a;drop"],
    "LAKE_REJECTS_TABLE": ["é"],
    "LAKE_MAX_LINE_BYTES": ["1023", "67108865", "1e6", "4MiB", "-1", "٤٠٩٦"],
    "LAKE_MAX_DEPTH": ["1", "501", "x"],
    "LAKE_MAX_KEYS": ["0", "1000001"],
    "LAKE_MAX_OBJECT_BYTES": ["1023", "9" * 18, "9" * 40],
    "LAKE_MAX_RATIO": ["1", "1101", "2.5"],
    "LAKE_JSON_COMPRESSION": ["GZIP", "zstd"],
    "LAKE_PARQUET_COMPRESSION": ["gzip", "none"],
    "LAKE_PARQUET_COMPRESSION_LEVEL": ["0", "23"],
    "LAKE_ROW_GROUP_ROWS": ["999", "10000001"],
    "LAKE_COMPACT_QUEUE_URL": ["queue", "sqs://x", "https://a b"],
    "LAKE_TRANSFORM_QUEUE_URL": ["queue", "sqs://x", "https://a b"],
    "LAKE_AUDIT_GRACE_SECONDS": ["-1", "2592001"],
    "LAKE_TARGET_FILE_BYTES": ["1048575"],
    "LAKE_MIN_FILES": ["1"],
    "LAKE_LOOKBACK_DAYS": ["0"],
    "LAKE_GRACE_SECONDS": ["-1", "2592001"],
    "LAKE_TIME_BUDGET_SECONDS": ["9", "901"],
    "LAKE_RAW_PREFIX": ["raw", "/raw/", "a//b/", "a b/"],
    "LAKE_PROCESSED_PREFIX": ["processed"],
    "LAKE_REJECTED_PREFIX": ["/"],
    "LAKE_MANIFESTS_PREFIX": ["manifests", "/m/"],
    "LAKE_ERRORS_PREFIX": ["errors", "/e/"],
    "LAKE_PARTITION_KEYS": ["year,year", "Year", "year,", "1st"],
}


def flat(config: Config) -> list[object]:
    found: list[object] = []
    for value in asdict(config).values():
        found += asdict(value).values() if isinstance(value, msgspec.Struct) else [value]
    return found


def test_two_settings_are_enough() -> None:
    config = load_config(NEEDED)
    assert config == Config("my-lake", "clickstream")
    assert (config.layout, config.limits) == (Layout(), Limits())
    assert (config.output, config.compact) == (OutputOptions(), CompactSettings())


@pytest.mark.parametrize("name", GOOD)
def test_every_setting_is_read(name: str) -> None:
    text, value = GOOD[name]
    config = load_config({**NEEDED, name: f" {text} "})
    assert value in flat(config)
    assert config != load_config(NEEDED)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in BAD for text in BAD[name]])
def test_a_bad_value_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({**NEEDED, name: text})
    assert f"{name}: {text!r}" in str(caught.value)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("text", [None, "", "  "])
def test_what_has_no_default_has_to_be_set(name: str, text: str | None) -> None:
    environ = {key: value for key, value in NEEDED.items() if key != name}
    with pytest.raises(ConfigError, match=f"{name}: it is not set"):
        load_config(environ if text is None else {**environ, name: text})


def test_every_complaint_is_made_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({name: texts[0] for name, texts in BAD.items()})
    assert all(f"\n  {name}: " in str(caught.value) for name in BAD)


def test_an_empty_setting_is_none() -> None:
    assert load_config({**NEEDED, **dict.fromkeys(GOOD, "")}) == load_config(NEEDED)


def test_the_documented_reasons_are_those_of_the_code() -> None:
    text = (DOCS / "data-rules.md").read_text()
    documented = re.findall(
        r"^\| `([a-z0-9_]+)` \| ", text.partition("## Rejects")[2], re.MULTILINE
    )
    assert documented == [*LineReason, *ObjectReason]


def test_the_documented_limits_are_those_of_the_code() -> None:
    rejects = (DOCS / "data-rules.md").read_text().partition("## Rejects")[2]
    limits = Limits()
    for words in (
        f"`LAKE_MAX_DEPTH` ({limits.max_depth})",
        f"`LAKE_MAX_KEYS` ({limits.max_keys:,})",
        f"`LAKE_MAX_LINE_BYTES` ({limits.max_line_bytes // 2**20} MiB)",
        f"`LAKE_MAX_OBJECT_BYTES` ({limits.max_object_bytes // 2**20} MiB)",
        f"`LAKE_MAX_RATIO` ({limits.max_ratio})",
        f"{MAX_KEY_BYTES:,} bytes",
    ):
        assert words in rejects
    assert {f"LAKE_{field.name.upper()}" for field in fields(Limits)} <= set(
        re.findall(r"LAKE_[A-Z_]+", rejects)
    )

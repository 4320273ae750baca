import pytest

from functions.lake.config import Config, Limits, load_config
from functions.lake.errors import ConfigError

VALID = {"LAKE_BUCKET": "my-lake", "LAKE_DATABASE": "clickstream"}

BAD = [
    ("LAKE_BUCKET", "Not_A_Bucket"),
    ("LAKE_DATABASE", "has-dash"),
    ("LAKE_JSON_TABLE", "Upper"),
    ("LAKE_PARQUET_TABLE", "a b"),
    ("LAKE_REJECTS_TABLE", "a.b"),
    ("LAKE_RAW_PREFIX", "raw"),
    ("LAKE_PROCESSED_PREFIX", "/processed/"),
    ("LAKE_REJECTED_PREFIX", "a//b/"),
    ("LAKE_PARTITION_KEYS", "year,year"),
    ("LAKE_JSON_COMPRESSION", "bzip2"),
    ("LAKE_PARQUET_COMPRESSION", "gzip"),
    ("LAKE_PARQUET_COMPRESSION_LEVEL", "23"),
    ("LAKE_MAX_LINE_BYTES", "1e6"),
    ("LAKE_MAX_DEPTH", "501"),
    ("LAKE_MAX_KEYS", "0"),
    ("LAKE_MAX_OBJECT_BYTES", "-1"),
    ("LAKE_MAX_RATIO", "1"),
    ("LAKE_ROW_GROUP_ROWS", "999"),
    ("LAKE_COMPACT_QUEUE_URL", "queue"),
    ("LAKE_TARGET_FILE_BYTES", "12"),
    ("LAKE_MIN_FILES", "1"),
    ("LAKE_LOOKBACK_DAYS", "soon"),
    ("LAKE_GRACE_SECONDS", "٣"),
    ("LAKE_TIME_BUDGET_SECONDS", "901"),
]


def test_two_variables_are_enough() -> None:
    config = load_config(VALID)
    assert (config.bucket, config.database) == ("my-lake", "clickstream")
    assert config == Config(bucket="my-lake", database="clickstream")


def test_every_variable_is_read() -> None:
    config = load_config(
        VALID
        | {
            "LAKE_PARTITION_KEYS": "year, month, day, hour",
            "LAKE_RAW_PREFIX": "raw/shop/",
            "LAKE_JSON_COMPRESSION": "gzip",
            "LAKE_PARQUET_COMPRESSION": "snappy",
            "LAKE_MAX_DEPTH": "7",
            "LAKE_MIN_FILES": "3",
        }
    )
    assert config.layout.partition_keys == ("year", "month", "day", "hour")
    assert config.layout.raw_prefix == "raw/shop/"
    assert (config.output.json_compression, config.output.parquet_compression) == ("gzip", "snappy")
    assert config.limits == Limits(max_depth=7)
    assert config.compact.min_files == 3


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_named_with_what_would_do(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(VALID | {name: value})
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"LAKE_MAX_DEPTH": "x"})
    text = str(caught.value)
    assert all(name in text for name in ("LAKE_BUCKET", "LAKE_DATABASE", "LAKE_MAX_DEPTH"))


def test_an_empty_value_is_no_value() -> None:
    assert load_config(VALID | {"LAKE_MAX_DEPTH": " "}).limits == Limits()

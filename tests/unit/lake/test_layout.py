import pytest

from functions.lake.errors import LayoutError
from functions.lake.layout import (
    Layout,
    Partition,
    landing_name,
    parse_uri,
    source_id,
    source_id_of,
    uri,
)

KEY = "raw/year=2025/month=11/day=26/clickstream-1-2025-11-26-10-00-00-abc.gz"
DAY = Partition((("year", "2025"), ("month", "11"), ("day", "26")))


def test_a_raw_key_gives_partition_and_names() -> None:
    layout = Layout()
    source = layout.source(KEY)
    assert source.partition == DAY
    assert source.partition.path == "year=2025/month=11/day=26"
    assert source.partition.values == ["2025", "11", "26"]
    name = source.source_id
    assert name.startswith("clickstream-1-2025-11-26-10-00-00-abc-")
    folder = "year=2025/month=11/day=26/"
    assert layout.landing_key("json", source) == f"processed/json/{folder}{name}.json"
    assert layout.landing_key("json", source, gzip=True) == f"processed/json/{folder}{name}.json.gz"
    assert layout.landing_key("parquet", source, gzip=True).endswith(".parquet")
    assert layout.reject_key(source) == f"rejected/{folder}{name}.json"
    assert layout.generation_dir("json", DAY, "g1") == f"processed/json/compacted/{folder}g1/"


def test_the_same_key_always_gives_the_same_source_and_another_key_another() -> None:
    other = KEY.replace("day=26", "day=27")
    assert source_id(KEY) == source_id(KEY)
    assert source_id(KEY) != source_id(other)


@pytest.mark.parametrize("stem", ["_hidden", ".hidden", "__", "a b=c?d", "ünïcode", "x" * 500, ""])
def test_no_name_is_hidden_from_athena_or_needs_escaping(stem: str) -> None:
    name = source_id(f"raw/year=2025/month=11/day=26/{stem}.gz")
    assert name[0].isalnum()
    assert len(name) < 200
    assert source_id_of(f"p/{name}.json") == name
    assert source_id_of(f"p/{name}.json.gz") == source_id_of(f"p/{name}.parquet") == name


@pytest.mark.parametrize(
    "key", ["p/part-00001.parquet", "p/_manifest.json", "p/notes.txt", "p/x-0123456789ab.csv", "p/"]
)
def test_a_strangers_file_carries_no_source_id(key: str) -> None:
    assert source_id_of(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "other/year=2025/month=11/day=26/a.gz",
        "raw/year=2025/month=11/day=26/a.txt",
        "raw/a.gz",
        "raw/year=2025/month=11/a.gz",
        "raw/month=11/year=2025/day=26/a.gz",
        "raw/year=2025/month=11/day=26/hour=10/a.gz",
        "raw/year=/month=11/day=26/a.gz",
    ],
)
def test_a_key_of_another_shape_is_refused(key: str) -> None:
    with pytest.raises(LayoutError, match="raw"):
        Layout().source(key)


def test_an_hour_is_a_partition_key_where_it_is_turned_on() -> None:
    layout = Layout(partition_keys=("year", "month", "day", "hour"))
    source = layout.source("raw/year=2025/month=11/day=26/hour=10/a.gz")
    assert source.partition.path == "year=2025/month=11/day=26/hour=10"


def test_a_location_is_the_landing_directory_a_generation_or_refused() -> None:
    layout = Layout()
    assert layout.generation_id("json", DAY, "processed/json/year=2025/month=11/day=26") is None
    location = layout.generation_dir("json", DAY, "g1")
    assert layout.generation_id("json", DAY, location) == "g1"
    for wrong in (location + "deeper/", "processed/parquet/year=2025/month=11/day=26/", "x/"):
        with pytest.raises(LayoutError, match="neither"):
            layout.generation_id("json", DAY, wrong)


def test_partition_paths_are_read_and_refused() -> None:
    assert Partition.parse("year=2025/month=11/day=26/") == DAY
    for wrong in ("", "year", "year=", "=2025", "a//b"):
        with pytest.raises(LayoutError, match="segment"):
            Partition.parse(wrong)


def test_addresses_are_split_and_put_together() -> None:
    assert parse_uri(uri("b", "k/a?b#c")) == ("b", "k/a?b#c")
    assert parse_uri("s3a://b/") == ("b", "")
    with pytest.raises(LayoutError, match="s3://"):
        parse_uri("https://b/k")


def test_only_json_is_ever_named_gzip() -> None:
    assert landing_name("parquet", "n", gzip=True) == "n.parquet"

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_lake.lake.errors import ConfigError, LayoutError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import (
    Layout,
    Partition,
    Slot,
    is_hidden,
    landing_name,
    parse_uri,
    source_id,
    source_id_of,
    uri,
)
from clickstream_lake.sandbox.athena.storage import is_hidden as athena_skips
from tests.protocol.lake import JSON_DAY, PARQUET_DAY

KEY = "raw/year=2025/month=11/day=26/events-1-2025-11-26-10-00-00-uuid.gz"
DAY = Partition.parse("year=2025/month=11/day=26")
LAYOUT = Layout()


def test_a_source_inherits_its_partition_and_has_a_stable_name() -> None:
    source = LAYOUT.source(KEY)
    assert source.partition == DAY
    assert source.partition.path == "year=2025/month=11/day=26"
    assert source.partition.values == ["2025", "11", "26"]
    assert source.source_id == source_id(KEY)
    assert source.source_id.startswith("events-1-2025-11-26-10-00-00-uuid-")


def test_keys_that_differ_anywhere_have_different_names() -> None:
    keys = [KEY, KEY.replace("26/", "27/"), KEY.replace("uuid", "uuie"), "raw/x.gz", "raw/x .gz"]
    assert len({source_id(key) for key in keys}) == len(keys)


@pytest.mark.parametrize("stem", ["_hidden", ".hidden", "a b", "é", "a/../b", "a%b", "x" * 900, ""])
def test_no_name_hides_from_athena_or_needs_an_escape(stem: str) -> None:
    name = source_id(f"raw/year=2025/month=11/day=26/{stem}.gz")
    assert name.isascii()
    assert name[0].isalnum()
    assert len(name) < 200
    assert source_id_of(f"x/{name}.json") == name


@given(st.text(min_size=1, max_size=300))
def test_any_key_has_a_name_that_is_found_again(stem: str) -> None:
    name = source_id(stem)
    for fmt in FORMATS:
        assert source_id_of("dir/" + landing_name(fmt, name)) == name
    assert source_id_of("dir/" + landing_name("json", name, gzip=True)) == name


@pytest.mark.parametrize(
    "key",
    [
        "raw/file.gz",
        "raw/year=2025/month=11/file.gz",
        "raw/month=11/year=2025/day=26/file.gz",
        "raw/year=2025/month=11/day=26/hour=10/file.gz",
        "raw/year=/month=11/day=26/file.gz",
        "processed/year=2025/month=11/day=26/file.gz",
        "raw/year=2025/month=11/day=26/file.json",
        "raw/year=2025/month=11/day=26/file.GZ",
        "errors/year=2025/month=11/day=26/file.gz",
        "",
    ],
)
def test_another_lakes_key_is_refused(key: str) -> None:
    with pytest.raises(LayoutError):
        LAYOUT.source(key)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("year", "month", "day"), "raw/year=2025/month=01/day=02"),
        (("year", "month", "day", "hour"), "raw/year=2025/month=01/day=02"),
        (("tenant", "year", "month", "day"), "raw/"),
        (("year", "month"), "raw/"),
    ],
)
def test_a_days_raw_objects_come_after_a_key_where_keys_begin_with_the_day(
    keys: tuple[str, ...], expected: str
) -> None:
    before = Layout(partition_keys=keys).raw_before(date(2025, 1, 2))
    assert before == expected
    assert before < "raw/year=2025/month=01/day=02/hour=00/x.gz"


def test_hours_are_a_matter_of_configuration() -> None:
    layout = Layout(raw_prefix="in/", partition_keys=("day", "hour"))
    assert layout.source("in/x/day=26/hour=10/f.gz").partition.path == "day=26/hour=10"


@pytest.mark.parametrize("fmt", FORMATS)
def test_everything_of_a_source_lies_under_its_partition(fmt: Format) -> None:
    source = LAYOUT.source(KEY)
    assert LAYOUT.landing_dir(Slot(fmt, DAY)) == f"processed/{fmt}/year=2025/month=11/day=26/"
    assert LAYOUT.landing_key(fmt, source) == (
        f"processed/{fmt}/year=2025/month=11/day=26/{source.source_id}.{fmt}"
    )
    base = f"processed/{fmt}/compacted/year=2025/month=11/day=26/"
    assert LAYOUT.generations_dir(Slot(fmt, DAY)) == base
    assert LAYOUT.generation_dir(Slot(fmt, DAY), "g1") == base + "g1/"
    assert not LAYOUT.landing_dir(Slot(fmt, DAY)).startswith(base)
    assert not base.startswith(LAYOUT.landing_dir(Slot(fmt, DAY)))


@pytest.mark.parametrize("fmt", FORMATS)
def test_nothing_but_data_lies_in_a_tables_directory(fmt: Format) -> None:
    slot = Slot(fmt, DAY)
    base = f"manifests/{fmt}/year=2025/month=11/day=26/"
    assert LAYOUT.manifests_dir(slot) == base
    assert LAYOUT.manifest_key(slot, "g1") == base + "g1/manifest.json"
    assert LAYOUT.old_manifest_key(slot, "g1") == (
        LAYOUT.generation_dir(slot, "g1") + "_manifest.json"
    )


def test_the_way_back_that_is_documented_leads_to_the_old_place() -> None:
    text = (Path(__file__).parents[3] / "docs/upgrading.md").read_text(encoding="utf-8")
    pattern, replacement = re.findall(r"sed -E 's#(.*)#(.*)#'", text)[0]
    key = LAYOUT.manifest_key(PARQUET_DAY, "g1")
    assert re.sub(pattern, replacement, key) == LAYOUT.old_manifest_key(PARQUET_DAY, "g1")


@pytest.mark.parametrize(
    "prefixes",
    [
        {"manifests_prefix": "processed/"},
        {"manifests_prefix": "processed/parquet/"},
        {"manifests_prefix": "raw/known/"},
        {"manifests_prefix": "rejected/"},
        {"manifests_prefix": "web/", "processed_prefix": "web/out/"},
    ],
)
def test_manifests_lie_apart_from_what_queries_read(prefixes: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="LAKE_MANIFESTS_PREFIX"):
        Layout(**prefixes)  # type: ignore[arg-type]  # names and texts only


@pytest.mark.parametrize(
    "prefixes",
    [
        {"errors_prefix": "raw/"},
        {"errors_prefix": "raw/errors/"},
        {"errors_prefix": "web/", "raw_prefix": "web/in/"},
    ],
)
def test_no_raw_object_is_taken_for_what_firehose_could_not_deliver(
    prefixes: dict[str, str],
) -> None:
    with pytest.raises(ConfigError, match="LAKE_ERRORS_PREFIX"):
        Layout(**prefixes)  # type: ignore[arg-type]  # names and texts only


def test_gzip_shows_in_the_name_of_json_only() -> None:
    source = LAYOUT.source(KEY)
    assert LAYOUT.landing_key("json", source, gzip=True).endswith(".json.gz")
    assert LAYOUT.landing_key("parquet", source, gzip=True).endswith(".parquet")


def test_rejects_lie_under_the_same_partition() -> None:
    source = LAYOUT.source(KEY)
    assert LAYOUT.reject_key(source) == (
        f"rejected/year=2025/month=11/day=26/{source.source_id}.json"
    )


def test_a_location_is_the_landing_directory_or_a_generation() -> None:
    base = LAYOUT.generations_dir(JSON_DAY)
    assert LAYOUT.generation_id(JSON_DAY, base + "g1/") == "g1"
    assert LAYOUT.generation_id(JSON_DAY, base + "g1") == "g1"
    assert LAYOUT.generation_id(JSON_DAY, LAYOUT.landing_dir(JSON_DAY)) is None
    for location in (
        base,
        base + "g1/x/",
        "processed/json/",
        "",
        LAYOUT.landing_dir(PARQUET_DAY),
    ):
        with pytest.raises(LayoutError):
            LAYOUT.generation_id(JSON_DAY, location)


@pytest.mark.parametrize(
    "name",
    ["_manifest.json", "part-0.parquet", "x.json", "a-0123456789ab", "-0123456789ab.json", ""],
)
def test_a_foreign_file_has_no_source(name: str) -> None:
    assert source_id_of(f"dir/{name}") is None


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        ("p/year=2025/d.json", False),
        ("p/year=2025/_manifest.json", True),
        ("p/year=2025/.c.json", True),
        ("p/year=2025/sub/_b.json", True),
        ("p/year=2025/_tmp/a.json", False),
        ("p/.hive/a.json", False),
        ("p/year=2025/", True),
        ("_a", True),
        (".", True),
        ("", True),
        ("a//b", False),
        ("a_b.json", False),
        ("a/-_x", False),
        ("a/\n_x", False),
    ],
)
def test_the_lake_and_athena_skip_the_same_files(key: str, *, hidden: bool) -> None:
    assert is_hidden(key) is athena_skips(key) is hidden


@given(st.text("ab_./=-", max_size=12))
def test_whatever_a_key_looks_like_both_see_or_skip_it(key: str) -> None:
    assert is_hidden(key) is athena_skips(key)


@pytest.mark.parametrize("path", ["", "2025", "year=", "=2025", "year=2025//day=1"])
def test_a_partition_is_made_of_pairs(path: str) -> None:
    with pytest.raises(LayoutError):
        Partition.parse(path)


def test_addresses_go_there_and_back() -> None:
    for key in ("a/b=c/", "a?b#c", "", "ä b"):
        assert parse_uri(uri("bucket", key)) == ("bucket", key)
    assert parse_uri("s3a://bucket/x") == ("bucket", "x")
    for address in ("bucket/x", "http://bucket/x", "s3:///x", ""):
        with pytest.raises(LayoutError):
            parse_uri(address)

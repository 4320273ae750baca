import pytest

from clickstream_lake.sandbox.athena.statements.layout import CODECS, read_layout
from clickstream_lake.sandbox.athena.statements.model import Value
from clickstream_lake.sandbox.errors import QueryError


def test_defaults_are_athenas() -> None:
    layout = read_layout({})
    assert (layout.format, layout.codec, layout.location) == ("PARQUET", "GZIP", None)
    assert read_layout({"format": "orc"}).codec == "ZLIB"


@pytest.mark.parametrize("key", ["write_compression", "compression", "parquet_compression"])
def test_a_codec_has_several_names(key: str) -> None:
    assert read_layout({key: "zstd"}).codec == "ZSTD"
    assert read_layout({key: "uncompressed"}).codec == "NONE"


def test_columns_fold_to_lower_case_but_transforms_stay() -> None:
    layout = read_layout(
        {
            "partitioned_by": ("Day",),
            "bucketed_by": ("ID",),
            "bucket_count": 4,
            "partitioning": ("x",),
        }
    )
    assert (layout.keys, layout.buckets, layout.bucket_count) == (("day",), ("id",), 4)


@pytest.mark.parametrize(
    "properties",
    [
        {"frob": "1"},
        {"format": "XML"},
        {"format": 1},
        {"write_compression": "LZO"},
        {"partitioned_by": "day"},
        {"bucketed_by": ("a",)},
        {"bucket_count": 3},
        {"external_location": "lake/x"},
    ],
)
def test_refuses_properties_that_do_not_fit(properties: dict[str, Value]) -> None:
    with pytest.raises(QueryError, match="INVALID_TABLE_PROPERTY"):
        read_layout(properties)


@pytest.mark.parametrize("fmt", CODECS)
def test_every_codec_of_a_format_is_taken(fmt: str) -> None:
    for codec in CODECS[fmt]:
        assert read_layout({"format": fmt, "write_compression": codec}).codec == codec

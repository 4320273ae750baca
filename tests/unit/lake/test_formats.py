"""What each format's entry names is there, and is what it is said to be."""

from pkgutil import resolve_name

import pytest

from clickstream_lake.compact.merge.json import JsonReader, json_merge
from clickstream_lake.compact.merge.merging import Merger
from clickstream_lake.compact.merge.parquet import ParquetReader, parquet_merge
from clickstream_lake.compact.merge.rows import Reader, reader_of
from clickstream_lake.lake.errors import LayoutError
from clickstream_lake.lake.formats import (
    FORMATS,
    Format,
    check_formats,
    first_format,
    lake_tables,
    typed_formats,
)
from clickstream_lake.transform.write.json import JsonOutput
from clickstream_lake.transform.write.output import Writer, writers
from clickstream_lake.transform.write.parquet import ParquetOutput

WRITERS: dict[Format, Writer] = {"json": JsonOutput, "parquet": ParquetOutput}
MERGERS: dict[Format, Merger] = {"json": json_merge, "parquet": parquet_merge}
READERS: dict[Format, type[Reader]] = {"json": JsonReader, "parquet": ParquetReader}


def test_what_is_named_is_there() -> None:
    assert writers() == WRITERS
    assert {fmt: resolve_name(spec.merger) for fmt, spec in FORMATS.items()} == MERGERS
    assert {fmt: type(reader_of(fmt)) for fmt in FORMATS} == READERS


@pytest.mark.parametrize("fmt", FORMATS)
def test_each_name_is_of_its_layer(fmt: Format) -> None:
    spec = FORMATS[fmt]
    assert spec.name == fmt
    assert spec.writer.startswith("clickstream_lake.transform.write.")
    assert spec.merger.startswith("clickstream_lake.compact.merge.")
    assert spec.reader.startswith("clickstream_lake.compact.merge.")


def test_json_decides_and_the_others_have_types() -> None:
    assert first_format() == "json"
    assert typed_formats() == ("parquet",)
    assert lake_tables() == ("json", "parquet", "rejects")


def test_only_json_may_be_gzip() -> None:
    assert {fmt: spec.endings for fmt, spec in FORMATS.items()} == {
        "json": (".json", ".json.gz"),
        "parquet": (".parquet",),
    }


def test_another_name_is_no_format() -> None:
    check_formats(["parquet", "json"])
    with pytest.raises(LayoutError, match="'rejects' is not a format: use json or parquet"):
        check_formats(["json", "rejects"])

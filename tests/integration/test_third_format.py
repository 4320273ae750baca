"""A third format: ORC, which no module of the lake names, in three files."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.rows import reader_of
from clickstream_lake.compact.queue import parse_message, parse_request
from clickstream_lake.generate import generate_by_columns
from clickstream_lake.lake.catalog import PROCESSED_TS
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.errors import CatalogError, EventError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Slot
from clickstream_lake.operate.audit import AuditReader, judge
from clickstream_lake.operate.audit.judge import Kind, Verdict
from tests.integration.orc.spec import ORC
from tests.integration.test_catalogs import NOW, Pipeline

SOURCES = Path(__file__).parents[2] / "src" / "clickstream_lake"
EVENTS = 300
REPEATED = 20


def catalog_with_orc() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CATALOG_PATH.read_bytes())
    (extra,) = (column for column in document["columns"] if column["name"] == "extra")
    extra["formats"].append("orc")
    storage = {name: getattr(ORC.storage, name) for name in ORC.storage.__slots__}
    parquet = document["tables"]["parquet"]
    document["tables"]["orc"] = {**parquet, **storage, "name": "clickstream_events_orc"}
    return document | {"dedupe_on": "event_id"}


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pipeline:
    """A lake with three formats, some events, and some of them again."""
    monkeypatch.setitem(FORMATS, "orc", ORC)
    file = tmp_path / "three.json"
    file.write_text(json.dumps(catalog_with_orc()))
    made = Pipeline.by(file, tmp_path)
    columns, personal = made.catalog.sent, sorted(made.catalog.pii_keys)
    lines = list(
        generate_by_columns(
            7, EVENTS, NOW, malformed=0.02, columns=columns, personal=personal, undeclared=True
        )
    )
    made.receive("a", lines)
    made.receive("b", lines[:REPEATED])
    return made


def audited(lake: Pipeline) -> Verdict:
    view = AuditReader(lake.lake, lake.catalog, deep=True, workers=1).read(lake.partition)
    return judge(view, now=datetime.now(UTC), settle=timedelta())


def typed_rows(lake: Pipeline, fmt: Format) -> Iterator[dict[str, Any]]:
    """The rows that queries see, as a format's own reader has them."""
    reader = reader_of(fmt)
    for file in lake.lake.shown_files(Slot(fmt, lake.partition)):
        path = lake.operations.compactor.builder.workdir / f"shown.{fmt}"  # type: ignore[operator]
        path.write_bytes(lake.lake.store.read(file.key))
        for rows in reader.rows(Input(path, lake.catalog.sha256), lake.catalog):
            yield from rows.table.to_pylist()  # type: ignore[attr-defined]


def compact(lake: Pipeline) -> None:
    for fmt in FORMATS:
        result = lake.operations.compactor.compact(Slot(fmt, lake.partition), force=True)
        assert (fmt, result.outcome) == (fmt, "compacted")


def test_it_goes_the_whole_way(lake: Pipeline) -> None:
    landed = list(typed_rows(lake, "orc"))
    assert landed == list(typed_rows(lake, "parquet"))
    assert audited(lake).breaches == ()

    compact(lake)

    verdict = audited(lake)
    assert verdict.breaches == ()
    merged = list(typed_rows(lake, "orc"))
    assert len(merged) == len(list(lake.rows("json"))) < len(landed) == verdict.rows
    by_id = {fmt: sorted(typed_rows(lake, fmt), key=str) for fmt in ("orc", "parquet")}
    assert by_id["orc"] == by_id["parquet"]
    state = lake.lake.state(Slot("orc", lake.partition))
    assert state is not None
    current = lake.lake.at(Slot("orc", lake.partition), state.location)
    assert current is not None
    assert current.manifest.dropped_duplicates == len(landed) - len(merged)
    (file,) = lake.lake.shown_files(Slot("orc", lake.partition))
    assert re.fullmatch(r"processed/orc/compacted/.*/merged-.*\.orc", file.key)


def test_a_repeated_delivery_changes_nothing(lake: Pipeline) -> None:
    compact(lake)
    before = {each.key: each.etag for each in lake.lake.store.list("processed/")}
    for info in lake.lake.store.list("raw/"):
        outcomes = lake.processor.process(info.key).outcomes
        assert list(outcomes) == ["json", "parquet", "orc"]
    assert {each.key: each.etag for each in lake.lake.store.list("processed/")} == before


@pytest.mark.parametrize("fmt", ["parquet", "orc"])
def test_formats_that_disagree_are_found(lake: Pipeline, fmt: Format) -> None:
    info = lake.lake.landing_files(Slot(fmt, lake.partition))[0]
    head = lake.lake.store.head(info.key)
    figures = LandingMetadata.from_s3(head.metadata) if head else None
    assert figures is not None
    metadata = figures.to_s3() | {"processed-ts": "2025-11-26T11:00:00.000Z"}
    content = lake.lake.store.read(info.key)
    lake.lake.store._client.put_object(
        Bucket=lake.lake.store.bucket, Key=info.key, Body=content, Metadata=metadata
    )

    (breach,) = audited(lake).breaches

    assert breach.kind is Kind.DISPARITY
    assert breach.detail.endswith(f"in JSON and 2025-11-26T11:00:00.000Z in {FORMATS[fmt].title}")


def test_a_file_that_is_none_is_found(lake: Pipeline) -> None:
    info = lake.lake.landing_files(Slot("orc", lake.partition))[0]
    head = lake.lake.store.head(info.key)
    assert head is not None
    lake.lake.store._client.put_object(
        Bucket=lake.lake.store.bucket, Key=info.key, Body=b"x" * info.size, Metadata=head.metadata
    )

    (breach,) = audited(lake).breaches

    assert (breach.kind, breach.format, breach.subject) == (Kind.BROKEN_FILE, "orc", info.key)


def test_its_table_is_defined_by_the_catalog(lake: Pipeline) -> None:
    table = lake.catalog.glue_table_input("orc", "bucket")
    storage = table["StorageDescriptor"]
    assert table["Name"] == "clickstream_events_orc"
    assert storage["Location"] == "s3://bucket/processed/orc/"
    assert storage["InputFormat"] == ORC.storage.input_format
    assert storage["SerdeInfo"]["SerializationLibrary"] == ORC.storage.serde
    names = [column["Name"] for column in storage["Columns"]]
    assert PROCESSED_TS in names
    assert "extra" in names


def test_a_catalog_has_to_say_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "orc", ORC)
    without = json.loads(CATALOG_PATH.read_bytes())
    with pytest.raises(CatalogError) as missing:
        parse_catalog(without)
    document = catalog_with_orc()
    document["columns"][0]["formats"] = ["json", "parquet"]
    document["tables"]["orc"]["serde"] = document["tables"]["parquet"]["serde"]
    with pytest.raises(CatalogError) as wrong:
        parse_catalog(document)

    assert [problem.message for problem in missing.value.problems] == [
        """the catalog needs a string column 'extra' with formats ["parquet", "orc"]""",
        "the catalog lacks the tables ['orc']",
    ]
    serde, columns = wrong.value.problems
    assert serde.place == ("tables", "orc", "serde")
    assert "its serde is" in serde.message
    assert ORC.storage.serde in serde.message
    assert columns.message == "tables 'orc' and 'parquet' have to have the same columns"


def test_it_is_compacted_by_request_and_by_message(lake: Pipeline) -> None:
    request = parse_request({"formats": ["orc"], "force": True})
    assert request.chosen_formats() == ["orc"]
    assert parse_message('{"format": "orc", "partition": "day=26"}').slot.format == "orc"
    del lake


def test_it_takes_three_files_and_nobody_else_names_it() -> None:
    files = sorted(path.name for path in Path(__file__).with_name("orc").glob("*.py"))
    assert files == ["landing.py", "merging.py", "spec.py"]
    # The sandbox knows what AWS knows.
    others = [path for path in SOURCES.rglob("*") if path.suffix in {".py", ".json", ".c", ".h"}]
    naming = {
        path.relative_to(SOURCES).as_posix()
        for path in others
        if not path.is_relative_to(SOURCES / "sandbox")
        and re.search(r"(?i)\borc\b|orc_|_orc", path.read_text(encoding="utf-8"))
    }
    assert naming == set()


def test_without_it_nothing_takes_it() -> None:
    with pytest.raises(EventError, match="'orc' is not a format: use json or parquet"):
        parse_request({"formats": ["orc"]})
    with pytest.raises(EventError, match="'orc' is not a format"):
        parse_message('{"format": "orc", "partition": "day=26"}')

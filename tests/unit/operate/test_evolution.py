import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, get_args

import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.proposals import narrowest
from clickstream_lake.lake.undeclared import Kind
from clickstream_lake.operate.evolution import FAIL, Change, Difference, compare
from clickstream_lake.transform.process import RawObjectProcessor
from tests.protocol.lake import BUCKET, DATABASE, DAY, LakeUnderTest

Document = dict[str, Any]
Edit = Callable[[Document], object]
TODAY = "2025-11-26"
TABLES = {"clickstream_events", "clickstream_events_parquet"}
COUPON = {"name": "coupon", "type": "string"}


def edited(*edits: Edit) -> Catalog:
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    for edit in edits:
        edit(document)
    return parse_catalog(document)


def column(document: Document, name: str) -> Document:
    return next(entry for entry in document["columns"] if entry["name"] == name)


def difference(lake: LakeUnderTest, *edits: Edit) -> Difference:
    return compare(lake, load_catalog(), edited(*edits), today=TODAY)


def told(lake: LakeUnderTest, *edits: Edit) -> set[tuple[str, str]]:
    return {(change.column, change.what) for change in difference(lake, *edits).changes}


def breaking(lake: LakeUnderTest, *edits: Edit) -> list[Change]:
    return difference(lake, *edits).breaking


def test_the_same_columns_are_no_change(memory_lake: LakeUnderTest) -> None:
    land(memory_lake, 1)
    assert difference(memory_lake).changes == ()
    assert [each.partitions for each in difference(memory_lake).behind] == [0, 0]


def test_what_adds_or_retires_breaks_nothing(memory_lake: LakeUnderTest) -> None:
    edits: list[Edit] = [
        lambda d: d["columns"].insert(2, {**COUPON, "added": TODAY}),
        lambda d: column(d, "price").update(retired=TODAY),
        lambda d: column(d, "country").update(comment="Where"),
    ]
    found = difference(memory_lake, *edits)
    assert found.breaking == []
    assert {change.table for change in found.changes} == TABLES
    assert told(memory_lake, *edits) == {
        ("coupon", "added: string"),
        ("price", "retired"),
        ("country", "described anew"),
    }


def test_partitions_and_files_that_will_be_rewritten_are_counted(
    memory_lake: LakeUnderTest,
) -> None:
    for name in "ab":
        source = memory_lake.put_raw(name)
        for fmt in FORMATS:
            memory_lake.publish(fmt, source)
    found = difference(memory_lake, lambda d: d["columns"].append({**COUPON, "added": TODAY}))
    assert [(each.format, each.partitions, each.files, each.of) for each in found.behind] == [
        ("json", 1, 2, 1),
        ("parquet", 1, 2, 1),
    ]
    assert all(each.bytes > 0 for each in found.behind)


@pytest.mark.parametrize(
    ("edit", "name", "what", "instead"),
    [
        (lambda d: d["columns"].remove(column(d, "price")), "price", "dropped", '"retired": "2025'),
        (
            lambda d: column(d, "price").update(name="unit_price"),
            "price",
            "dropped",
            '"retired": "2025',
        ),
        (
            lambda d: column(d, "price").update(type="string"),
            "price",
            "double → string",
            '"added": "2025',
        ),
        # The JSON table does not declare it any more.
        (lambda d: column(d, "price").update(type="json"), "price", "dropped", "retired"),
        (
            lambda d: d["columns"].insert(2, COUPON),
            "coupon",
            "added before others",
            '"added": "2025-11-26"',
        ),
        (
            lambda d: d["columns"].insert(2, d["columns"].pop(5)),
            "referrer",
            "moved",
            "where the table has it",
        ),
        (
            lambda d: column(d, "price").update(added=TODAY),
            "quantity",
            "moved",
            "where the table has it",
        ),
        (
            lambda d: d["reject_columns"].pop(0),
            "raw_key",
            "dropped",
            "keep it",
        ),
        (lambda d: d["tables"]["json"].update(name="events"), "", "renamed: events", "keep"),
        (lambda d: d.update(partition_keys=["year", "day"]), "", "partitioned anew", "keep"),
    ],
)
def test_what_would_break_queries_is_refused_and_advised_upon(
    memory_lake: LakeUnderTest, edit: Edit, name: str, what: str, instead: str
) -> None:
    found = breaking(memory_lake, edit)
    assert any(
        (change.column, change.what) == (name, what) and instead in change.instead
        for change in found
    ), found


def land(lake: LakeUnderTest, *values: object, name: str = "coupon") -> None:
    """Rows with a field that no column takes, which compaction has looked at."""
    catalogs = Catalogs(lake.store, lake.layout, load_catalog())
    processor = RawObjectProcessor(
        store=lake.store,
        publisher=lake.publisher,
        catalogs=catalogs,
        config=Config(bucket=BUCKET, database=DATABASE),
        now=lambda: datetime.now(UTC),
        scratch=lake.folder,
    )
    lines = [json.dumps({"event_id": f"{row}", name: value}) for row, value in enumerate(values)]
    lake.put_raw("a", gzip.compress("\n".join(lines).encode()))
    processor.process(f"raw/{DAY.path}/a.gz")
    lake.operations().plan(partitions=[DAY], force=True)


@pytest.mark.parametrize("name", ["coupon", "Coupon"])
def test_a_column_under_a_name_that_old_lines_have_with_other_values_is_refused(
    memory_lake: LakeUnderTest, name: str
) -> None:
    land(memory_lake, 7, "A", {"code": "A"}, 7, "A", {"code": "A"}, name=name)
    for kind, sent in [
        ("string", "object"),
        ("bigint", "object, text"),
        ("double", "object, text"),
    ]:
        added = {"name": "coupon", "type": kind, "added": TODAY}
        (found,) = breaking(memory_lake, lambda d, added=added: d["columns"].append(added))
        assert (found.table, found.column) == ("clickstream_events", "coupon")
        assert f"have sent {sent} as coupon" in found.instead
        assert '"from": ["coupon"]' in found.instead
    # Readers find the old values by the column's name, wherever its new ones come from.
    fed = {"name": "coupon", "type": "bigint", "from": ["voucher"], "added": TODAY}
    (found,) = breaking(memory_lake, lambda d: d["columns"].append(fed))
    assert '"from": ["voucher"]' in found.instead
    fine = [
        # As it advises; and what the JSON table does not declare.
        {"name": "coupon_code", "type": "bigint", "from": ["coupon"], "added": TODAY},
        {"name": "coupon", "type": "json", "added": TODAY},
    ]
    for entry in fine:
        assert breaking(memory_lake, lambda d, entry=entry: d["columns"].append(entry)) == []


def test_what_was_sent_under_a_new_columns_name_is_told_where_it_fits(
    memory_lake: LakeUnderTest,
) -> None:
    land(memory_lake, 7, "A", None, 7, "A", None)
    found = difference(memory_lake, lambda d: d["columns"].append({**COUPON, "added": TODAY}))
    assert found.breaking == []
    (old_rows,) = [c.old_rows for c in found.changes if c.table == "clickstream_events"]
    assert "null, text, whole" in old_rows


def test_what_is_proposed_fits_what_was_seen() -> None:
    kinds = get_args(Kind)
    for number in range(1, 4):
        for seen in combinations(kinds, number):
            assert not FAIL[narrowest(seen)[0]] & set(seen), seen


def score_at(place: int) -> Edit:
    score = {"name": "score", "type": "double", "added": TODAY}
    return lambda document: document["columns"].insert(place, score)


def test_a_second_column_of_a_day_goes_behind_the_first(memory_lake: LakeUnderTest) -> None:
    def first(document: Document) -> None:
        document["columns"].insert(4, {**COUPON, "added": TODAY})

    for fmt in ("json", "parquet", "rejects"):
        memory_lake.glue.create_table(TableInput=edited(first).glue_table_input(fmt, "bucket"))
    found = breaking(memory_lake, first, score_at(2))
    assert {(change.column, change.what) for change in found} == {("score", "added before others")}
    assert breaking(memory_lake, first, score_at(6)) == []

"""One raw object, several families: with each call broken once, and with other routes later."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from clickstream_lake.compact.wiring import wire
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import CompactSettings, Config
from clickstream_lake.lake.errors import CatalogError, LakeError
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Slot
from clickstream_lake.lake.publish import Publisher, PublishOutcome
from clickstream_lake.lake.routes import Routing, read_routes, routing_of
from clickstream_lake.lake.routings import Routings, lake_at
from clickstream_lake.lake.untaken import RoutedTo, raw_objects, untaken
from clickstream_lake.operate.audit import AuditReader, Verdict, judge
from clickstream_lake.transform.process import RawObjectProcessor, Report
from tests.protocol.fakes import FakeGlue, FakeS3, Steps, client_error
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest, rows_of

T = TypeVar("T")
KEY = f"raw/{DAY.path}/a.gz"
CATALOG = load_catalog()
KINDS = ("page_view", "click", "purchase", "page_view", "click", "page_view")
EVENTS = b"".join(
    b'{"event_id":"%s%d","event_type":"%s"}\n' % (kind.encode(), number, kind.encode())
    for number, kind in enumerate(KINDS)
)
SHOWN = {
    "": ["page_view0", "page_view3", "page_view5"],
    "clicks": ["click1", "click4"],
    "orders": ["purchase2"],
}
FORMER = {"clicks": ["click"]}
ROUTES = {"clicks": ["click"], "orders": ["purchase", "refund"]}


def routing(families: dict[str, list[str]]) -> Routing:
    document = {
        "stream": {"name": "lake-web", "prefix": "", "tables": TABLES},
        "families": {
            name: {
                "event_types": types,
                "catalog": "",
                "prefix": f"{name}/",
                "tables": {fmt: f"{name}_{table}" for fmt, table in TABLES.items()},
            }
            for name, types in families.items()
        },
    }
    routes = read_routes(json.dumps(document).encode(), "routes")
    return routing_of(routes, lambda *_: CATALOG, CATALOG.partition_keys)


class Breaking(Steps):
    """Fails once, before or after a call has its effect."""

    def __init__(self) -> None:
        self.at = -1
        self.after = False
        self.calls: list[str] = []

    def call(self, name: str, target: str, effect: Callable[[], T]) -> T:
        self.calls.append(f"{name} {target}")
        if len(self.calls) - 1 != self.at:
            return effect()
        if self.after:
            effect()
        raise client_error("InternalError", name, 500)


class Families:
    """A lake with a stream and the families that its events may be routed to."""

    def __init__(self, folder: Path) -> None:
        self.steps = Breaking()
        self.lake = LakeUnderTest(FakeS3(self.steps), FakeGlue(self.steps), folder)
        self.lake.create_tables()
        self.scratch = folder / "scratch"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.minutes = 0
        self.known = routing({**ROUTES, "late": ["page_view"]})
        for family in self.known.families:
            for fmt in ("json", "parquet", "rejects"):
                table = CATALOG.glue_table_input(fmt, BUCKET, self.of(family.name).layout)
                self.lake.glue.create_table(
                    DatabaseName=DATABASE,
                    TableInput={**table, "Name": family.route.tables[fmt]},
                )
        self.put(EVENTS)

    def put(self, text: bytes) -> None:
        self.lake.store.put_bytes(KEY, gzip.compress(text, mtime=0))

    def of(self, name: str) -> Lake:
        places = {family.name: family.route for family in self.known.families}
        return lake_at(self.lake, places[name]) if name else self.lake

    def process(self, families: dict[str, list[str]]) -> Report:
        self.minutes += 1
        now = datetime(2025, 11, 26, 10, self.minutes, tzinfo=UTC)
        own = routing(families) if families else None
        return RawObjectProcessor(
            store=self.lake.store,
            publisher=Publisher(self.lake),
            catalogs=Catalogs(self.lake.store, self.lake.layout, CATALOG),
            routings=Routings(self.lake, CATALOG, own),
            config=Config(BUCKET, DATABASE),
            now=lambda: now,
            scratch=self.scratch,
        ).process(KEY)

    def rows(self, name: str, fmt: str) -> list[str]:
        lake = self.of(name)
        slot = Slot(fmt, DAY)  # type: ignore[arg-type]  # one of FORMATS
        files = [(info.key, lake.store.read(info.key)) for info in lake.shown_files(slot)]
        return sorted(row for key, content in files for row, _ in rows_of(key, content))

    def shown(self) -> dict[str, list[str]]:
        names = ["", *(family.name for family in self.known.families)]
        found = {}
        for name in names:
            json_rows, parquet_rows = (self.rows(name, fmt) for fmt in FORMATS)
            assert json_rows == parquet_rows
            found[name] = json_rows
        return {name: rows for name, rows in found.items() if rows}

    def compact(self, name: str) -> None:
        lake = self.of(name)
        config = Config(BUCKET, DATABASE, compact=CompactSettings(min_files=2))
        work = wire(config, CATALOG, lake, queue=None, downloads=1, workdir=self.scratch)
        for fmt in FORMATS:
            work.compactor.compact(Slot(fmt, DAY), force=True)

    def audit(self, name: str) -> Verdict:
        routed = RoutedTo(self.lake, name, "lake-web") if name else None
        view = AuditReader(self.of(name), CATALOG, routed=routed, workers=1).read(DAY)
        late = datetime.now(UTC) + timedelta(hours=1)
        return judge(view, now=late, settle=timedelta(minutes=15))

    def assert_clean(self, *names: str) -> None:
        for name in ("", *names):
            verdict = self.audit(name)
            assert verdict.breaches == ()
            assert verdict.pending == 0
            routed = RoutedTo(self.lake, name, "lake-web") if name else None
            assert untaken(self.of(name), DAY, raw_objects(self.lake, "raw/"), routed) == []


@pytest.fixture
def families(tmp_path: Path) -> Families:
    return Families(tmp_path)


def test_each_event_shows_in_the_tables_of_its_family_alone(families: Families) -> None:
    report = families.process(ROUTES)
    assert families.shown() == SHOWN
    assert report.stats is not None
    assert (report.stats.lines, report.stats.published) == (6, 3)
    assert report.stats.routed == {"clicks": 2, "orders": 1}
    assert {name: each.published for name, each in report.families.items()} == report.stats.routed
    families.assert_clean("clicks", "orders", "late")


def test_what_an_object_does_not_have_makes_no_file_and_no_call(families: Families) -> None:
    families.put(EVENTS.splitlines(keepends=True)[0])
    families.process(ROUTES)
    assert not [call for call in families.steps.calls if "orders/processed" in call]
    assert not [call for call in families.steps.calls if "PutObject orders/rejected" in call]
    assert families.shown() == {"": ["page_view0"]}
    families.assert_clean("clicks", "orders")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "then", [ROUTES, {}, {"late": ["page_view"]}], ids=["same", "none", "others"]
)
def test_a_retry_makes_good_any_failure_though_routes_have_changed(
    tmp_path: Path, *, after: bool, then: dict[str, list[str]]
) -> None:
    whole, failures = Families(tmp_path / "whole"), 0
    start = len(whole.steps.calls)
    whole.process(ROUTES)
    # A read that fails is as the write before it whose answer is lost.
    writes = [
        at
        for at, call in enumerate(whole.steps.calls[start:])
        if "Put" in call or "Create" in call or call.startswith("s3.GetObject raw")
    ]
    for at in writes:
        families = Families(tmp_path / str(at))
        families.steps.at = len(families.steps.calls) + at
        families.steps.after = after
        try:
            families.process(ROUTES)
        except LakeError:
            failures += 1
        began = families.lake.keys("processed/json/year")
        families.process(then)
        kept = ROUTES if began else then
        by = {kind: name for name, kinds in kept.items() for kind in kinds}
        expected: dict[str, list[str]] = {}
        for number, kind in enumerate(KINDS):
            expected.setdefault(by.get(kind, ""), []).append(f"{kind}{number}")
        expected = {name: sorted(rows) for name, rows in expected.items()}
        assert families.shown() == expected, families.steps.calls[families.steps.at]
        families.assert_clean("clicks", "orders", "late")
    assert failures > len(writes) / 2


def test_a_redelivery_after_compaction_reads_nothing_and_changes_nothing(
    families: Families,
) -> None:
    families.process(ROUTES)
    for name in SHOWN:
        families.compact(name)
    families.assert_clean("clicks", "orders")
    report = families.process({"late": ["page_view"]})
    assert report.stats is None
    assert families.shown() == SHOWN


def test_a_family_that_lost_its_files_has_them_again_by_a_replay(families: Families) -> None:
    families.process(ROUTES)
    families.compact("")
    for key in families.lake.keys("orders/processed"):
        families.lake.s3.delete_objects(Delete={"Objects": [{"Key": key}]})
    assert {breach.kind for breach in families.audit("orders").breaches} == {"gap"}
    routed = RoutedTo(families.lake, "orders", "lake-web")
    raws = list(raw_objects(families.lake, "raw/"))
    assert [key for key, _ in untaken(families.of("orders"), DAY, raws, routed)] == [KEY]
    assert families.process(ROUTES).outcomes["json"] is PublishOutcome.ALREADY_MERGED
    assert families.shown() == SHOWN
    families.assert_clean("clicks", "orders")


def test_new_content_of_an_object_replaces_what_a_family_had(families: Families) -> None:
    families.process(ROUTES)
    families.put(EVENTS.replace(b"purchase", b"click"))
    families.process(ROUTES)
    assert families.shown() == {"": SHOWN[""], "clicks": ["click1", "click2", "click4"]}
    families.assert_clean("clicks", "orders")


def test_new_content_after_compaction_leaves_all_families_as_they_were(
    families: Families,
) -> None:
    families.process(ROUTES)
    families.compact("")
    families.put(EVENTS.replace(b"purchase", b"click"))
    assert families.process(ROUTES).stale
    assert families.shown() == SHOWN


def test_an_object_that_is_rejected_whole_is_so_for_every_family(families: Families) -> None:
    families.lake.store.put_bytes(KEY, gzip.compress(EVENTS)[:-4])
    report = families.process(ROUTES)
    assert report.stats is not None
    assert report.stats.corrupt == "gzip_truncated"
    assert families.shown() == {}
    assert not families.lake.keys("orders/rejected")
    families.assert_clean("clicks", "orders")


def test_the_audit_of_a_family_counts_what_its_stream_has_sent(families: Families) -> None:
    families.process(ROUTES)
    key = next(key for key in families.lake.keys("clicks/processed/json") if "READ" not in key)
    head = families.lake.store.head(key)
    assert head is not None
    figures = LandingMetadata.from_s3(head.metadata)
    assert figures is not None
    families.lake.s3.put_object(
        Key=key,
        Body=b"{}\n",
        Metadata={**head.metadata, "rows": "1", "lines": "1"},
    )
    details = [breach.detail for breach in families.audit("clicks").breaches]
    assert "its stream has sent 2 events of this family, and 1 are accounted for" in details


def test_a_damaged_copy_of_the_first_routes_is_told(families: Families) -> None:
    families.process(ROUTES)
    name = routing(ROUTES).sha256
    families.lake.store.put_bytes(families.lake.layout.routes_key(name), b"{}")
    with pytest.raises(CatalogError, match="its content is not the one that its name says"):
        families.process(FORMER)


def test_an_object_of_before_the_routes_stays_as_it_was(families: Families) -> None:
    families.process({})
    for key in families.lake.keys(f"processed/parquet/{DAY.path}"):
        families.lake.s3.delete_objects(Delete={"Objects": [{"Key": key}]})
    families.process(ROUTES)
    assert list(families.shown()) == [""]
    families.assert_clean("clicks", "orders")

import io
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from clickstream_lake.sandbox.athena.domains import Domain, Span
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.athena.parquet_format import row_groups
from clickstream_lake.sandbox.athena.rules import trino_476 as rules
from tests import scanned

MB = 1 << 20
FOOTER = 48 << 10


@pytest.fixture(scope="module")
def engine() -> Iterator[QueryEngine]:
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        s3, glue = session.client("s3"), session.client("glue")
        scanned.put(s3, glue)
        with closing(QueryEngine(s3=s3, glue=glue)) as found:
            yield found


def test_counts_what_the_engine_counted(engine: QueryEngine) -> None:
    recorded = json.loads(scanned.RECORDED.read_text(encoding="utf-8"))
    counted = {
        name: engine.execute(sql, scanned.DATABASE).bytes_scanned
        for name, sql in scanned.questions().items()
    }
    assert counted == recorded


def test_an_estimate_is_a_bound_and_says_whether_it_is_exact(engine: QueryEngine) -> None:
    recorded = json.loads(scanned.RECORDED.read_text(encoding="utf-8"))
    exact = {}
    for name, sql in scanned.questions().items():
        estimate = engine.estimate(sql, scanned.DATABASE)
        exact[name] = estimate.is_exact
        assert estimate.bytes_scanned >= recorded[name], name
        assert not estimate.is_exact or estimate.bytes_scanned == recorded[name], name
    assert exact["long, export"]
    assert exact["small, by id"], "whole files"
    assert not exact["long, by id"]
    for sql in ("SELECT n FROM small LIMIT 1", "SELECT a.n FROM small a JOIN long b ON a.n = b.n"):
        assert not engine.estimate(sql, scanned.DATABASE).is_exact
    assert engine.estimate("SELECT n FROM small ORDER BY n LIMIT 1", scanned.DATABASE).is_exact


def file(groups: int = 2, rows: int = 30_000, **options: Any) -> rules.StoredFile:  # noqa: ANN401 - those of the writer
    """A file over the threshold: `n` and `twin` sorted, `word` of 4 values, `fat` of 100 bytes."""
    table = pa.table(
        {
            "n": pa.array(range(rows), pa.int64()),
            "word": [f"w{i % 4 * 2}" for i in range(rows)],
            "fat": [f"{i:0100}" for i in range(rows)],
            "twin": pa.array(range(rows), pa.int64()),
        }
    )
    sink = io.BytesIO()
    settings = {"compression": "none", "use_dictionary": ["word"], "row_group_size": rows // groups}
    pq.write_table(table, sink, **{**settings, **options})
    body = sink.getvalue()
    length = int.from_bytes(body[-8:-4], "little")
    return rules.StoredFile(
        len(body), length, row_groups(body[-8 - length : -8]), lambda a, b: body[a:b]
    )


def plan(stored: rules.StoredFile, columns: list[str], **domains: Domain) -> rules.SplitPlan:
    return rules.plan_split(stored, (0, stored.size), columns, domains)


def between(low: object, high: object) -> Domain:
    return Domain((Span(low, high),))  # type: ignore[arg-type] # values of any column


def chunk_bytes(stored: rules.StoredFile, *columns: str) -> list[int]:
    return [
        end - start
        for group in stored.groups
        for start, end in (group.chunks[name].range for name in columns)
    ]


def test_a_file_up_to_the_threshold_is_read_whole() -> None:
    stored = file(rows=3_000)
    assert stored.size < rules.SMALL_FILE_THRESHOLD
    assert plan(stored, ["word"]).most == stored.size
    assert plan(stored, ["n"], n=between(-2, -1)).most == 0


def test_a_longer_footer_is_read_again() -> None:
    for footer, opening in ((FOOTER - 8, FOOTER), (FOOTER - 7, 2 * FOOTER + 1)):
        stored = rules.StoredFile(10 * MB, footer, [], lambda *_: b"")
        assert plan(stored, []).opening == opening


def test_close_ranges_are_read_at_once_up_to_a_buffer() -> None:
    assert rules.merged([(0, 10), (10 + MB, 20 + MB), (21 + 2 * MB, 30 + 2 * MB)]) == [
        (0, 20 + MB),
        (21 + 2 * MB, 30 + 2 * MB),
    ]
    assert rules.merged([(0, 5 * MB), (5 * MB, 9 * MB)]) == [(0, 5 * MB), (5 * MB, 9 * MB)]


def test_a_chunk_longer_than_a_buffer_is_read_in_pieces_that_nothing_joins() -> None:
    stored = file(groups=1, rows=100_000)
    (fat,) = chunk_bytes(stored, "fat")
    (twin,) = chunk_bytes(stored, "twin")
    assert rules.MAX_BUFFER < fat < 2 * rules.MAX_BUFFER
    assert plan(stored, ["fat", "twin"]).reads == (rules.MAX_BUFFER, fat - rules.MAX_BUFFER, twin)


def test_statistics_rule_out_a_row_group() -> None:
    stored = file()
    found = plan(stored, ["n"], n=between(20_000, 21_000))
    assert [group.index for group in found.groups] == [1]
    assert found.most == FOOTER + chunk_bytes(stored, "n")[1]


def test_a_page_index_rules_out_pages_of_all_columns() -> None:
    stored = file(write_page_index=True, max_rows_per_page=1_000)
    found = plan(stored, ["n", "twin"], n=between(20_100, 20_200))
    (group,) = found.groups
    assert group.ranges == ((5_000, 5_999),), "rows 20,000 to 20,999"
    # The pages are 1,000 values of 8 bytes each, with a header and levels.
    assert all(8_000 < read < 8_100 for read in found.reads)
    index = stored.groups[1].chunks["n"].column_index
    offsets = [stored.groups[1].chunks[name].offset_index for name in ("n", "twin")]
    assert index is not None
    assert offsets[0] is not None
    assert offsets[1] is not None
    assert found.opening == FOOTER + (index[1] - index[0]) + (offsets[1][1] - offsets[0][0])


def test_domains_whose_pages_share_no_row_leave_nothing() -> None:
    stored = file(write_page_index=True, max_rows_per_page=1_000)
    found = plan(stored, ["n", "twin"], n=between(100, 200), twin=between(5_100, 5_200))
    assert found.groups == ()
    assert found.most == 0


def test_a_dictionary_is_read_to_rule_out_a_row_group() -> None:
    stored = file()
    found = plan(stored, ["word"], word=between(b"w1", b"w1"))
    assert found.groups == ()
    assert found.requests == 1 + 2, "one of each row group"
    kept = plan(stored, ["word"], word=between(b"w2", b"w2"))
    sizes = [
        end - start for start, end in (g.chunks["word"].dictionary or (0, 0) for g in stored.groups)
    ]
    assert kept.opening == FOOTER + sum(sizes)


def test_a_bloom_filter_is_read_to_rule_out_a_row_group() -> None:
    stored = file(bloom_filter_options={"fat": {"ndv": 15_000, "fpp": 0.001}})
    absent, present = f"{20_000:099}x".encode(), f"{20_000:0100}".encode()
    assert plan(stored, ["fat"], fat=between(absent, absent)).groups == ()
    found = plan(stored, ["fat"], fat=between(present, present))
    assert [group.index for group in found.groups] == [1]
    assert found.opening > FOOTER + 15_000, "the filter has more than a byte a value"
    assert plan(stored, ["fat"], fat=Domain((Span(absent, absent + b"y"),))).opening == FOOTER


def test_a_bloom_filter_is_asked_for_each_of_a_few_whole_numbers() -> None:
    stored = file(bloom_filter_options={"n": {"ndv": 15_000, "fpp": 0.001}})
    few = plan(stored, ["n"], n=Domain((Span(20_000, 20_999),)))
    many = plan(stored, ["n"], n=Domain((Span(20_000, 21_000),)))
    assert (few.requests, many.requests) == (3, 1)
    assert few.opening - many.opening == 64 + (1 << 15), "a header and the filter"


def test_a_column_is_read_once_a_row_passes_and_the_last_page_is_not_counted() -> None:
    stored = file(groups=1, rows=100_000)
    columns = plan(stored, ["n", "fat"])
    fat, n = sum(columns.reads[1:]), columns.reads[0]
    passed = np.zeros(100_000, dtype=np.int64)

    def counted() -> int:
        stages = [["n"], ["fat"]]
        return rules.counted(columns, stages, [passed], at_once=False)

    assert counted() == FOOTER + n, "no row passes"
    passed[10] = 1
    assert counted() == FOOTER + n + rules.MAX_BUFFER, "only what comes before the row"
    passed[90_000] = 1
    assert counted() == FOOTER + n + fat
    passed[:] = 0
    passed[99_999] = 1
    assert counted() == FOOTER + n, "read, but after the last page was noted"
    assert rules.counted(columns, [["n"], ["fat"]], [passed], at_once=True) == columns.most


def test_a_long_file_is_read_in_splits_each_with_its_row_groups() -> None:
    assert rules.splits([32 * MB], [True]) == [[(0, 32 * MB)]]
    assert rules.splits([33 * MB], [True]) == [[(0, 33 * MB // 2), (33 * MB // 2, 33 * MB)]]
    assert rules.splits([33 * MB], [False]) == [[(0, 33 * MB)]]
    assert len(rules.splits([100 * MB], [True])[0]) == 4
    many = rules.splits([*[1] * 200, 200 * MB], [True] * 201)[-1]
    assert many[0] == (0, 64 * MB), "the first 200 are smaller"
    stored = file()
    start = stored.groups[1].start
    whole = chunk_bytes(stored, "n")
    for part, group in (((0, start), 0), ((start, stored.size), 1)):
        found = rules.plan_split(stored, part, ["n"], {})
        assert found.most == FOOTER + whole[group]


def test_text_is_read_to_the_end_of_a_splits_last_line() -> None:
    parts = rules.splits([40 * MB + 300], [True])[0]
    assert rules.text_bytes(40 * MB + 300, parts, compressed=False) == 40 * MB + 300 + 874
    assert rules.text_bytes(1_000, [(0, 1_000)], compressed=False) == 1_000

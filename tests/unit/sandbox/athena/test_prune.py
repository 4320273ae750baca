from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from conftest import Lake

FIRST = datetime(2025, 11, 26)  # noqa: DTZ001 - Parquet's timestamp without a zone
ROWS = 40


@pytest.fixture
def grouped(lake: "Lake") -> "Lake":
    """Forty rows in ten row groups of four, sorted by time; the last group's text is all NULL."""
    lake.table("t", {"n": "bigint", "at": "timestamp", "word": "string"}, serde=lake.parquet_serde)
    table = pa.table(
        {
            "n": list(range(ROWS)),
            "at": pa.array(
                [FIRST + timedelta(hours=6 * i) for i in range(ROWS)], pa.timestamp("ms")
            ),
            "word": [f"w{i:02}" if i < 36 else None for i in range(ROWS)],
        }
    )
    lake.put_parquet("t/x.parquet", table, row_group_size=4)
    return lake


def groups(lake: "Lake", where: str) -> int:
    (scan,) = lake.engine.estimate(f"SELECT n FROM t WHERE {where}", "web").scans  # noqa: S608
    return len(scan.files[0].row_groups)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("n = 7", 1),
        ("7 = n", 1),
        ("n <> 7", 10),
        ("n < 4", 1),
        ("n >= 36 OR n < 4", 2),
        ("NOT (n >= 8)", 2),
        ("n BETWEEN 3 AND 4", 2),
        ("n IN (1, 39)", 2),
        ("n = 100", 0),
        ("n < 8 AND n > 3", 1),
        ("n + 1 = 7", 10),
        ("at >= TIMESTAMP '2025-12-06 00:00:00' - INTERVAL '1' DAY", 1),
        ("date(at) = DATE '2025-11-26'", 1),
        ("CAST(at AS date) = DATE '2025-11-27'", 1),
        ("date_trunc('day', at) = TIMESTAMP '2025-11-26 00:00:00'", 1),
        ("date_trunc('week', at) = TIMESTAMP '2025-11-24 00:00:00'", 10),  # Trino unwraps no week
        ("at < from_iso8601_timestamp('2025-11-26T18:30:00Z')", 1),
        ("hour(at) = 6", 10),
        ("word LIKE 'w0%'", 3),
        ("word LIKE '%0'", 10),
        ("word NOT LIKE 'w0%'", 10),
        ("n NOT IN (7)", 10),
        ("n NOT BETWEEN 4 AND 40", 1),
        ("word IS NULL", 1),
        ("word IS NOT NULL", 9),
        ("word = 'w35'", 1),
        ("word >= 'w34' AND word IS NOT NULL", 1),
        ("n = (SELECT 3)", 10),
        ("length(word) = 3", 10),
    ],
)
def test_statistics_rule_out_row_groups(grouped: "Lake", where: str, kept: int) -> None:
    assert groups(grouped, where) == kept


def test_a_small_file_counts_whole_unless_all_of_it_is_ruled_out(grouped: "Lake") -> None:
    size = grouped.s3.head_object(Bucket="lake", Key="t/x.parquet")["ContentLength"]
    for where, counted in (("true", size), ("n = 7", size), ("n = 100", 0), ("n = NULL", 0)):
        assert grouped.scanned(f"SELECT n FROM t WHERE {where}") == counted  # noqa: S608
    assert grouped.scanned("SELECT COUNT(*) FROM t") == size


COLUMN = st.sampled_from(["n", "n", "CAST(NULL AS bigint)"])
NUMBER = st.integers(-3, ROWS + 3)
LEAF = st.one_of(
    st.builds(
        "{} {} {}".format, COLUMN, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), NUMBER
    ),
    st.builds("{2} {1} {0}".format, COLUMN, st.sampled_from(["=", "<>", "<", ">="]), NUMBER),
    st.builds("n BETWEEN {} AND {}".format, NUMBER, NUMBER),
    st.builds("n NOT IN ({}, {})".format, NUMBER, NUMBER),
    st.builds("n IN ({}, {})".format, NUMBER, NUMBER),
    st.builds("word {} 'w{:02}'".format, st.sampled_from(["=", "<", ">="]), NUMBER),
    st.builds("word LIKE 'w{}%'".format, st.integers(0, 4)),
    st.sampled_from(["word IS NULL", "word IS NOT NULL", "word NOT LIKE 'w1%'"]),
    st.builds(
        "date(at) {} DATE '2025-12-{:02}'".format, st.sampled_from(["=", "<"]), st.integers(1, 6)
    ),
)
PREDICATE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=5,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=PREDICATE)
def test_pruning_never_changes_the_answer(grouped: "Lake", where: str) -> None:
    pruned = grouped.rows(f"SELECT n FROM t WHERE {where} ORDER BY n")  # noqa: S608
    # Inside COALESCE, the predicate is out of the planner's sight.
    plain = grouped.rows(f"SELECT n FROM t WHERE COALESCE({where}, false) ORDER BY n")  # noqa: S608
    assert pruned == plain

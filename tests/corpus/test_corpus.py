import gzip
import json
from typing import Any

import pytest

from clickstream_lake.lake.config import OutputOptions
from clickstream_lake.lake.quality import Breach
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.reasons import LineReason, ObjectReason
from tests.corpus.cases import CASES, Case, typed_cases
from tests.corpus.lake_files import CATALOG, Outcome, check, check_no_canary, run
from tests.fuzz.oracle import expect

TYPED = dict(
    typed_cases(
        {c.name: c.type for c in CATALOG.columns if c.name not in ("extra", "processed_ts")}
    )
)
ALL = {**CASES, **TYPED}
LONG = {"no delimiters, 100,000 events"}
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in ALL]
READABLE = {name: case for name, case in ALL.items() if case.corrupt is None}


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """With every number as the text it was sent as."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read(line: dict[str, str]) -> dict[str, Any]:
    """A JSON line, decoded, likewise."""
    return {key: json.loads(text, parse_int=str, parse_float=str) for key, text in line.items()}


def as_sent(case: Case) -> Outcome:
    return run(case.make(), compressed=case.raw, limits=case.limits)


@pytest.mark.parametrize("name", NAMES)
def test_a_nasty_object_is_published_and_rejected_exactly_so(name: str) -> None:
    case = ALL[name]
    outcome = as_sent(case)
    check_no_canary(outcome)
    if case.corrupt is not None:
        assert outcome.stats.corrupt == case.corrupt
        assert outcome.rejects == [(0, 0, case.corrupt, 1, None, 0, 0)]
        assert outcome.json is None
        assert outcome.parquet is None
        assert (outcome.stats.lines, outcome.stats.published) == (1, 0)
        return
    assert [read(line) for line in outcome.json or []] == plain(case.json)
    assert [row[:3] for row in outcome.rejects] == case.rejects
    if case.rows is not None:
        assert [row[3:] for row in outcome.rejects] == case.rows
    if case.sent is not None:
        assert [dict(line) for line in outcome.json or []] == case.sent
    assert outcome.stats.blank == case.blank
    rows = outcome.parquet or []
    if case.extra is not None:
        assert [row["extra"] for row in rows] == case.extra
    for row, wanted in zip(rows, case.parquet or rows, strict=True):
        assert {key: row[key] for key in wanted} == wanted
    if case.stored is not None:
        for row, shown in zip(rows, case.stored, strict=True):
            assert {key: repr(row[key]) for key in shown} == shown
    # So that the table of cases, the oracle of the fuzz and the code hold each other.
    data = decompressed(case.make()) if case.raw else case.make()
    check(outcome, expect(data, CATALOG, case.limits))


@pytest.mark.parametrize("name", NAMES)
def test_without_a_kernel_every_file_is_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_kernel = as_sent(ALL[name])
    monkeypatch.setenv(library.SETTING, "off")
    without = as_sent(ALL[name])
    assert without.files == with_kernel.files
    assert without.stats == with_kernel.stats


def decompressed(raw: bytes) -> bytes:
    """Decompressed by the standard library, which passes over zeros as well."""
    return gzip.decompress(raw)


def test_every_reason_has_a_case() -> None:
    found = {case.corrupt for case in ALL.values()}
    found |= {reason for case in ALL.values() for _, _, reason in case.rejects}
    # Rules of columns have a catalog of their own in tests/fuzz.
    assert found - {None} == {*LineReason, *ObjectReason} - {*Breach}


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_all_cases_in_one_object_change_nothing_for_each_other(compression: Any) -> None:  # noqa: ANN401
    texts = [case.make() for case in READABLE.values() if not case.raw]
    data = b"\n".join(line for line in texts if len(line) < 1_000_000)
    outcome = run(data, options=OutputOptions(json_compression=compression), duck=True)
    check(outcome, expect(data, CATALOG, READABLE["no events"].limits))


def test_the_canary_is_found_where_it_is() -> None:
    """The search itself works: it finds a value that nothing removes."""
    outcome = run(b'{"page_url":"c4n4ry"}')
    with pytest.raises(AssertionError, match="personal data"):
        check_no_canary(outcome)


def test_the_corpus_has_so_many_cases() -> None:
    assert len(ALL) == 796  # as docs/reliability.md says

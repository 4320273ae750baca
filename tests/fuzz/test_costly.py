"""What costs most per byte comes out right, and no search finds anything that costs too much."""

import gzip
import os
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, transform_stream
from clickstream_lake.transform.rules.native import library
from tests.fuzz import costly
from tests.fuzz.costly import CORPUS, Found, Recipe

SECONDS = float(os.environ.get("CLICKSTREAM_SEARCH_SECONDS", "600"))
SEED = int(os.environ.get("CLICKSTREAM_SEARCH_SEED", str(datetime.now(UTC).toordinal())))
MOST_TIMES_CLEAN = 200
"""One CPU second for each MB, as a multiple of what clean events cost on the same machine."""


def outputs(raw: bytes, folder: Path) -> tuple[Any, ...]:
    folder.mkdir()
    job = Job(
        Layout().source("raw/year=2025/month=11/day=26/costly.gz"),
        load_catalog(),
        Limits(max_ratio=1_100),
        OutputOptions(),
        datetime(2025, 11, 26, 12, tzinfo=UTC),
    )
    result = transform_stream(BytesIO(raw), job, folder)
    return (
        result.files and result.files["json"].read_bytes(),
        result.files and pq.read_table(result.files["parquet"]),
        result.rejects.read_bytes(),
        result.stats.lines,
        result.stats.blank,
        result.stats.published,
        result.stats.rejected,
        result.stats.mismatched,
    )


def test_the_corpus_holds_the_worst() -> None:
    assert len(costly.load()) == costly.WORST


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [recipe for recipe, _ in costly.load()], ids=repr)
def test_the_costliest_objects_come_out_alike_with_and_without_the_kernel(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = recipe.raw(100_000)
    found = []
    for kernel in ("on", "off"):
        monkeypatch.setenv(library.SETTING, kernel)
        found.append(outputs(raw, tmp_path / kernel))
    assert found[0] == found[1]


@pytest.mark.nightly
def test_nothing_that_a_search_finds_costs_more_than_is_said() -> None:
    worst = costly.search(SECONDS, SEED, print)
    most = [(found.recipe, found.cpu / clean) for found, _, clean in worst]
    assert [one for one in most if one[1] > MOST_TIMES_CLEAN] == [], f"seed {SEED}"


def test_recipes_make_objects_of_their_size() -> None:
    line = Recipe(b'{"a":[', b'{"b":\1},', b"{}]}\n", repeat=100)
    text = gzip.decompress(line.raw(50_000))
    assert 50_000 <= len(text) < 52_000
    assert text.startswith(b'{"a":[{"b":')
    assert len(set(text.splitlines())) > 5
    assert text.count(b"\n") == len(text) / len(b'{"a":[{}]}\n' + b'{"b":1},' * 100)
    members = Recipe(b"", b"{}\n", b"", member=3, empty=2).raw(50_000)
    assert 40_000 < len(members) < 70_000
    assert members.count(b"\x1f\x8b\x08") % 3 == 0
    assert len(gzip.decompress(members)) == members.count(b"\x1f\x8b\x08")


def test_a_search_keeps_what_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Recipe(b"", b'{"a":1}\n', b"", origin="start")
    costs = iter(range(1, 10_000))

    def measure(recipe: Recipe, size: int) -> Found:
        return Found(recipe, cpu=next(costs) / size, rejects=0.0, memory=0.0, kind="one")

    monkeypatch.setattr(costly, "measure", measure)
    first = measure(start, 1)
    found = costly.evolve({(of, "one"): first for of in costly._OBJECTIVES}, seed=3, seconds=0.2)
    assert found["memory", "one"] == first
    assert first.cpu == 1
    assert found["cpu", "one"].recipe.origin == "start"


def test_the_corpus_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costly, "CORPUS", tmp_path / "costly")
    recipes = [
        Recipe(b"{", b"\xff\n\0", b"", 7, 3, 1, "a shape"),
        Recipe(b"", b"x\n", b"}"),
    ]
    rows = [(Found(recipe, 1.0, 2.0, 3.0, "k"), "cpu", 0.005) for recipe in recipes]
    for _ in range(2):  # the second replaces the first
        costly.save(rows, seed=5)
    assert [recipe for recipe, _ in costly.load()] == recipes
    assert costly.load()[0][1]["times_clean"] == 200.0
    assert len(list(costly.CORPUS.iterdir())) == 5


def test_each_entry_says_what_was_measured() -> None:
    for _, entry in costly.load():
        assert float(entry["cpu_s_per_mb"]) > 0
        assert entry["worst_by"] in costly._OBJECTIVES
        assert isinstance(entry["seed"], int)
    assert (CORPUS / "index.json").exists()

"""Catalogs and Parquet files for the merge tests."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream_lake.lake.catalog import Catalog, ClusterTerm
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog

Rows = Sequence[Mapping[str, Any]]


@pytest.fixture
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def newer() -> Callable[..., Catalog]:
    """The next version of the catalog, with columns added, retyped or gone."""

    def make(
        *,
        gone: Sequence[str] = (),
        dedupe_on: str | None = None,
        dedupe_ignore: Sequence[str] = (),
        **types: str,
    ) -> Catalog:
        document = copy.deepcopy(json.loads(CATALOG_PATH.read_text(encoding="utf-8")))
        columns = [c for c in document["columns"] if c["name"] not in {*gone, *types}]
        columns[5:5] = [{"name": n, "type": t, "comment": ""} for n, t in types.items()]
        document |= {"columns": columns, "dedupe_on": dedupe_on}
        document["dedupe_ignore"] = [*dedupe_ignore]
        document["cluster_by"] = [
            term for term in document["cluster_by"] if ClusterTerm.parse(term).column not in gone
        ]
        document["bloom"] = [name for name in document["bloom"] if name not in gone]
        return parse_catalog(document)

    return make


@pytest.fixture
def write(tmp_path: Path, catalog: Catalog) -> Callable[..., Path]:
    """Write rows to a Parquet file in today's schema or a given one."""
    written = 0

    def make(rows: Rows, schema: pa.Schema | None = None) -> Path:
        nonlocal written
        written += 1
        path = tmp_path / f"in-{written}.parquet"
        table = pa.Table.from_pylist(list(rows), schema=schema or catalog.arrow_schema())
        pq.write_table(table, path)
        return path

    return make

"""Lakes for the unit tests of all that works on one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.protocol.clients import KINDS
from tests.protocol.lake import LakeUnderTest


@contextmanager
def empty_lake(kind: str, folder: Path) -> Iterator[LakeUnderTest]:
    with KINDS[kind]() as (s3, glue):
        made = LakeUnderTest(s3, glue, folder)
        made.create_tables()
        yield made


@pytest.fixture(params=KINDS)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LakeUnderTest]:
    """An empty lake with its tables: once in memory, once in moto."""
    with empty_lake(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def memory_lake(tmp_path: Path) -> Iterator[LakeUnderTest]:
    """An empty lake with its tables, in memory."""
    with empty_lake("memory", tmp_path) as made:
        yield made


@pytest.fixture
def moto_lake(tmp_path: Path) -> Iterator[LakeUnderTest]:
    """An empty lake with its tables, in moto."""
    with empty_lake("moto", tmp_path) as made:
        yield made

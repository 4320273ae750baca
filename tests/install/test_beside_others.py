"""The package beside the tools that people use with Athena: it holds none of them back."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.package.interpreter import PYTHON
from tests.install.conftest import Environment, uv

pytestmark = pytest.mark.install

AWS_TOOLS = ("awswrangler>=3.17", "PyAthena>=4.2", "pyiceberg", "polars", "s3fs")
_TOGETHER = """
import awswrangler, polars, pyathena, pyiceberg, s3fs
import pyarrow.parquet as pq
from pathlib import Path
from unittest.mock import patch
(path,) = Path("lake").rglob("*.parquet")
import io, pandas
frame = pandas.read_parquet(path)
assert polars.read_parquet(path).height == pq.read_metadata(path).num_rows == len(frame)
awswrangler.catalog.extract_athena_types(frame)
print(len(frame))
"""


def resolved(directory: Path, *requirements: str) -> dict[str, str]:
    source = directory / "in.txt"
    source.write_text("\n".join(requirements))
    command = ("pip", "compile", f"--python-version={PYTHON}", "--no-header", "--no-annotate")
    said = uv(*command, str(source))
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", said, re.MULTILINE))


@pytest.mark.parametrize("tools", [AWS_TOOLS, ("dbt-athena",)], ids=["aws-tools", "dbt-athena"])
def test_others_get_the_versions_that_they_get_without_it(
    tools: tuple[str, ...], wheel: Path, tmp_path: Path
) -> None:
    alone = resolved(tmp_path, *tools)
    together = resolved(tmp_path, *tools, f"clickstream-lake @ {wheel.as_uri()}")
    assert {name: together.get(name) for name in alone} == alone


def test_they_work_in_one_environment(
    wheel: Path, environment: Callable[[str], Environment]
) -> None:
    place = environment(PYTHON)
    place.install(str(wheel), *AWS_TOOLS, "pandas")
    place.run("clickstream", "generate", "events.json.gz", "--count", "1000")
    place.run("clickstream", "transform", "events.json.gz", "--out", "lake")
    assert int(place.run("python", "-c", _TOGETHER).stdout) == 1_000

"""The changes that people make most: each made in a copy, with the files that it takes.

A copy is changed, shown to work, and compared with the project: what is listed is all that had to
be touched. A change that suddenly needs more files says that something has got a second home.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from clickstream_lake.demo import terraform
from clickstream_lake.transform.rules.native import library
from tests.e2e.needs import need_terraform

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("changes")]

PROJECT = Path(__file__).parents[2]
CATALOG = "src/clickstream_lake/catalogs/clickstream.json"
SETTINGS = "terraform/terraform.tfvars"
ORC = "tests/integration/orc"
RULES = "src/clickstream_lake/transform/rules"
KEY = "raw/year=2025/month=11/day=26/file.gz"
# A plan with the mocked provider, and what is asserted of it.
PLAN = """
mock_provider "aws" {{
  source = "./tests/mocks"
}}
run "change" {{
  command = plan
  variables {{
    package_dir = "{packages}"
  }}
  assert {{
    condition     = {condition}
    error_message = "The change has no effect."
  }}
}}
"""


@dataclass(frozen=True)
class Copy:
    """A copy of what git tracks, with this machine's kernel."""

    path: Path

    def edit(self, name: str, before: str, after: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
        (self.path / name).write_text(text.replace(before, after), encoding="utf-8")

    def add(self, name: str, text: str) -> None:
        assert not (self.path / name).exists()
        (self.path / name).write_text(text, encoding="utf-8")

    def changed(self) -> set[str]:
        return {
            name
            for path in self.path.rglob("*")
            if path.is_file()
            and path.suffix != ".so"
            and not {"__pycache__", ".pytest_cache", ".hypothesis", ".terraform"} & {*path.parts}
            and not path.is_relative_to(self.path / "build")
            and (name := path.relative_to(self.path).as_posix()) not in MADE
            and not same(path, PROJECT / name)
        }

    def python(self, *arguments: str) -> str:
        path = os.pathsep.join((str(self.path / "src"), str(self.path)))
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, *arguments],
            cwd=self.path,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tests(self, *paths: str) -> None:
        self.python("-m", "pytest", "-q", "-x", *paths)

    def transform(self, *events: dict[str, Any] | None, key: str = KEY) -> "Made":
        """Take events through the transform, as the command does."""
        raw = self.path / key
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.write_bytes(gzip.compress("".join(json.dumps(e) + "\n" for e in events).encode()))
        out = self.path / "lake"
        self.python("-m", "clickstream_lake", "transform", key, "--out", str(out))
        made = Made(
            json=json_lines(out.glob("processed/json/**/*.json")),
            parquet=[
                row
                for path in out.glob("processed/parquet/**/*.parquet")
                for row in pq.ParquetFile(path).read().to_pylist()
            ],
            rejects=json_lines(out.glob("rejected/**/*.json")),
            orc=[
                row
                for path in out.glob("processed/orc/**/*.orc")
                for row in orc.ORCFile(path).read().to_pylist()
            ],
        )
        shutil.rmtree(out)
        raw.unlink()
        return made

    def plan(self, condition: str) -> None:
        """Plan with the mocked provider, and assert something of the plan."""
        directory = self.path / "terraform"
        packages = terraform._placeholder_packages(directory)
        test = directory / "tests" / "change.tftest.hcl"
        test.write_text(PLAN.format(packages=packages, condition=condition))
        terraform._init(directory)
        said = terraform._run(directory, ["test", "-filter=tests/change.tftest.hcl"])
        assert "1 passed, 0 failed" in said
        test.unlink()
        shutil.rmtree(packages)
        (directory / ".terraform.lock.hcl").unlink(missing_ok=True)


@dataclass(frozen=True)
class Made:
    """What the transform made of some events: lines and rows."""

    json: list[Any]
    parquet: list[Any]
    rejects: list[Any]
    orc: list[Any]


def json_lines(paths: Iterable[Path]) -> list[Any]:
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


# What is made to show a change, and is no part of it.
MADE = {f"{RULES}/native/{library.path().name}"}


def same(path: Path, other: Path) -> bool:
    return other.exists() and path.read_bytes() == other.read_bytes()


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the machine's git
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    made = Copy(tmp_path / "project")
    for name in [*filter(None, listed.stdout.split("\0")), *MADE]:
        if (PROJECT / name).is_file():
            (made.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, made.path / name)
    return made


@pytest.fixture
def planned(copy: Copy) -> Copy:
    need_terraform()
    return copy


def test_a_column_is_added_in_the_catalog(copy: Copy) -> None:
    coupon = '    {"name": "coupon", "type": "bigint", "comment": "Number of the coupon"},\n'
    last = '    {"name": "properties", "type": "json"'
    copy.edit(CATALOG, last, coupon + last)

    made = copy.transform({"event_id": "e1", "coupon": 7}, {"event_id": "e2", "coupon": "x"})

    assert [line.get("coupon") for line in made.json] == [7, None]
    assert [row["coupon"] for row in made.parquet] == [7, None]
    assert made.parquet[1]["extra"] == '{"coupon":"x"}'
    assert copy.changed() == {CATALOG}


def test_columns_are_renamed_and_removed_in_the_catalog(copy: Copy) -> None:
    copy.edit(CATALOG, '"name": "price"', '"name": "unit_price"')
    copy.edit(CATALOG, '"name": "event_id"', '"name": "id"')
    copy.edit(CATALOG, '"bloom": ["event_id"', '"bloom": ["id"')
    catalog = (copy.path / CATALOG).read_text(encoding="utf-8").splitlines(keepends=True)
    copy.edit(CATALOG, next(line for line in catalog if '"name": "referrer"' in line), "")

    made = copy.transform({"id": "e1", "unit_price": 1, "price": 2, "referrer": "/r"})

    row = made.parquet[0]
    assert (row["id"], row["unit_price"]) == ("e1", 1.0)
    assert row["extra"] == '{"price":2,"referrer":"/r"}'
    assert made.json[0]["price"] == 2
    check = "import tempfile, pathlib; from dev.package import check as c; new = tempfile.mkdtemp"
    copy.python("-c", f"{check}; c.transform(pathlib.Path(new())); c.compact(pathlib.Path(new()))")
    assert copy.changed() == {CATALOG}


def test_a_format_is_added_as_an_entry_and_two_modules_and_in_the_catalog(copy: Copy) -> None:
    package = "src/clickstream_lake"
    formats, landing, merging = (
        f"{package}/{name}"
        for name in ("lake/formats.py", "transform/write/orc.py", "compact/merge/orc.py")
    )
    given = {name: (PROJECT / ORC / f"{name}.py").read_text() for name in ("landing", "merging")}
    copy.add(landing, given["landing"])
    copy.add(merging, given["merging"])
    spec = (PROJECT / ORC / "spec.py").read_text().partition("ORC: Final")[2]
    spec = spec.replace("tests.integration.orc.landing", "clickstream_lake.transform.write.orc")
    spec = spec.replace("tests.integration.orc.merging", "clickstream_lake.compact.merge.orc")
    copy.edit(formats, "FORMATS: Final[", f"_ORC: Final{spec}FORMATS: Final[")
    copy.edit(formats, "(_JSON, _PARQUET)", "(_JSON, _PARQUET, _ORC)")
    catalog = json.loads((copy.path / CATALOG).read_text(encoding="utf-8"))
    (extra,) = (column for column in catalog["columns"] if column["name"] == "extra")
    extra["formats"].append("orc")
    table = {**catalog["tables"]["parquet"], "name": "clickstream_events_orc"}
    for name in ("input_format", "output_format", "serde"):
        table[name] = re.findall(f'{name}="(.*)"', spec)[0]
    catalog["tables"]["orc"] = table
    (copy.path / CATALOG).write_text(json.dumps(catalog), encoding="utf-8")

    made = copy.transform({"event_id": "e1", "price": "x"})

    assert [(row["event_id"], row["extra"]) for row in made.orc] == [("e1", '{"price":"x"}')]
    copy.tests("tests/test_architecture.py")
    assert copy.changed() == {formats, landing, merging, CATALOG}


def test_a_stream_of_the_same_schema_is_added_in_the_settings(planned: Copy) -> None:
    planned.add(SETTINGS, 'streams = { events = {}, orders = { prefix = "orders/" } }\n')

    planned.plan(
        'aws_kinesis_firehose_delivery_stream.events["orders"].name == "clickstream-orders"'
        " && length(aws_lambda_function.function) == 4"
    )

    assert planned.changed() == {SETTINGS}


def test_hours_become_partitions_in_the_settings(planned: Copy) -> None:
    planned.add(SETTINGS, "hour_partition = true\n")

    planned.plan(
        'aws_lambda_function.function["events-transform"].environment[0]'
        '.variables["LAKE_PARTITION_KEYS"] == "year,month,day,hour"'
    )

    assert planned.changed() == {SETTINGS}


def test_hours_become_partitions_of_a_local_lake_in_the_catalog(copy: Copy) -> None:
    keys = '"partition_keys": ["year", "month", "day"'
    copy.edit(CATALOG, keys, f'{keys}, "hour"')

    made = copy.transform({"event_id": "e1"}, key=KEY.replace("/file", "/hour=10/file"))

    assert len(made.json) == 1
    copy.python("-m", "clickstream_lake", "demo", "--events", "200", "--dir", "demo")
    assert [*(copy.path / "demo/bucket/processed").glob("json/**/hour=*")]
    shutil.rmtree(copy.path / "demo")
    assert copy.changed() == {CATALOG}


def test_retention_is_changed_in_the_settings(planned: Copy) -> None:
    planned.add(SETTINGS, "raw_retention_days = 777\n")

    planned.plan(
        "anytrue([for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule :"
        " anytrue([for expiry in rule.expiration : expiry.days == 777])])"
    )

    assert planned.changed() == {SETTINGS}


def test_a_reject_reason_is_added_where_reasons_are_and_where_it_is_raised(copy: Copy) -> None:
    copy.edit(
        f"{RULES}/reasons.py",
        '    LINE_TOO_LONG = "line_too_long"',
        '    IS_NULL = "is_null", "the JSON value is null"\n    LINE_TOO_LONG = "line_too_long"',
    )
    copy.edit(
        f"{RULES}/strict.py",
        "    if type(values) is not dict:\n",
        "    if values is None:\n        raise RejectedError(LineReason.IS_NULL)\n"
        "    if type(values) is not dict:\n",
    )
    copy.edit(
        f"{RULES}/native/kernel.h",
        "LINE_TOO_LONG, NOT_IN_ENUM",
        "IS_NULL, LINE_TOO_LONG, NOT_IN_ENUM",
    )
    copy.edit(
        f"{RULES}/native/check.c",
        "    if (*start != '{') return NOT_OBJECT;\n",
        "    if (*start == 'n') return IS_NULL;\n    if (*start != '{') return NOT_OBJECT;\n",
    )
    copy.python("-m", "dev.kernel")

    made = copy.transform({"event_id": "e1"}, None)

    assert len(made.json) == 1
    assert [row["reason"] for row in made.rejects] == ["is_null"]
    assert copy.changed() == {
        f"{RULES}/{name}"
        for name in ("reasons.py", "strict.py", "native/kernel.h", "native/check.c")
    }


def test_an_alarm_is_added_beside_the_others_with_a_section_and_a_trouble(planned: Copy) -> None:
    planned.edit(
        "terraform/alarms.tf",
        '      "${key}-undelivered" = {',
        '      "${key}-slow-transform" = {\n'
        '        does      = "The transform function lacks its C kernel. Read its log."\n'
        "        metric    = [local.metrics_namespace, "
        '"KernelMissing", { service = "${stream.name}-transform" }]\n'
        '        statistic = "Sum"\n'
        "      }\n"
        '      "${key}-undelivered" = {',
    )
    planned.edit(
        "docs/runbook.md",
        "## undelivered\n",
        "## slow-transform\n\nRead its log.\n\n## undelivered\n",
    )
    planned.edit(
        "tests/unit/terraform/test_alarms.py",
        '    "events-undelivered": ',
        '    "events-slow-transform": told(KernelMissing=1),\n    "events-undelivered": ',
    )

    planned.plan(
        'aws_cloudwatch_metric_alarm.lake["events-slow-transform"].metric_name == "KernelMissing"'
    )
    planned.python("-m", "dev.alarms")
    planned.tests("tests/unit/terraform")

    assert planned.changed() == {
        "terraform/alarms.tf",
        "docs/runbook.md",
        "src/clickstream_lake/demo/alarms.json",
        "tests/unit/terraform/test_alarms.py",
    }


def test_a_verb_is_added_as_a_module_a_line_and_a_section(copy: Copy) -> None:
    verb, main, docs = (
        "src/clickstream_lake/cli/hello.py",
        "src/clickstream_lake/cli/main.py",
        "docs/cli.md",
    )
    copy.add(
        verb,
        '"""`clickstream hello`: a greeting."""\n\n'
        "import typer\n\n"
        "from clickstream_lake.console import examples, stdout\n\n"
        "app = typer.Typer(add_completion=False, rich_markup_mode=None)\n\n\n"
        '@app.command(epilog=examples("clickstream hello lake", "clickstream hello you"))\n'
        "def hello(name: str) -> None:\n"
        '    """Greet somebody."""\n'
        '    stdout.print(f"Hello, {name}")\n',
    )
    copy.edit(
        main, "COMMANDS: Final = {\n", 'COMMANDS: Final = {\n    "hello": "Greet somebody.",\n'
    )
    section = (
        "## `clickstream hello`\n\n```sh\nclickstream hello lake\nclickstream hello you\n```\n\n"
    )
    copy.edit(docs, "## `clickstream generate`", f"{section}## `clickstream generate`")

    assert copy.python("-m", "clickstream_lake", "hello", "lake") == "Hello, lake\n"
    assert "Greet somebody." in copy.python("-m", "clickstream_lake", "--help")
    copy.tests("tests/unit/cli/test_help.py", "tests/test_architecture.py")

    assert copy.changed() == {verb, main, docs}

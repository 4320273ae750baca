"""The configuration names what the functions, AWS and the runbook know."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import hcl2
import msgspec
import pytest

from clickstream_lake.demo.provision import ALARMS
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Config, Limits
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.room import (
    BASE_MEMORY_BYTES,
    DISK_PER_OBJECT_BYTE,
    DISK_PER_TARGET_BYTE,
    MEMORY_PER_LINE_BYTE,
)
from clickstream_lake.lake.settings import Settings, group_of
from clickstream_lake.lake.units import MIB
from clickstream_lake.transform.function import reserved_seconds
from dev.terraform_docs import PROJECT, TERRAFORM, Item, items

# Metrics of AWS's services that dashboard and alarms may use: an unknown name would draw nothing.
AWS_METRICS = {
    "AWS/Firehose": {
        "DeliveryToS3.DataFreshness",
        "DeliveryToS3.Success",
        "IncomingRecords",
        "ThrottledRecords",
    },
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesVisible",
    },
    "AWS/Lambda": {"ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
    "AWS/Athena": {"ProcessedBytes", "TotalExecutionTime"},
}


VARIABLES = [
    item
    for file in [*sorted(TERRAFORM.glob("*.tf")), *sorted(TERRAFORM.glob("examples/*/*.tf"))]
    for item in items(file, "variable")
]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda item: item.name)
def test_a_variable_has_type_description_and_where_values_can_be_bad_a_validation(
    variable: Item,
) -> None:
    assert variable.type
    assert len(variable.description) > 10
    assert variable.type == "bool" or variable.validations, "it takes any value"


def test_what_is_deployed_has_one_version_of_the_provider() -> None:
    wanted = r'^ +version += "([^"]+)"'
    assert re.findall(wanted, (TERRAFORM / "versions.tf").read_text(), re.MULTILINE) == [
        ">= 5.100, < 7"
    ]
    roots = [TERRAFORM / "provider.lock.hcl", *TERRAFORM.glob("examples/*/main.tf")]
    assert len(roots) > 5
    assert {tuple(re.findall(wanted, root.read_text(), re.MULTILINE)) for root in roots} == {
        ("5.100.0",)
    }


def block(file: str, resource: str) -> str:
    """A resource's text, up to the brace that ends it."""
    text = (TERRAFORM / file).read_text()
    start = text.index(f'resource "{resource}" {{')
    return text[start : text.index("\n}\n", start)]


@pytest.mark.parametrize(
    ("file", "resource", "first"),
    [
        # A timeout may not be longer than the queue hides messages.
        ("functions.tf", 'aws_lambda_function" "function', "aws_sqs_queue.work"),
        # What lands before anybody is told of it would lie there.
        (
            "firehose.tf",
            'aws_kinesis_firehose_delivery_stream" "events',
            "aws_s3_bucket_notification.lake",
        ),
        # Of a registered location, making a table takes a right to it.
        ("lake_formation.tf", 'aws_lakeformation_resource" "lake', "aws_glue_catalog_table.lake"),
        # The signer and Lambda read what was encrypted as the bucket says.
        *(
            (file, resource, "aws_s3_bucket_server_side_encryption_configuration.lake")
            for file, resource in [
                ("signing.tf", 'aws_s3_object" "unsigned'),
                ("functions.tf", 'aws_s3_object" "layer'),
                ("glue.tf", 'aws_s3_object" "catalog'),
                ("packages.tf", 'aws_s3_object_copy" "package'),
            ]
        ),
    ],
)
def test_what_has_to_be_there_first_is(file: str, resource: str, first: str) -> None:
    assert first in block(file, resource).split("depends_on = [")[1]


@pytest.mark.parametrize(
    ("file", "resource"),
    [
        ("functions.tf", 'aws_lambda_layer_version" "dependencies'),
        ("glue.tf", 'aws_s3_object" "catalog'),
        *(
            ("iam.tf", f'aws_iam_role{kind}" "{name}')
            for kind in ("", "_policy")
            for name in ("firehose", "function", "scheduler")
        ),
    ],
)
def test_what_is_in_use_stays_until_its_successor_is(file: str, resource: str) -> None:
    assert "create_before_destroy = true" in block(file, resource)


@pytest.mark.parametrize(
    ("file", "resource", "name"),
    [
        ("s3.tf", 'aws_s3_bucket" "lake', "bucket"),
        ("glue.tf", 'aws_glue_catalog_database" "lake', "name"),
    ],
)
def test_another_name_replaces_nothing_that_holds_data(file: str, resource: str, name: str) -> None:
    assert f"ignore_changes = [{name}]" in block(file, resource)


def test_objects_have_no_tags_whatever_the_provider_says() -> None:
    found = 0
    for path in TERRAFORM.glob("*.tf"):
        for kind in ("aws_s3_object", "aws_s3_object_copy"):
            for name in re.findall(rf'resource "{kind}" "(\w+)"', path.read_text()):
                text = block(path.name, f'{kind}" "{name}')
                assert re.search(r"override_provider {\s+default_tags {\s+tags = {}", text)
                assert not re.search(r"^  tags ", text, re.MULTILINE)
                found += 1
    assert found >= 4


def test_every_example_has_a_page_and_is_named_on_the_modules() -> None:
    examples = [path for path in TERRAFORM.glob("examples/*") if path.is_dir()]
    page = (TERRAFORM / "README.md").read_text()
    for example in examples:
        assert (example / "README.md").is_file()
        assert f"(examples/{example.name})" in page


def test_every_output_has_a_description() -> None:
    outputs = items(TERRAFORM / "outputs.tf", "output")
    assert len(outputs) > 5
    assert all(len(output.description) > 10 for output in outputs)


def test_every_validation_has_a_test_that_fails_it() -> None:
    files = [TERRAFORM / "tests" / f"{name}.tftest.hcl" for name in ("validation", "routes")]
    tested = "".join(file.read_text() for file in files)
    for file in TERRAFORM.glob("variables*.tf"):
        for item in items(file, "variable"):
            failing = tested.count(f"expect_failures = [var.{item.name}]")
            assert failing >= item.validations, item.name


# A lake by default has no such trouble: tests/e2e/test_evolution.py.
UNLESS_DEFAULT = {"evolution-failed"}


def alarm_kinds() -> set[str]:
    text = (TERRAFORM / "alarms.tf").read_text()
    named = set(re.findall(r'"\$\{key\}-([a-z-]+)" = \{\n +does', text))
    named |= set(re.findall(r"^ +([a-z-]+) = \{\n +does", text, re.MULTILINE))
    named |= set(re.findall(r'alarm_name += "\$\{var\.name\}-\$\{each\.key\}-([a-z-]+)"', text))
    return named


def test_the_runbook_has_a_section_per_alarm_and_none_too_many() -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text()
    alarms, how_to = runbook.split("\n# How to\n")
    assert set(re.findall(r"^## (.+)$", alarms, re.MULTILINE)) == alarm_kinds()
    assert how_to


def test_the_sandbox_has_every_alarm_and_none_too_many() -> None:
    """What they are in detail, a plan compares: tests/e2e/test_alarms.py."""
    kinds = alarm_kinds() - UNLESS_DEFAULT
    made = [alarm["AlarmName"] for alarm in json.loads(ALARMS.read_text())]
    found = [[kind for kind in kinds if name.endswith(f"-{kind}")] for name in made]
    assert all(found), "python -m dev.alarms writes them"
    assert {kind for each in found for kind in each} == kinds, "python -m dev.alarms writes them"


def test_what_the_runbook_tells_to_set_can_be_set() -> None:
    variables = {item.name for item in VARIABLES}
    runbook = (PROJECT / "docs" / "runbook.md").read_text()
    named = set(re.findall(r"`((?:transform|compact|alarm|raw)_[a-z_]+)`", runbook))
    commands = {"compact_now"}
    assert named - commands <= variables
    assert named


def metrics_named(text: str) -> set[tuple[str, str]]:
    """(namespace, metric) of every graph line, search and alarm of a file."""
    own = text.replace("local.metrics_namespace", '"Clickstream"').replace(
        "${local.metrics_namespace}", "Clickstream"
    )
    found = set(re.findall(r'\["([\w/]+)", "([\w.]+)", \{', own))
    found |= set(re.findall(r'Namespace=\\"([\w/]+)\\" MetricName=\\"(\w+)\\"', own))
    found |= {
        ("Clickstream", name)
        for name in re.findall(r"SEARCH\('\{[^}]*Clickstream[^}]*\} MetricName=\\\"(\w+)", own)
    }
    if "reject_ratio" in own:
        found |= {("Clickstream", name) for name in re.findall(r'= "(Rows\w+)"', own)}
    return found


def metrics_counted() -> set[str]:
    """Names that the functions pass to `add_metric` and `count_by`."""
    names = set()
    for file in (PROJECT / "src").rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    names |= {f"Bytes{fmt.title()}" for fmt in FORMATS}
    return {name for name in names if re.fullmatch(r"[A-Z][A-Za-z]+", name)}


@pytest.mark.parametrize("file", ["dashboard.tf", "alarms.tf"])
def test_every_metric_is_one_that_aws_or_the_functions_emit(file: str) -> None:
    named = metrics_named((TERRAFORM / file).read_text())
    known = {("Clickstream", name) for name in metrics_counted()}
    known |= {(space, name) for space, names in AWS_METRICS.items() for name in names}
    assert len(named) > 10
    assert named <= known


def test_the_environment_is_one_that_the_functions_know() -> None:
    text = (TERRAFORM / "functions.tf").read_text() + (
        TERRAFORM / "variables_transform.tf"
    ).read_text()
    set_here = set(re.findall(r"\bLAKE_[A-Z_]+\b", text))
    assert set_here == set(names_of(Config))


def names_of(settings: type[Settings]) -> Iterator[str]:
    for field in msgspec.structs.fields(settings):
        group = group_of(field)
        yield from names_of(group) if group else (field.encode_name,)


def test_limits_are_checked_by_the_figures_of_the_code() -> None:
    limits = locals_of("limits.tf")
    own = Limits()
    assert limits["limit_defaults"] == {
        "LAKE_MAX_LINE_BYTES": own.max_line_bytes,
        "LAKE_MAX_OBJECT_BYTES": own.max_object_bytes,
    }
    assert limits["base_memory_mb"] == BASE_MEMORY_BYTES / MIB
    assert limits["memory_per_line_byte"] == MEMORY_PER_LINE_BYTE
    assert limits["tmp_per_object_byte"] == DISK_PER_OBJECT_BYTE
    assert limits["tmp_per_target_byte"] == DISK_PER_TARGET_BYTE
    page = (PROJECT / "docs" / "settings.md").read_text()
    assert f">= {limits['worst_seconds_per_mb']} s for each MB" in page
    assert f"{limits['one_vcpu_mb']} / `transform_memory_mb`" in page
    text = (TERRAFORM / "variables_transform.tf").read_text()
    (most, part) = re.findall(r"min\((\d+), ([\d.]+) \* var\.transform_timeout_seconds\)", text)[0]
    for timeout in (10, 60, 300, 900):
        assert reserved_seconds(timeout) == min(float(most), float(part) * timeout)


def test_the_largest_object_takes_no_longer_than_there_is_time_by_default() -> None:
    limits = locals_of("limits.tf")
    timeout = default_of("transform_timeout_seconds")
    worst = limits["worst_seconds_per_mb"] * Limits().max_object_bytes / 1e6
    assert default_of("transform_memory_mb") == limits["one_vcpu_mb"]
    assert worst <= timeout - reserved_seconds(timeout)


def default_of(variable: str) -> float:
    text = (TERRAFORM / "variables_transform.tf").read_text()
    found = re.search(rf'variable "{variable}" {{[^}}]*default += (\d+)', text)
    assert found is not None
    return float(found[1])


def test_the_catalogs_partition_keys_have_a_firehose_name() -> None:
    parts = locals_of("locals.tf")["timestamp_parts"]
    assert set(parts) == {*load_catalog().partition_keys, "hour"}


def test_the_stream_waits_for_all_that_takes_its_objects_on() -> None:
    text = (TERRAFORM / "firehose.tf").read_text()
    pattern = r'resource "aws_kinesis_firehose_delivery_stream" .*?depends_on = \[(.*?)\]'
    (waits_for,) = re.findall(pattern, text, re.DOTALL)
    assert "aws_lambda_event_source_mapping.function" in waits_for
    assert "aws_s3_bucket_notification.lake" in waits_for


def locals_of(file: str) -> dict[str, Any]:
    blocks = hcl2.loads((TERRAFORM / file).read_text())["locals"]
    return {name: value for block in blocks for name, value in block.items()}

"""The pages about Terraform say what the configuration says."""

import ast
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TERRAFORM = PROJECT / "terraform"

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


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = PROJECT / "docs" / "generate_terraform.py"
    spec = importlib.util.spec_from_file_location("generate_terraform", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_true(generator: ModuleType) -> None:
    written = (PROJECT / "docs" / "terraform.md").read_text()
    assert written == generator.page(), "run `python docs/generate_terraform.py`"


def test_every_variable_has_type_description_and_where_values_can_be_bad_a_validation(
    generator: ModuleType,
) -> None:
    for file in [*TERRAFORM.glob("variables*.tf"), *TERRAFORM.glob("examples/*/*.tf")]:
        for kind, name, body in generator._BLOCK.findall(file.read_text()):
            if kind != "variable":
                continue
            attributes = generator._attributes(body)
            assert attributes.get("type"), name
            assert len(attributes.get("description", "")) > 10, name
            if attributes["type"] != "bool":
                assert "validation {" in body, f"{name} takes any value"


def test_every_output_has_a_description(generator: ModuleType) -> None:
    outputs = generator.items((TERRAFORM / "outputs.tf").read_text(), "output")
    assert len(outputs) > 5
    assert all(len(output.description) > 10 for output in outputs)


def test_every_validation_has_a_test_that_fails_it(generator: ModuleType) -> None:
    tested = (TERRAFORM / "tests" / "validation.tftest.hcl").read_text()
    for file in TERRAFORM.glob("variables*.tf"):
        for kind, name, body in generator._BLOCK.findall(file.read_text()):
            wanted = body.count("validation {") if kind == "variable" else 0
            assert tested.count(f"expect_failures = [var.{name}]") >= wanted, name


def test_a_heredoc_and_a_nested_type_are_read_whole(generator: ModuleType) -> None:
    text = (
        'variable "a" {\n  description = <<-EOT\n    Two\n    lines.\n  EOT\n'
        "  type = map(object({\n    b = optional(number)\n    c = string\n  }))\n"
        "  default = {}\n\n  validation {\n    condition = true\n  }\n}\n"
    )
    (item,) = generator.items(text, "variable")
    assert item.description == "Two lines."
    assert item.type == "map(object({ b = optional(number), c = string }))"
    assert item.default == "{}"


def alarm_kinds() -> set[str]:
    text = (TERRAFORM / "alarms.tf").read_text()
    named = set(re.findall(r'"\$\{key\}-([a-z-]+)" = \{\n +does', text))
    named |= set(re.findall(r"^ +([a-z-]+) = \{\n +does", text, re.MULTILINE))
    named |= set(re.findall(r'alarm_name += "\$\{var\.name\}-\$\{each\.key\}-([a-z-]+)"', text))
    return named


def test_the_runbook_has_a_section_per_alarm_and_none_too_many() -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text()
    alarms, how_to = runbook.split("\n# How to\n")
    assert len(alarm_kinds()) == 15
    assert set(re.findall(r"^## (.+)$", alarms, re.MULTILINE)) == alarm_kinds()
    assert how_to


def test_what_the_runbook_tells_to_set_can_be_set(generator: ModuleType) -> None:
    variables = {
        item.name
        for file in TERRAFORM.glob("variables*.tf")
        for item in generator.items(file.read_text(), "variable")
    }
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
    found |= set(re.findall(r'namespace += "([\w/]+)"\n +metric(?:_name)? += "([\w.]+)"', own))
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
    config = (PROJECT / "src/clickstream_lake/lake/config.py").read_text()
    set_here = set(re.findall(r"\bLAKE_[A-Z_]+\b", text))
    assert set_here == set(re.findall(r'"(LAKE_[A-Z_]+)"', config))


def test_the_catalogs_partition_keys_have_a_firehose_name() -> None:
    catalog = json.loads((PROJECT / "src/clickstream_lake/catalogs/clickstream.json").read_text())
    locals_tf = (TERRAFORM / "locals.tf").read_text()
    parts = re.search(r"timestamp_parts = \{(.*)\}", locals_tf)
    assert parts is not None
    assert {f"{key} =" in parts[1] for key in [*catalog["partition_keys"], "hour"]} == {True}

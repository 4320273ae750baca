import re
from importlib import import_module
from pathlib import Path

import pytest

from clickstream_lake.demo.provision import (
    FIREHOSE_LETTERS,
    FUNCTIONS,
    GUARD_NAME,
    HANDLER,
    QUERIES,
    RESULTS_PREFIX,
    entry_point,
)
from clickstream_lake.lake.layout import Layout
from clickstream_lake.sandbox.runtime.function import Function

ROOT = Path(__file__).parents[3]


def function(name: str, handler: str = HANDLER) -> Function:
    return Function(name, "arn", handler, (), 3, 128)


@pytest.mark.parametrize(("name", "path"), FUNCTIONS.items())
def test_a_function_runs_the_class_that_its_handler_makes(name: str, path: str) -> None:
    module, _, kind = path.rpartition(".")

    assert entry_point(function(f"web-events-{name}")) == path
    assert isinstance(getattr(import_module(module), kind), type)
    handler = (ROOT / "functions" / name / "handler.py").read_text()
    assert f"from {module} import {kind}" in handler
    assert f"handler = {kind}(" in handler


@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("web-events-transform", "cProfile.run"),
        ("web-events-transform", "clickstream_lake.transform.function.TransformFunction"),
        ("web-events-transform", ""),
        ("somebody-elses", HANDLER),
        ("transform-", HANDLER),
    ],
)
def test_a_function_of_another_handler_or_name_is_not_run(name: str, handler: str) -> None:
    assert entry_point(function(name, handler)) is None


def test_what_terraform_alone_says_too_is_said_alike() -> None:
    text = "".join(path.read_text() for path in (ROOT / "terraform").glob("*.tf"))

    letters = re.findall(r"timestamp_parts *= *\{(.*)\}", text)
    assert dict(re.findall(r'(\w+) = "(\w+)"', letters[0])) == FIREHOSE_LETTERS
    assert re.findall(r'errors_prefix *= "\$\{stream.prefix\}(.*)"', text) == [
        Layout().errors_prefix
    ]
    assert re.findall(r'key *= "\$\{each.value.prefix\}(.*)\.\$\{', text) == [GUARD_NAME]
    assert re.findall(r'athena_results_prefix *= "(.*)"', text) == [RESULTS_PREFIX]
    (queries,) = re.findall(r'queries_dir *= "\$\{path.module\}/\.\./(.*)"', text)
    assert ROOT / queries == QUERIES

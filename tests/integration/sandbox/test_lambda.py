import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clickstream_lake.sandbox.runtime.function import Function
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.integration.sandbox.asking import OWN_CODE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Bench

CODE = """
import os, time

print("imported")
calls = 0

def echo(event, context):
    global calls
    calls += 1
    return {
        "event": event,
        "calls": calls,
        "pid": os.getpid(),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(),
        "environment": dict(os.environ),
    }

def fail(event, context):
    raise ValueError("as told")

def sleep(event, context):
    time.sleep(60)

def crash(event, context):
    print("before")
    os._exit(3)

def talk(event, context):
    print("x" * event["bytes"])
    os.write(2, b"to the end\\n")
"""


def invoke(sandbox: Sandbox, name: str, payload: Any = None) -> tuple[Any, str | None]:  # noqa: ANN401 - any JSON
    answer = sandbox.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(payload or {}).encode()
    )
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


@pytest.fixture(scope="module", autouse=True)
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("code")
    (folder / "sandbox_test_handlers.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("SECRET_OF_THE_SHELL", "x")
        yield


def function(bench: "Bench", name: str, **more: Any) -> str:  # noqa: ANN401 - CreateFunction's own
    return bench.function(None, f"sandbox_test_handlers.{name}", **more)


def test_a_handler_runs_in_a_warm_process_of_its_own_with_its_own_environment(
    bench: "Bench",
) -> None:
    name = function(
        bench, "echo", Timeout=30, Environment={"Variables": {"LAKE_BUCKET": "b", "EXTRA": "1"}}
    )

    first, error = invoke(bench.sandbox, name, {"n": 1})
    second, _ = invoke(bench.sandbox, name, {"n": 2})

    assert error is None
    assert first["event"] == {"n": 1}
    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["pid"] == second["pid"]
    assert first["name"] == name
    assert first["arn"].endswith(f":function:{name}")
    assert 25_000 < first["left"] <= 30_000
    assert first["environment"]["LAKE_BUCKET"] == "b"
    assert first["environment"]["AWS_ENDPOINT_URL"] == bench.sandbox.endpoint
    assert first["environment"]["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert "SECRET_OF_THE_SHELL" not in first["environment"]
    assert (bench.sandbox.log_dir / f"{name}.log").read_text() == "imported\n"


def test_a_changed_environment_starts_a_new_process(bench: "Bench") -> None:
    name = function(bench, "echo", Timeout=30)
    first, _ = invoke(bench.sandbox, name)

    bench.client("lambda").update_function_configuration(
        FunctionName=name, Environment={"Variables": {"NEW": "1"}}
    )
    second, _ = invoke(bench.sandbox, name)

    assert second["pid"] != first["pid"]
    assert second["environment"]["NEW"] == "1"


def test_an_exception_is_lambda_s_description_of_it(bench: "Bench") -> None:
    answer, error = invoke(bench.sandbox, function(bench, "fail", Timeout=30))

    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "as told")


def test_a_handler_that_takes_too_long_is_ended(bench: "Bench") -> None:
    answer, error = invoke(bench.sandbox, function(bench, "sleep", Timeout=1))

    assert error == "Unhandled"
    assert answer["errorMessage"] == "Task timed out after 1.00 seconds"


def test_a_process_that_dies_fails_its_invocation_and_the_next_one_gets_a_new_one(
    bench: "Bench",
) -> None:
    name = function(bench, "crash", Timeout=30)

    answers = [invoke(bench.sandbox, name) for _ in range(2)]

    assert [error for _, error in answers] == ["Unhandled", "Unhandled"]
    assert {answer["errorType"] for answer, _ in answers} == {"Runtime.ExitError"}


def test_a_handler_that_cannot_be_imported_says_why(bench: "Bench") -> None:
    answer, error = invoke(bench.sandbox, bench.function(None, f"{OWN_CODE}no_such_module.handler"))

    assert error == "Unhandled"
    assert answer["errorType"] == "ModuleNotFoundError"


def test_a_function_that_is_not_there_is_lambda_s_own_error(bench: "Bench") -> None:
    with pytest.raises(ClientError) as caught:
        invoke(bench.sandbox, "nowhere")

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "handler",
    ["cProfile.run", "os.system", "builtins.exec", "sandbox_other_code.handler", "handler.handler"],
)
def test_a_definition_cannot_name_other_code_than_the_sandbox_was_started_with(
    bench: "Bench", handler: str, tmp_path: "Path"
) -> None:
    name = function(bench, "echo", Timeout=30)
    bench.client("lambda").update_function_configuration(FunctionName=name, Handler=handler)
    planted = tmp_path / "ran"

    answer, error = invoke(bench.sandbox, name, f"open({str(planted)!r}, 'w')")

    assert error == "Unhandled"
    assert answer["errorType"] == "NotRunHereError"
    assert not planted.exists()


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_PRELOAD"])
def test_a_definition_s_variables_cannot_put_other_code_in_its_place(
    bench: "Bench", variable: str, tmp_path: "Path"
) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    for module in ("sandbox_test_handlers", "sitecustomize", "json"):
        (folder / f"{module}.py").write_text("raise SystemExit('planted')")
    value = str(folder / "sitecustomize.py" if variable == "PYTHONSTARTUP" else folder)

    name = function(
        bench, "echo", Timeout=30, Environment={"Variables": {variable: value, "OWN": "1"}}
    )
    answer, error = invoke(bench.sandbox, name)

    assert error is None, answer
    assert answer["environment"][variable] == value
    assert answer["environment"]["OWN"] == "1"
    assert "planted" not in (bench.sandbox.log_dir / f"{name}.log").read_text()
    assert "cannot be preloaded" not in (bench.sandbox.log_dir / f"{name}.log").read_text()


def test_a_function_s_name_is_no_path_of_its_log(bench: "Bench", tmp_path: "Path") -> None:
    definition = bench.client("lambda").get_function_configuration(
        FunctionName=function(bench, "echo", Timeout=30)
    )
    found = Function.from_configuration(
        {**definition, "FunctionName": f"../../../../../../../..{tmp_path}/planted"}
    )

    log = bench.sandbox.functions._log_file(found)

    assert log.parent == bench.sandbox.log_dir
    assert not log.name.startswith("/")


@pytest.mark.parametrize("size", [3, 10_000])
def test_the_end_of_the_log_comes_with_the_answer_if_it_is_asked_for(
    bench: "Bench", size: int
) -> None:
    name = bench.function(handler=f"{OWN_CODE}talk")
    client = bench.client("lambda")
    payload = json.dumps({"bytes": size}).encode()
    answer = client.invoke(FunctionName=name, Payload=payload, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert len(log) == 4096 if size > 4096 else log.startswith("START RequestId: ")
    assert "xxx\nto the end\nEND RequestId: " in log
    assert "\tBilled Duration: " in log
    assert "to the end" in (bench.sandbox.log_dir / f"{name}.log").read_text()
    assert "LogResult" not in client.invoke(FunctionName=name, Payload=payload)


def test_a_crash_leaves_its_log(bench: "Bench") -> None:
    name = bench.function(handler=f"{OWN_CODE}crash")
    answer = bench.client("lambda").invoke(FunctionName=name, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert "before\nEND RequestId" in base64.b64decode(answer["LogResult"]).decode()

"""A function that cannot start is told at once, and not by a queue that never gets empty."""

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.resources import Provision, Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.integration.sandbox.asking import administer

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients

CODE = {
    "starts_healthy": """
import os
print("imported")
def handler(event, context):
    return os.getpid()
""",
    "starts_by_setting": """
import os
class Handler:
    def __init__(self, environ):
        self.bucket = environ["BUCKET"]
    def __call__(self, event, context):
        return {}
""",
    "starts_never": "raise RuntimeError('not on this machine')",
    "starts_exits": "raise SystemExit(3)",
    "starts_hanging": "import time; time.sleep(600)",
}
HEALTHY, BY_SETTING = "starts_healthy.handler", "starts_by_setting.Handler"
NEVER, EXITS, HANGING = "starts_never.handler", "starts_exits.handler", "starts_hanging.handler"


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    for name, text in CODE.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))


# These tests may run any code: it is all theirs.
free = partial(Sandbox, entry_point=lambda function: function.handler)


def functions(
    handlers: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> Provision:
    """Functions by name, and a queue for each of them."""

    def provision(clients: "Clients") -> Resources:
        role = clients.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        for name, handler in handlers.items():
            clients.functions.create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=role["Role"]["Arn"],
                Handler=handler,
                Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
                Environment={"Variables": dict(environment or {})},
            )
            url = clients.sqs.create_queue(QueueName=name)["QueueUrl"]
            attributes = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            clients.functions.create_event_source_mapping(
                EventSourceArn=attributes["Attributes"]["QueueArn"], FunctionName=name
            )
        return Resources()

    return provision


def send(sandbox: Sandbox, queue: str) -> None:
    url = sandbox.clients.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    sandbox.clients.sqs.send_message(QueueUrl=url, MessageBody="{}")


def configure(sandbox: Sandbox, name: str, **environment: str) -> None:
    sandbox.clients.functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": environment}
    )


def refusal(sandbox: Sandbox) -> str:
    with pytest.raises(SandboxError) as caught, sandbox:
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (NEVER, "RuntimeError: not on this machine"),
        (EXITS, "Runtime.ExitError: the process exited during the import"),
        ("no_such_module.handler", "ModuleNotFoundError: No module named 'no_such_module'"),
        (BY_SETTING, "KeyError: 'BUCKET'"),
    ],
)
def test_a_function_that_cannot_start_fails_the_start_with_its_own_words(
    handler: str, reason: str, tmp_path: Path
) -> None:
    provision = functions({"good": HEALTHY, "bad": handler})

    said = refusal(free(provision=provision, directory=tmp_path))

    log = tmp_path / "logs" / "bad.log"
    assert said == f"function bad cannot start: {reason}; its log is {log}"
    assert log.exists()


def test_the_log_has_the_traceback_and_stays_though_its_directory_is_a_temporary_one() -> None:
    said = refusal(free(provision=functions({"bad": NEVER})))

    log = Path(re.findall(r"its log is (.*)$", said)[0])
    assert "starts_never.py" in log.read_text()
    shutil.rmtree(log.parents[1])


def test_the_temporary_directory_of_a_sandbox_that_ended_well_goes() -> None:
    with free(provision=functions({"good": HEALTHY})) as sandbox:
        assert sandbox.log_dir.exists()

    assert not sandbox.log_dir.parent.exists()


def test_a_lake_without_its_settings_says_which_one_is_missing(tmp_path: Path) -> None:
    settings = LakeSettings(environment=(("LAKE_BUCKET", ""),))

    said = refusal(lake_sandbox(provision=by_catalog(settings), directory=tmp_path))

    assert re.match(
        r"function clickstream-events-\w+ cannot start: ConfigError: .*LAKE_BUCKET", said, re.DOTALL
    )


def test_an_import_that_hangs_is_given_up(tmp_path: Path) -> None:
    provision = functions({"bad": HANGING})

    said = refusal(free(provision=provision, directory=tmp_path, start_seconds=0.5))

    assert "Sandbox.InitTimeout: the handler's import takes longer than 0.5 seconds" in said


def test_one_that_fails_does_not_wait_for_one_that_hangs(tmp_path: Path) -> None:
    provision = functions({"hanging": HANGING, "bad": NEVER})
    began = time.monotonic()

    said = refusal(free(provision=provision, directory=tmp_path, start_seconds=300))

    assert "function bad cannot start" in said
    assert time.monotonic() - began < 150


def test_the_workers_of_the_start_serve_the_first_invocations(tmp_path: Path) -> None:
    provision = functions({"one": HEALTHY, "two": HEALTHY})
    with free(provision=provision, directory=tmp_path) as sandbox:
        logs = [sandbox.log_dir / "one.log", sandbox.log_dir / "two.log"]
        pids = {
            json.loads(sandbox.functions.invoke(name, b"{}").payload)
            for name in ("one", "two", "one", "two")
        }

        assert [log.read_text() for log in logs] == ["imported\n", "imported\n"]
    assert len(pids) == 2


def test_handlers_of_this_process_start_nothing(tmp_path: Path) -> None:
    provision = functions({"bad": NEVER})
    with Sandbox(provision=provision, directory=tmp_path, handlers={"x.y": print}) as sandbox:
        assert not list(sandbox.log_dir.iterdir())


@pytest.fixture
def later(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose one function has just lost a setting, and a message for it."""
    provision = functions({"f": BY_SETTING}, {"BUCKET": "b"})
    with free(provision=provision, directory=tmp_path) as sandbox:
        sandbox.wait_idle()
        configure(sandbox, "f")
        send(sandbox, "f")
        yield sandbox


def test_a_function_that_can_no_longer_start_ends_the_waiting_with_the_reason(
    later: Sandbox,
) -> None:
    with pytest.raises(SandboxError, match="function f cannot start: KeyError: 'BUCKET'; its log"):
        later.wait_idle(timeout=300)


def test_who_waits_over_http_hears_the_reason_too(later: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        administer(later, "wait-idle")

    with caught.value as answer:
        assert answer.code == 409
        assert "cannot start: KeyError" in json.loads(answer.read())["message"]


def test_a_function_that_was_mended_is_waited_for_again(later: Sandbox) -> None:
    with pytest.raises(SandboxError):
        later.wait_idle()

    configure(later, "f", BUCKET="b")

    later.check()
    assert not later.functions.invoke("f", b"{}").failed


def test_a_start_that_failed_once_and_then_did_not_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with free(provision=functions({"f": HEALTHY}), directory=tmp_path) as sandbox:
        configure(sandbox, "f", NEW="1")
        with monkeypatch.context() as patch:
            patch.setattr(sandbox.functions, "_start_seconds", 0.0)
            assert sandbox.functions.invoke("f", b"{}").failed
        with pytest.raises(SandboxError, match="longer than 0 seconds"):
            sandbox.check()

        assert not sandbox.functions.invoke("f", b"{}").failed
        sandbox.check()

"""Fixes, while a sandbox runs, of differences between moto and AWS that users notice.

Each fix replaces attributes of moto's own classes and puts them back at the end. What a pipeline
notices:

- SQS under several threads. moto's queues are plain lists: a delete that races with a send loses
  the message, and two receivers can get the same one of a FIFO group. One lock makes each
  operation whole; waiting for messages happens outside it.
- FIFO queues. Of two messages of a group that both came back, moto hands out the later one first.
- Event source mappings. moto itself would consume a message as soon as it arrives and hand it to
  a Lambda container. The sandbox has pollers of its own (`event_source.py`).
- Queue policies. moto drops a queue's policy whenever another attribute is set: a client that set
  it, such as Terraform, waits for it forever.
- Alarms. moto says of a new one that all is well; AWS, that it knows nothing yet.
- Filters of Glue partitions, of which moto takes some: `partition_filter.py`.
- Speed. moto lists its own directory with every request.
- HTML. moto says that its JSON is HTML, and answers with pages where it has no answer.
- Other origins. moto lets the pages of any of them read its answers (CORS).
- S3 keys with a line feed, which moto's routes do not see.
- Limits (`moto_limits.py`), and Lake Formation's defaults and opt-ins (`lake_formation.py`).
- S3 event keys. S3 leaves the slash as it is (`raw/year%3D2025/…`), but moto encodes it.

What only Terraform notices:

- SQS forgets `RedriveAllowPolicy`, keeps policies that were taken away as empty texts, and spells
  `RedrivePolicy` with spaces: the provider waits forever, or sees drift.
- S3 reads a statement that denies plain HTTP as one that denies everything. The sandbox speaks
  plain HTTP inside one machine; here that counts as TLS.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

from flask import Flask, Response
from moto import backends
from moto.cloudwatch.models import Alarm
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.glue import utils
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.moto_server import werkzeug_app
from moto.moto_server.utilities import RegexConverter
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3 import notifications
from moto.sqs.models import Queue, SQSBackend, sqs_backends

from clickstream_lake.sandbox.cloudwatch.sources import QueuedMessage, messages_in
from clickstream_lake.sandbox.lake_formation import lake_formation
from clickstream_lake.sandbox.moto_limits import moto_limits
from clickstream_lake.sandbox.partition_filter import PartitionFilter

_POLL_SECONDS = 0.05

# Every public operation that reads or changes a queue's messages.
_SQS_OPERATIONS = (
    "send_message",
    "delete_message",
    "change_message_visibility",
    "purge_queue",
)
_QUEUES = threading.RLock()
_PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}


@contextmanager
def moto_fixes() -> Iterator[threading.Event]:
    """Fix moto until the context ends.

    Yields:
        An event that, once set, ends all waiting for messages.
    """
    ending = threading.Event()
    with ExitStack() as stack:
        for fix in (*_for_pipelines(ending), *_for_terraform(), *moto_limits(), *lake_formation()):
            stack.enter_context(fix)
        yield ending


def messages_of(url: str, region: str) -> list[tuple[str, str | None]]:
    """Body and group of each message that a queue holds, whoever has received it; in their order.

    Receiving them would hide them. A queue that is not there holds none.
    """
    with _QUEUES:
        queue = sqs_backends[DEFAULT_ACCOUNT_ID][region].queues.get(url.rpartition("/")[2])
        waiting = queue._messages if queue else []  # noqa: SLF001 - no other access
        return [(message.body, message.group_id) for message in waiting]


def queued_messages() -> dict[str, list[QueuedMessage]]:
    """By name, what each queue holds in every region."""
    with _QUEUES:
        return {
            name: list(messages_in(queue))
            for backend in sqs_backends[DEFAULT_ACCOUNT_ID].values()
            for name, queue in backend.queues.items()
        }


def open_service(name: Any) -> Flask:  # noqa: ANN401 - moto's own literal
    """The application of one of moto's services, which raises what it would make HTML of."""
    app = create_backend_app(name)
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    return app


def _for_pipelines(ending: threading.Event) -> Iterator[AbstractContextManager[object]]:
    for name in _SQS_OPERATIONS:
        yield patch.object(SQSBackend, name, _locked(getattr(SQSBackend, name), _QUEUES))
    receive = _receive_outside_lock(SQSBackend.receive_message, _QUEUES, ending)
    yield patch.object(SQSBackend, "receive_message", receive)
    no_mappings = property(_no_mappings, _ignore)
    yield patch.object(Queue, "lambda_event_source_mappings", no_mappings, create=True)
    yield patch.object(notifications, "quote_plus", _quote_key)
    set_attributes = _keep_policy(Queue._set_attributes)  # noqa: SLF001 - no other access
    yield patch.object(Queue, "_set_attributes", set_attributes)
    yield patch.object(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
    yield patch.object(Response, "default_mimetype", None)
    yield patch.object(werkzeug_app, "RegexConverter", _AnyCharacter)
    yield patch.object(Alarm, "__init__", _not_yet_known(Alarm.__init__))
    yield patch.object(utils, "PartitionFilter", PartitionFilter)
    modules = tuple(backends.list_of_moto_modules())
    yield patch.object(backends, "list_of_moto_modules", lambda: modules)


def _for_terraform() -> Iterator[AbstractContextManager[object]]:
    yield patch.object(Queue, "redrive_allow_policy", None, create=True)
    names = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    yield patch.object(Queue, "BASE_ATTRIBUTES", names)
    yield patch.object(
        Queue, "attributes", property(_as_aws_spells_them(vars(Queue)["attributes"].fget))
    )
    permitted = _over_tls(IAMPolicyStatement.is_action_permitted)
    yield patch.object(IAMPolicyStatement, "is_action_permitted", permitted)


class _AnyCharacter(RegexConverter):
    """Parts of routes whose `.` is any character, a line feed too."""

    def __init__(self, url_map: Any, *items: Any) -> None:  # noqa: ANN401 - passes moto's own types through
        super().__init__(url_map, *items)
        self.regex = f"(?s:{self.regex})"


def _locked(operation: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    def whole(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes moto's own types through
        with lock:
            return operation(*args, **kwargs)

    return whole


def _receive_outside_lock(
    receive: Callable[..., Any], lock: threading.RLock, ending: threading.Event
) -> Callable[..., Any]:
    def waiting(
        backend: SQSBackend,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        *args: Any,  # noqa: ANN401 - passes moto's own types through
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            with lock:
                pending = backend.get_queue(queue_name).pending_messages
                pending -= {message for message in pending if message.visible}
                messages = receive(backend, queue_name, count, 0, *args, **kwargs)
            if messages or time.monotonic() >= deadline or ending.wait(_POLL_SECONDS):
                return messages

    return waiting


def _keep_policy(set_attributes: Callable[..., None]) -> Callable[..., None]:
    def keeping(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        if "Policy" not in attributes and hasattr(queue, "_policy_json"):
            attributes = attributes | {"Policy": queue.policy}
        set_attributes(queue, attributes, now)

    return keeping


def _not_yet_known(initialise: Callable[..., None]) -> Callable[..., None]:
    def initialised(alarm: Alarm, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passes moto's own types through
        initialise(alarm, *args, **kwargs)
        alarm.state_value = "INSUFFICIENT_DATA"

    return initialised


def _no_mappings(queue: Queue) -> dict[str, Any]:
    del queue
    return {}


def _ignore(queue: Queue, value: object) -> None:
    del queue, value


def _quote_key(key: str) -> str:
    return quote_plus(key, safe="/")


def _as_aws_spells_them(attributes: Callable[..., Any]) -> Callable[..., Any]:
    def spelled(queue: Any) -> dict[str, Any]:  # noqa: ANN401 - moto's types
        found = {
            name: value for name, value in attributes(queue).items() if value not in ("", None)
        }
        if "RedrivePolicy" in found:
            policy = json.loads(found["RedrivePolicy"])
            found["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
        return found

    return spelled


def _over_tls(is_action_permitted: Callable[..., Any]) -> Callable[..., Any]:
    def permitted(statement: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - moto's types
        if statement._statement.get("Condition") == _PLAIN_HTTP:  # noqa: SLF001 - no other access
            return PermissionResult.NEUTRAL
        return is_action_permitted(statement, *args, **kwargs)

    return permitted

"""Where moto differs from AWS in ways that a pipeline notices: mended while a sandbox runs.

Each fix replaces attributes of moto's own classes and puts them back at the end. They are:

- SQS under several threads. moto's queues are plain lists: a delete that races with a send loses
  the message, and two receivers can get the same one of a FIFO group. One lock makes each
  operation whole; waiting for messages happens outside it.
- Event source mappings. moto itself would consume a message as soon as it arrives and hand it to
  a Lambda container. The sandbox has pollers of its own (`event_source.py`).
- Queue policies. moto drops a queue's policy with every other attribute that is set: whoever set
  it, Terraform for one, waits for it for ever.
- Speed. moto lists its own directory with every request.
- S3 event keys. S3 leaves the slash as it is (`raw/year%3D2025/…`), moto encodes it, too.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

from moto import backends
from moto.s3 import notifications
from moto.sqs.models import Queue, SQSBackend

_POLL_SECONDS = 0.05

# Every public operation that reads or changes a queue's messages.
_SQS_OPERATIONS = (
    "send_message",
    "delete_message",
    "change_message_visibility",
    "purge_queue",
)


@contextmanager
def moto_fixes() -> Iterator[threading.Event]:
    """Mend moto until the context ends.

    Yields:
        An event that, once set, ends all waiting for messages.
    """
    lock = threading.RLock()
    ending = threading.Event()
    with ExitStack() as stack:
        for name in _SQS_OPERATIONS:
            operation = getattr(SQSBackend, name)
            stack.enter_context(patch.object(SQSBackend, name, _locked(operation, lock)))
        receive = _receive_outside_lock(SQSBackend.receive_message, lock, ending)
        stack.enter_context(patch.object(SQSBackend, "receive_message", receive))
        stack.enter_context(
            patch.object(
                Queue, "lambda_event_source_mappings", property(_no_mappings, _ignore), create=True
            )
        )
        stack.enter_context(patch.object(notifications, "quote_plus", _quote_key))
        stack.enter_context(
            patch.object(Queue, "_set_attributes", _keep_policy(Queue._set_attributes))  # noqa: SLF001 - no other access
        )
        modules = tuple(backends.list_of_moto_modules())
        stack.enter_context(patch.object(backends, "list_of_moto_modules", lambda: modules))
        yield ending


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


def _no_mappings(queue: Queue) -> dict[str, Any]:
    del queue
    return {}


def _ignore(queue: Queue, value: object) -> None:
    del queue, value


def _quote_key(key: str) -> str:
    return quote_plus(key, safe="/")

"""One execution environment: a process that imports a handler once and serves invocations.

It is started by `service.py` with one end of a pipe, and calls the handler as Lambda's runtime
does: JSON in, JSON out, an exception becomes an error. What the handler prints goes to its log
file with the process's own standard output and error.
"""

import importlib
import io
import json
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickstream_lake.sandbox.runtime.function import Context

if TYPE_CHECKING:
    from clickstream_lake.sandbox.runtime.function import Function


Handler = Callable[[Any, Any], Any]


class NotRunHereError(Exception):
    """Whoever started the sandbox has not named this function's code."""


def load_handler(path: str) -> Handler:
    """Import a handler by Lambda's notation, `package.module.name`.

    A class is built from the environment first: its instance is the handler.

    Raises:
        NotRunHereError: the path is empty.
    """
    if not path:
        raise NotRunHereError(
            "its handler is none that this sandbox was started with; the name in a function's "
            "definition alone is not imported"
        )
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    handler: Handler = found(os.environ) if isinstance(found, type) else found
    return handler


def call_handler(
    handler: Handler, function: "Function", payload: bytes, request_id: str
) -> tuple[bytes, bool]:
    """The handler's answer as JSON, and whether it is the description of an error."""
    context = Context(
        function_name=function.name,
        invoked_function_arn=function.arn,
        aws_request_id=request_id,
        memory_limit_in_mb=function.memory_mb,
        deadline=time.monotonic() + function.timeout,
    )
    try:
        return json.dumps(handler(json.loads(payload), context)).encode(), False
    except Exception as error:  # noqa: BLE001 - Lambda turns every exception into an answer
        traceback.print_exc()
        return describe_error(error), True


def describe_error(error: BaseException) -> bytes:
    """An exception as Lambda describes it."""
    return json.dumps(
        {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
    ).encode()


def serve(connection: Connection) -> None:
    """Answer invocations until the other end is closed."""
    function: Function = connection.recv()
    # Set only now: from the start, PYTHONPATH or LD_PRELOAD of a definition would choose the code.
    os.environ.update(function.environment)
    try:
        handler = load_handler(function.handler)
    except Exception as error:  # noqa: BLE001 - a handler that cannot be imported is an answer too
        traceback.print_exc()
        connection.send((describe_error(error), True))
        return
    connection.send(None)
    while True:
        try:
            payload, request_id, log = connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return
        with _printing_to(log):
            answer = call_handler(handler, function, payload, request_id)
        connection.send(answer)


@contextmanager
def _printing_to(log: str) -> Iterator[None]:
    """What the process prints goes to this file meanwhile; as always, if there is none."""
    usual = [(number, os.dup(number)) for number in (1, 2)] if log else []
    try:
        if log:
            with Path(log).open("ab") as sink:
                for number, _ in usual:
                    os.dup2(sink.fileno(), number)
        yield
    finally:
        sys.stdout.flush()
        for number, kept in usual:
            os.dup2(kept, number)
            os.close(kept)


if __name__ == "__main__":
    # Ctrl-C ends the sandbox, and the sandbox ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a crash does not take the log along
    serve(Connection(int(sys.argv[1])))

"""Call one handler as Lambda's runtime does: JSON in, JSON out, an exception becomes an error."""

import importlib
import json
import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clickstream_lake.sandbox.runtime.context import Context

if TYPE_CHECKING:
    from clickstream_lake.sandbox.runtime.function import Function

Handler = Callable[[Any, Any], Any]


def load_handler(path: str) -> Handler:
    """Import a handler by Lambda's notation, `package.module.name`.

    A class is built from the environment first: its instance is the handler.
    """
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

"""The functions' AWS calls, marked by who makes them, and with a read timeout in the test's scale.

What runs is the real handler. A header tells the sandbox's front whose call it is and which process
to kill. Botocore's mode and attempts stay; only 60 s of silence are too long to wait for here.
"""

import os
from typing import Any, Final

import boto3
from botocore.config import Config

from clickstream_lake.lake.aws import clients

READ_TIMEOUT: Final = "CLICKSTREAM_SOAK_READ_TIMEOUT"
HEADER: Final = "X-Soak-Caller"


def mark(function: str) -> None:
    """Mark all further AWS calls of this process as those of `function`."""
    caller = f"{function} {os.getpid()}"

    def add(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's prepared request
        request.headers[HEADER] = caller

    boto3.setup_default_session()
    assert boto3.DEFAULT_SESSION is not None
    boto3.DEFAULT_SESSION.events.register("before-send", add)
    timeout = Config(read_timeout=float(os.environ[READ_TIMEOUT]))
    vars(clients)["CLIENT_CONFIG"] = clients.CLIENT_CONFIG.merge(timeout)

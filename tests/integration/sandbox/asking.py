"""What tests ask a sandbox beside the calls of boto3, and how they sign it."""

import http.client
import json
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clickstream_lake.sandbox.sandbox import Sandbox

OWN_CODE = "sandbox_test_handlers."
"""What handlers begin with that the bench's sandbox may run in processes of their own."""


def signed(sandbox: Sandbox, service: str, access_key_id: str = "") -> dict[str, str]:
    """The headers that make any request one of whoever has the access key id."""
    request = AWSRequest("GET", sandbox.endpoint)
    keys = Credentials(access_key_id or sandbox.clients.credentials.access_key_id, "any")
    SigV4Auth(keys, service, sandbox.clients.region).add_auth(request)
    return {"Authorization": request.headers["Authorization"]}


def administer(sandbox: Sandbox, path: str) -> Any:  # noqa: ANN401 - any JSON
    """What a POST under `/_sandbox/` answers."""
    request = urllib.request.Request(  # noqa: S310 - our own endpoint
        f"{sandbox.endpoint}/_sandbox/{path}", method="POST", headers=signed(sandbox, "sandbox")
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own endpoint
        return json.loads(answer.read())


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request that was written byte by byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    sandbox: Sandbox,
    first_line: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    ends: bool = True,
) -> Answer:
    """Send just these bytes, and say that there are no more; a Host is added if there is none."""
    address = urlsplit(sandbox.endpoint)
    given = {"Host": address.netloc} | dict(headers or {})
    lines = [f"{first_line} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    with socket.create_connection((str(address.hostname), int(address.port or 0)), 30) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        if ends:
            wire.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(wire, method=first_line.split(maxsplit=1)[0])
        answer.begin()
        return Answer(answer.status, dict(answer.headers), answer.read())

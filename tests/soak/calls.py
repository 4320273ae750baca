"""What an HTTP request to the sandbox is: whose call, of which service, about what."""

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote_plus

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SERVICE: Final = re.compile(r"/(\w+)/aws4_request")
_OF_SLOT: Final = re.compile(
    r"(?:processed|manifests)/(json|parquet)/(?:compacted/)?((?:\w+=[^/]+/)*)"
)
_POLLING: Final = frozenset({"ReceiveMessage", "DeleteMessageBatch"})

EVENTS: Final = "events"
"""The caller that is not a function: Lambda's event source."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        caller: "transform", "compact", "events", or empty for everybody else's.
        pid: the function's process; 0 where there is none.
        service: "s3", "sqs" or "glue".
        key: the S3 key or prefix; empty for other services.
        body: the request's; empty for everybody else's.
    """

    caller: str
    pid: int
    service: str
    operation: str
    key: str
    body: bytes

    @property
    def payload(self) -> Any:  # noqa: ANN401 - the services' own JSON
        """The body of a call of a JSON service."""
        return json.loads(self.body or b"{}")

    @property
    def partition(self) -> str:
        """Format and partition that it is about, as far as the call says so."""
        if self.service == "s3":
            found = _OF_SLOT.match(self.key)
            return f"{found[1]} {found[2].rstrip('/')}" if found else ""
        payload = self.payload
        values = payload.get("PartitionValues") or payload.get("PartitionValueList")
        values = values or (payload.get("PartitionInput") or {}).get("Values") or []
        return f"{payload.get('TableName') or payload.get('Name') or ''} {'-'.join(values)}"


def read_call(environ: "WSGIEnvironment") -> Call:
    """Read a request, and leave its body in place for whoever answers it."""
    found = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
    service = found[1] if found else ""
    caller, _, pid = environ.get("HTTP_X_SOAK_CALLER", "").partition(" ")
    key, operation = "", environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if service == "s3":
        key, operation = _s3(environ)
    polling = service == "sqs" and operation in _POLLING
    body = b""
    if caller or polling:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
    # Nobody but the event source receives from the queues, and only an operator from dead letters.
    if polling and not caller and b"-dead" not in body:
        caller = EVENTS
    return Call(caller, int(pid or 0), service, operation, key, body)


def _s3(environ: "WSGIEnvironment") -> tuple[str, str]:
    """Key or prefix, and operation."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    key = environ["PATH_INFO"].removeprefix("/").partition("/")[2]
    method = environ["REQUEST_METHOD"]
    if method == "GET" and "list-type" in query:
        return query.get("prefix", [""])[0], "ListObjectsV2"
    if method == "POST" and "delete" in query:
        return key, "DeleteObjects"
    if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return key, "CopyObject"
    return key, f"{method.title()}Object"


def raw_key(body: str) -> str:
    """The raw object that an S3 notification is about; empty for any other message."""
    event = json.loads(body)
    records = event.get("Records") or [{}]
    key = records[0].get("s3", {}).get("object", {}).get("key", "")
    return unquote_plus(key)


def subject(body: str) -> str:
    """What a message of the compact queue is about."""
    message = json.loads(body)
    return f"{message.get('format', '')} {message.get('partition', '')}"

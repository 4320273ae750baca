"""Which AWS protocol a request speaks, and an error in that protocol's own words."""

import re
import uuid
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from clickstream_lake.sandbox.errors import ApiError

_SIGNED: Final = re.compile(r"AWS4-\S+ +Credential=([^/,\s]+)/[^/]+/([^/]+)/([^/]+)/aws4_request")
_SIGNED_V2: Final = re.compile(r"AWS ([^:\s]+):")
_REGION: Final = "us-east-1"
_JSON: Final = "application/x-amz-json-1.1"
_REST_JSON: Final = re.compile(r"/20\d\d-\d\d-\d\d/|/schedules")
_S3_ERROR: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
)
_QUERY_ERROR: Final = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    "</Error><RequestId>{id}</RequestId></ErrorResponse>"
)
_REFUSED: Final = {
    "s3": ("InvalidAccessKeyId", 403, "AccessDenied"),
    "query": ("InvalidClientTokenId", 403, "MissingAuthenticationToken"),
    "rest-json": ("UnrecognizedClientException", 403, "MissingAuthenticationTokenException"),
    "json": ("UnrecognizedClientException", 400, "MissingAuthenticationTokenException"),
}
"""By protocol: the error for an unknown access key id, its status, and the error for none."""


def access_key_of(environ: "WSGIEnvironment") -> str:
    """The access key id that a request names: in its header, or in the query of a presigned URL."""
    authorization: str = environ.get("HTTP_AUTHORIZATION", "")
    if found := _SIGNED.match(authorization) or _SIGNED_V2.match(authorization):
        return str(found[1])
    text: str = environ.get("QUERY_STRING", "")
    query = parse_qs(text)
    if credential := query.get("X-Amz-Credential"):
        return credential[0].partition("/")[0]
    return query.get("AWSAccessKeyId", [""])[0]


def region_of(environ: "WSGIEnvironment") -> str:
    """The region that a request is signed for."""
    found = _SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
    return str(found[2]) if found else _REGION


def protocol_of(environ: "WSGIEnvironment") -> str:
    """One of "s3", "json", "rest-json" and "query"."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    found = _SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
    if found and found[3] == "s3":
        return "s3"
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    if found or _REST_JSON.match(environ.get("PATH_INFO", "")):
        return "rest-json"
    return "s3"


def refuse_stranger(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """AWS's answer to who has no access key id, or one that does not exist."""
    unknown, status, missing = _REFUSED[protocol_of(environ)]
    if access_key_of(environ):
        what = "The access key id that you provided is not the one that this sandbox printed."
        return send_error(environ, start_response, unknown, what, status)
    what = "Anonymous requests are refused: use the credentials that the sandbox printed."
    return send_error(environ, start_response, missing, what, 403)


def answer_error(
    environ: "WSGIEnvironment", start_response: "StartResponse", error: "ApiError"
) -> Iterable[bytes]:
    """An error in the request's own protocol."""
    return send_error(environ, start_response, error.code, error.message, error.status)


def send_error(
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    code: str,
    message: str,
    status: int,
) -> Iterable[bytes]:
    """An error in the request's own protocol."""
    protocol = protocol_of(environ)
    if protocol in {"json", "rest-json"}:
        content = {"__type": code, "message": message, "Message": message}
        return send_json(start_response, status, content, [("x-amzn-ErrorType", code)])
    form = _S3_ERROR if protocol == "s3" else _QUERY_ERROR
    text = form.format(code=escape(code), message=escape(message), id=uuid.uuid4())
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else text.encode()
    return send(start_response, status, body, "application/xml")


def send_json(
    start_response: "StartResponse",
    status: int,
    content: dict[str, Any] | None,
    headers: Sequence[tuple[str, str]] = (),
) -> Iterable[bytes]:
    """An answer in JSON; None is an empty one."""
    body = b"" if content is None else msgspec.json.encode(content)
    return send(start_response, status, body, _JSON, headers)


def send(
    start_response: "StartResponse",
    status: int,
    body: bytes,
    content_type: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Iterable[bytes]:
    """An answer with the headers that all of AWS's have."""
    start_response(
        f"{status} {HTTPStatus(status).phrase}",
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
            *headers,
        ],
    )
    return [body]

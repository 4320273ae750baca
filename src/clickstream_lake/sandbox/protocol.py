"""Which AWS protocol a request speaks, and an error in that protocol's own words."""

import re
import uuid
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec

from clickstream_lake.sandbox.errors import ApiError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

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
_EC2_ERROR: Final = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>{id}</RequestID></Response>"
)
_XML: Final = {"s3": _S3_ERROR, "query": _QUERY_ERROR, "rest-xml": _QUERY_ERROR, "ec2": _EC2_ERROR}
# Where what else a request shows is not enough.
_BY_SERVICE: Final = {
    "s3": "s3",
    "s3-object-lambda": "s3",
    "s3-outposts": "s3",
    "s3express": "s3",
    "ec2": "ec2",
    "cloudfront": "rest-xml",
    "route53": "rest-xml",
}
_CBOR: Final = "rpc-v2-cbor"
_REFUSED: Final = {
    "s3": ("InvalidAccessKeyId", 403, "AccessDenied"),
    "query": ("InvalidClientTokenId", 403, "MissingAuthenticationToken"),
    "ec2": ("AuthFailure", 401, "MissingAuthenticationToken"),
    "rest-xml": ("InvalidClientTokenId", 403, "MissingAuthenticationToken"),
    "rest-json": ("UnrecognizedClientException", 403, "MissingAuthenticationTokenException"),
    "cbor": ("UnrecognizedClientException", 400, "MissingAuthenticationTokenException"),
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


def service_of(environ: "WSGIEnvironment") -> str:
    """The service that a request is signed for, `s3` where it is not signed in its header."""
    found = _SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
    return str(found[3]) if found else "s3"


def protocol_of(environ: "WSGIEnvironment") -> str:
    """One of "s3", "json", "cbor", "query", "ec2", "rest-json" and "rest-xml"."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    if environ.get("HTTP_SMITHY_PROTOCOL") == _CBOR:
        return "cbor"
    signed = _SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
    if signed and signed[3] in _BY_SERVICE:
        return _BY_SERVICE[str(signed[3])]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return "rest-json" if signed or _REST_JSON.match(environ.get("PATH_INFO", "")) else "s3"


def refuse_stranger(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """AWS's answer to who has no access key id, or one that does not exist."""
    unknown, status, missing = _REFUSED[protocol_of(environ)]
    if access_key_of(environ):
        what = "The access key id that you provided is not the one that this sandbox printed."
        return answer_error(environ, start_response, ApiError(unknown, what, status))
    what = "Anonymous requests are refused: use the credentials that the sandbox printed."
    return answer_error(environ, start_response, ApiError(missing, what, 403))


def answer_error(
    environ: "WSGIEnvironment", start_response: "StartResponse", error: ApiError
) -> Iterable[bytes]:
    """An error in the request's own protocol."""
    protocol = protocol_of(environ)
    known = error.request_id or str(uuid.uuid4())
    if protocol == "cbor":
        kind, headers = "application/cbor", [("smithy-protocol", _CBOR)]
        said = ("__type", error.code, "message", error.message)
        body = b"\xa2" + b"".join(map(_cbor_text, said))
    elif protocol in {"json", "rest-json"}:
        kind, headers = _JSON, [("x-amzn-ErrorType", error.code)]
        content = {"__type": error.code, "message": error.message, "Message": error.message}
        body = msgspec.json.encode(content)
    else:
        kind, headers = "application/xml", []
        body = (
            _XML[protocol]
            .format(code=escape(error.code), message=escape(error.message), id=known)
            .encode()
        )
    if environ["REQUEST_METHOD"] == "HEAD":
        body = b""
    return send(start_response, error.status, body, kind, headers, request_id=known)


def _cbor_text(text: str) -> bytes:
    """A string in CBOR (RFC 8949): major type 3, with its length in bytes in four of them."""
    encoded = text.encode()
    return b"\x7a" + len(encoded).to_bytes(4, "big") + encoded


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
    *,
    request_id: str = "",
) -> Iterable[bytes]:
    """An answer with the headers that all of AWS's have."""
    start_response(
        f"{status} {HTTPStatus(status).phrase}",
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", request_id or str(uuid.uuid4())),
            *headers,
        ],
    )
    return [body]

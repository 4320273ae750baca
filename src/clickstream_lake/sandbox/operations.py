"""Which operation of which AWS service a request asks for, in IAM's spelling: `glue:SearchTables`.

Most protocols say it. Of REST's, botocore's description of the service knows it by method and path.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, parse_qsl

from botocore.exceptions import UnknownServiceError
from botocore.session import get_session

from clickstream_lake.sandbox.protocol import protocol_of, service_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from botocore.model import OperationModel

# IAM's prefix, where requests are signed under another name.
_PREFIXES: Final = {"monitoring": "cloudwatch"}
# Whose operations are described with another service's.
_DESCRIBED: Final = {"s3-object-lambda": "s3"}
_RPC_PATH: Final = re.compile(r"/service/[^/]+/operation/(\w+)")
_FIELD: Final = re.compile(r"\\{(\w+)(\\\+)?\\}")
# moto looks at no more of these than what comes before them: it would take the request for another
# one, and delete, create or overwrite a bucket or an object.
_S3_UNKNOWN: Final = {
    "abac": {"GET", "PUT"},
    "analytics": {"GET", "PUT", "DELETE"},
    "annotation": {"GET", "PUT", "DELETE"},
    "intelligent-tiering": {"GET", "PUT", "DELETE"},
    "inventory": {"DELETE"},
    "metadataAnnotationTable": {"PUT"},
    "metadataConfiguration": {"GET", "POST", "DELETE"},
    "metadataInventoryTable": {"PUT"},
    "metadataJournalTable": {"PUT"},
    "metadataTable": {"GET", "POST", "DELETE"},
    "metrics": {"GET", "PUT", "DELETE"},
    "renameObject": {"PUT"},
    "requestPayment": {"GET", "PUT"},
    "retention": {"GET"},
    "session": {"GET"},
    "torrent": {"GET"},
}


class _Route(NamedTuple):
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    headers: frozenset[str]
    operation: str


def operation_of(environ: "WSGIEnvironment") -> str:
    """Name the service and its operation; of a REST API that is not known, method and path."""
    service = _PREFIXES.get(service_of(environ), service_of(environ))
    path: str = environ.get("PATH_INFO", "")
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return f"{service}:{target.rpartition('.')[2]}"
    if found := _RPC_PATH.fullmatch(path):
        return f"{service}:{found[1]}"
    if protocol_of(environ) in {"query", "ec2"}:
        return f"{service}:{_action(environ)}"
    asked = _query(environ)
    for route in _routes(_DESCRIBED.get(service, service)):
        if (
            route.method == environ["REQUEST_METHOD"]
            and route.query <= asked
            and route.headers <= environ.keys()
            and route.path.fullmatch(path)
        ):
            return f"{service}:{route.operation}"
    return f"{service}:{environ['REQUEST_METHOD']} {path}"


def mistaken_by_moto(environ: "WSGIEnvironment") -> bool:
    """Whether moto would take a request to S3 for another one."""
    if service_of(environ) in _DESCRIBED:
        return True
    if not environ.get("QUERY_STRING") or protocol_of(environ) != "s3":
        return False
    method = environ["REQUEST_METHOD"]
    names = _query(environ)
    if "encryption" in names and method == "PUT":
        path: str = environ.get("PATH_INFO", "")
        return "/" in path.strip("/")  # of an object
    return any(method in _S3_UNKNOWN.get(name, ()) for name in names)


def _query(environ: "WSGIEnvironment") -> set[str]:
    query: str = environ.get("QUERY_STRING", "")
    return {name for name, _ in parse_qsl(query, keep_blank_values=True)}


def _action(environ: "WSGIEnvironment") -> str:
    environ["wsgi.input"].seek(0)  # who looked for an answer has read it
    body: bytes = environ["wsgi.input"].read()
    return parse_qs(body.decode("utf-8", "replace")).get("Action", ["?"])[0]


@cache
def _routes(service: str) -> Sequence[_Route]:
    """All operations of a REST API, those first whose paths say most."""
    try:
        model = get_session().get_service_model(service)
    except UnknownServiceError:
        return ()
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        pattern = _FIELD.sub(lambda field: ".+" if field[2] else "[^/]+", re.escape(path))
        fixed = {part.partition("=")[0] for part in query.split("&") if part}
        routes.append(
            _Route(
                operation.http["method"],
                re.compile(f"(?s:{pattern})/?"),
                frozenset(fixed | _required(operation, "querystring")),
                frozenset(
                    f"HTTP_{header.upper().replace('-', '_')}"
                    for header in _required(operation, "header")
                ),
                name,
            )
        )
    return sorted(
        routes,
        key=lambda route: (len(route.query) + len(route.headers), len(route.path.pattern)),
        reverse=True,
    )


def _required(operation: "OperationModel", place: str) -> set[str]:
    """The names, on the wire, of the parameters that a request has in its query or its headers."""
    shape = operation.input_shape
    if shape is None:
        return set()
    members = (shape.members[name].serialization for name in shape.required_members)
    return {member["name"] for member in members if member.get("location") == place}

"""The sandbox's HTTP side: a server on the loopback interface, and who answers which request.

What moto lacks is answered by the sandbox's own parts, and moto answers the rest. An AWS API in
the JSON protocol plugs in with an object that has `handles(target)` and `call(target, payload)`,
such as `sandbox.athena.api.AthenaApi`. Firehose's data plane and Lambda's Invoke have routes of
their own: the first because its bodies are large, the second because it is a REST API.
"""

import json
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import msgspec
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from clickstream_lake.sandbox.errors import ApiError, SandboxError
from clickstream_lake.sandbox.firehose import FIREHOSE_TARGET, Firehose

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from clickstream_lake.sandbox.runtime.service import LambdaService


HOST = "127.0.0.1"
_SHUTDOWN_POLL_SECONDS = 0.05
ADMIN_PATH = "/_sandbox/"
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_CREDENTIAL_REGION = re.compile(r"Credential=[^/]+/[^/]+/([^/]+)/")
_DEFAULT_REGION = "us-east-1"
_REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 404: "Not Found"}


class JsonApi(Protocol):
    """An AWS API that answers in place of moto's."""

    def handles(self, target: str) -> bool:
        """Whether this `X-Amz-Target` is one of its operations."""

    def call(self, target: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer, or raise an ApiError."""


Admin = Callable[[str], dict[str, Any]]
"""Answers a POST or GET under `/_sandbox/`; raises KeyError if the name is unknown."""


class Router:
    """Routes each request to the part that answers it."""

    def __init__(
        self,
        moto: "WSGIApplication",
        *,
        firehose: Firehose,
        functions: "LambdaService",
        apis: Sequence[JsonApi] = (),
        admin: Admin,
    ) -> None:
        """Put the parts in front of `moto`."""
        self._moto = moto
        self._firehose = firehose
        self._functions = functions
        self._apis = apis
        self._admin = admin
        # moto checks a condition and then acts on it. Without this, two conditional puts to one
        # key could both succeed, as could two creations of one Glue partition.
        self._write_lock = threading.Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        path = environ.get("PATH_INFO", "")
        operation = target.removeprefix(FIREHOSE_TARGET)
        if operation != target and self._firehose.handles(operation):
            return self._json(
                start_response,
                lambda: self._firehose.call(operation, _region(environ), _body(environ)),
            )
        api = next((each for each in self._apis if each.handles(target)), None)
        if api is not None:
            call = api.call
            return self._json(
                start_response, lambda: call(target, json.loads(_body(environ) or b"{}"))
            )
        if path.startswith(ADMIN_PATH):
            return self._administer(path.removeprefix(ADMIN_PATH), environ, start_response)
        invoked = _INVOKE.fullmatch(path)
        if invoked and environ["REQUEST_METHOD"] == "POST":
            return self._invoke(unquote(invoked[1]), environ, start_response)
        if environ["REQUEST_METHOD"] in {"PUT", "POST", "DELETE"} and _changes_state(environ):
            with self._write_lock:
                return self._moto(environ, start_response)
        return self._moto(environ, start_response)

    def _json(
        self, start_response: "StartResponse", answer: Callable[[], dict[str, Any]]
    ) -> Iterable[bytes]:
        try:
            return _reply(start_response, 200, answer())
        except ApiError as error:
            content = {"__type": error.code, "message": error.message, "Message": error.message}
            return _reply(start_response, error.status, content, [("x-amzn-ErrorType", error.code)])

    def _administer(
        self, name: str, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        _body(environ)
        try:
            return _reply(start_response, 200, self._admin(name))
        except KeyError:
            return _reply(start_response, 404, {"message": f"no such thing: {name}"})
        except SandboxError as error:
            return _reply(start_response, 500, {"message": str(error)})

    def _invoke(
        self, name: str, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        payload = _body(environ) or b"{}"
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")

        try:
            if kind == "DryRun":
                self._functions.find(name)
                return _reply(start_response, 204, None)
            if kind == "Event":
                self._functions.find(name)
                work = threading.Thread(
                    target=self._functions.invoke, args=(name, payload), daemon=True
                )
                work.start()
                return _reply(start_response, 202, None)
            outcome = self._functions.invoke(name, payload)
        except ApiError as error:
            content = {"Type": "User", "Message": error.message}
            return _reply(start_response, error.status, content, [("x-amzn-ErrorType", error.code)])
        headers = [("X-Amz-Executed-Version", "$LATEST")]
        if outcome.failed:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        return _send(start_response, 200, outcome.payload, "application/json", headers)


def _changes_state(environ: "WSGIEnvironment") -> bool:
    """Whether the request could take part in a check-then-act race inside moto.

    Receiving from SQS may wait for messages and must not block others; SQS has its own lock.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    return "/sqs/aws4_request" not in authorization


def _body(environ: "WSGIEnvironment") -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    content: bytes = environ["wsgi.input"].read(length)
    return content


def _region(environ: "WSGIEnvironment") -> str:
    found = _CREDENTIAL_REGION.search(environ.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else _DEFAULT_REGION


def _reply(
    start_response: "StartResponse",
    status: int,
    content: dict[str, Any] | None,
    headers: Sequence[tuple[str, str]] = (),
) -> Iterable[bytes]:
    body = b"" if content is None else msgspec.json.encode(content)
    return _send(start_response, status, body, "application/x-amz-json-1.1", headers)


def _send(
    start_response: "StartResponse",
    status: int,
    body: bytes,
    content_type: str,
    headers: Sequence[tuple[str, str]],
) -> Iterable[bytes]:
    start_response(
        f"{status} {_REASONS.get(status, 'Error')}",
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
            *headers,
        ],
    )
    return [body]


class _QuietHandler(MotoRequestHandler):
    """Serves without a line per request, and keeps connections open as AWS does."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Log nothing."""


class Server:
    """Serves one WSGI application until it is stopped."""

    def __init__(self, application: "WSGIApplication", port: int = 0) -> None:
        """Bind the port; 0 takes a free one.

        Raises:
            SandboxError: the port is taken.
        """
        try:
            listening = socket.create_server((HOST, port), backlog=128)
        except OSError:
            raise SandboxError(
                f"port {port} is in use: is another sandbox running? Choose another with --port"
            ) from None
        # Given a taken port, Werkzeug would complain in its own words; so it gets the socket.
        with listening:
            self._server = make_server(
                HOST,
                port,
                application,
                threaded=True,
                request_handler=_QuietHandler,
                fd=listening.fileno(),
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(_SHUTDOWN_POLL_SECONDS,),
            name="sandbox-http",
            daemon=True,
        )

    @property
    def endpoint(self) -> str:
        """The base URL for AWS clients."""
        return f"http://{HOST}:{self._server.port}"

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()

    def close(self) -> None:
        """Release the port."""
        self._server.server_close()

"""The sandbox's HTTP side: a server on the loopback interface, and who answers which request.

What moto lacks is answered by the sandbox's own parts, and moto answers the rest. An AWS API in
the JSON protocol plugs in with an object that has `handles(target)` and `call(target, payload)`,
such as `sandbox.athena.api.AthenaApi`. Firehose's data plane and Lambda's Invoke have routes of
their own: the first because its bodies are large, the second because it is a REST API.
"""

import base64
import io
import json
import logging
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote
from xml.parsers.expat import ExpatError

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.serving import make_server

from clickstream_lake.sandbox.errors import ApiError, SandboxError
from clickstream_lake.sandbox.firehose import FIREHOSE_TARGET, Firehose
from clickstream_lake.sandbox.operations import mistaken_by_moto, operation_of
from clickstream_lake.sandbox.protocol import (
    answer_error,
    protocol_of,
    region_of,
    send,
    send_json,
    service_of,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from clickstream_lake.sandbox.runtime.service import LambdaService


HOST = "127.0.0.1"
_SHUTDOWN_POLL_SECONDS = 0.05
ADMIN_PATH = "/_sandbox/"
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_ACCOUNT = re.compile(r"/2016-08-19/account-settings/?")
_ASKS = ("Get", "BatchGet", "List", "Describe", "Search")
# A status that clients take for an answer: they would send any other one of a server's again, and
# wait some seconds, to no end.
_NEVER_RETRIED = 501
_LOG_TAIL = 4096  # bytes of a log that Invoke gives back
# A client that sends nothing for so long is given up, as S3 does.
_SILENCE_SECONDS = 60
_LOG = logging.getLogger(__name__)


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
        apis_of: Callable[[str], Sequence[JsonApi]],
        admin: Admin,
    ) -> None:
        """Put the parts in front of `moto`; each region has APIs of its own."""
        self._moto = _Moto(moto)
        self._firehose = firehose
        self._functions = functions
        self._apis_of = apis_of
        self._admin = admin
        # Who holds it sees all of moto's state as of one moment.
        self.writes = self._moto.writes

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        try:
            return self._answer(environ, start_response)
        except HTTPException as error:
            if not isinstance(error, NotFound | MethodNotAllowed):
                return error.get_response()(environ, start_response)  # moto's own
            return answer_error(environ, start_response, _as_aws(error, environ))
        except Exception as error:  # noqa: BLE001 - a client is to hear of it in its own protocol
            return answer_error(environ, start_response, _as_aws(error, environ))

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        path = environ.get("PATH_INFO", "")
        operation = target.removeprefix(FIREHOSE_TARGET)
        if operation != target and self._firehose.handles(operation):
            answer = self._firehose.call(operation, region_of(environ), _body(environ))
            return send_json(start_response, 200, answer)
        apis = self._apis_of(region_of(environ)) if target else ()
        api = next((each for each in apis if each.handles(target)), None)
        if api is not None:
            return send_json(start_response, 200, api.call(target, _json_object(_body(environ))))
        if path.startswith(ADMIN_PATH):
            return self._administer(path.removeprefix(ADMIN_PATH), start_response)
        if _ACCOUNT.fullmatch(path) and environ["REQUEST_METHOD"] == "GET":
            return send_json(start_response, 200, self._functions.account_settings())
        invoked = _INVOKE.fullmatch(path)
        if invoked and environ["REQUEST_METHOD"] == "POST":
            return self._invoke(unquote(invoked[1]), environ, start_response)
        return self._moto(environ, start_response)

    def _administer(self, name: str, start_response: "StartResponse") -> Iterable[bytes]:
        try:
            return send_json(start_response, 200, self._admin(name))
        except KeyError:
            return send_json(start_response, 404, {"message": f"no such thing: {name}"})
        except (SandboxError, BotoCoreError, ClientError) as error:
            # What was asked for does not fit what the lake is doing; trying again as it is does not
            # help, which is what a client would take a 500 for.
            return send_json(start_response, 409, {"message": str(error)})

    def _invoke(
        self, name: str, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        payload = _body(environ) or b"{}"
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        try:
            json.loads(payload)
        except ValueError as error:
            reason = f"Could not parse request body into json: {error}"
            raise ApiError("InvalidRequestContentException", reason) from None
        if kind == "DryRun":
            self._functions.find(name)
            return send_json(start_response, 204, None)
        if kind == "Event":
            self._functions.find(name)
            work = threading.Thread(
                target=self._functions.invoke, args=(name, payload), daemon=True
            )
            work.start()
            return send_json(start_response, 202, None)
        tail = environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail"
        outcome = self._functions.invoke(name, payload, tail=tail)
        headers = [("X-Amz-Executed-Version", "$LATEST")]
        if tail:
            last = base64.b64encode(outcome.log[-_LOG_TAIL:]).decode()
            headers.append(("X-Amz-Log-Result", last))
        if outcome.failed:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        return send(start_response, 200, outcome.payload, "application/json", headers)


class _Moto:
    """moto, asked for what it knows, and by one client at a time where it could mix them up."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application
        # moto checks a condition and then acts on it. Without this, two conditional puts to one
        # key could both succeed, as could two creations of one Glue partition.
        self.writes = threading.Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request, or raise NotImplementedError if moto has no answer to it."""
        if mistaken_by_moto(environ):
            raise NotImplementedError
        if "HTTP_X_AMZ_TARGET" in environ:
            body = _body(environ)
            _json_object(body)
            environ["wsgi.input"] = io.BytesIO(body)
        if _changes_state(environ):
            with self.writes:
                return self._ask(environ, start_response)
        if service_of(environ) == "sqs":  # receiving waits for messages; SQS has a lock of its own
            return self._ask(environ, start_response)
        again = environ.copy()
        try:
            return self._ask(environ, start_response)
        except (NotImplementedError, ImportError, HTTPException):
            raise
        except Exception:  # noqa: BLE001 - whatever comes of a state that is changed meanwhile
            again["wsgi.input"].seek(0)
            with self.writes:
                return self._ask(again, start_response)

    def _ask(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer: tuple[Any, ...] = ()

        def hear(*given: Any) -> Any:  # noqa: ANN401 - WSGI's own
            nonlocal answer
            answer = given
            return _never_written

        body = self._application(environ, hear)
        status, headers = answer[:2]
        is_empty = dict(headers).get("Content-Length") == "0"
        if status.startswith("404") and is_empty and environ["REQUEST_METHOD"] != "HEAD":
            raise NotImplementedError  # what it says of a path that it does not know
        start_response(*answer)
        return body


def _never_written(data: bytes) -> None:
    """WSGI's old way to send a body, which moto does not use."""


def _as_aws(error: Exception, environ: "WSGIEnvironment") -> ApiError:
    """What a client sees of an error; one that nobody expected is logged, too."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ExpatError):
        return ApiError("MalformedXML", f"The XML you provided is not well-formed: {error}")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return ApiError("SerializationException", str(error))
    operation = operation_of(environ)
    if isinstance(error, NotImplementedError | ImportError | HTTPException):
        return ApiError("NotImplemented", f"{operation} is not in the sandbox", _NEVER_RETRIED)
    request_id = str(uuid.uuid4())
    _LOG.error("%s failed, request %s", operation, request_id, exc_info=error)
    code = "InternalError" if protocol_of(environ) == "s3" else "InternalFailure"
    reason = f"the sandbox cannot answer {operation}: {type(error).__name__}: {error}"
    return ApiError(code, reason, _NEVER_RETRIED, request_id)


def _changes_state(environ: "WSGIEnvironment") -> bool:
    """Whether the request could take part in a check-then-act race inside moto.

    Receiving from SQS may wait for messages and must not block others; SQS has its own lock.
    """
    if environ["REQUEST_METHOD"] not in {"PUT", "POST", "DELETE", "PATCH"}:
        return False
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return not operation.startswith(_ASKS) and service_of(environ) != "sqs"


def _body(environ: "WSGIEnvironment") -> bytes:
    """The body, which the door has read already."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return content


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError("SerializationException", str(error)) from None


class _QuietHandler(MotoRequestHandler):
    """Serves without a line per request, and keeps connections open as AWS does."""

    protocol_version = "HTTP/1.1"
    timeout = _SILENCE_SECONDS

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

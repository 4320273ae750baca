"""The HTTP server of the sandbox: werkzeug in a thread, on the loopback interface only."""

import threading
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from clickstream_lake.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"

_SHUTDOWN_POLL_SECONDS = 0.05


class _QuietHandler(MotoRequestHandler):
    """Serves without a line per request, and keeps connections open as AWS does."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""


class Server:
    """Serves one WSGI application until it is stopped."""

    def __init__(self, application: "WSGIApplication", port: int = 0) -> None:
        """Bind the port; 0 takes a free one.

        Raises:
            SandboxError: the port is taken.
        """
        try:
            self._server = make_server(
                HOST, port, application, threaded=True, request_handler=_QuietHandler
            )
        except (OSError, SystemExit):
            raise SandboxError(
                f"port {port} is in use: is another sandbox running? Choose another with --port"
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(_SHUTDOWN_POLL_SECONDS,),
            name="sandbox-http",
            daemon=True,
        )

    @property
    def endpoint(self) -> str:
        """The base URL for AWS clients."""
        return f"http://{HOST}:{self._server.server_port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()

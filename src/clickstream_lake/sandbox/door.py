"""Who may come in: what stands in front of everything that the sandbox answers.

Listening on the loopback interface keeps out other machines, but neither the pages of a browser on
this one nor its other users. So a request is refused

- unless its Host is a name of the loopback interface: a page whose own name was made to mean
  127.0.0.1 (DNS rebinding) sends that name;
- if a browser sends it for a page of another origin;
- unless it names the sandbox's access key id, which is random. The signature is not looked at.

Only then its body is read, as whole as it is sent.
"""

import hmac
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from clickstream_lake.sandbox.body import received
from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.protocol import (
    access_key_of,
    answer_error,
    refuse_stranger,
    send,
    send_json,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEALTH_PATH: Final = "/_sandbox/health"
# With a port or not. Names under localhost are for buckets: every resolver keeps them here.
_LOOPBACK: Final = re.compile(
    r"(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9_-]+\.)*localhost)(?::[0-9]+)?", re.IGNORECASE
)
# What a browser says of a request that another page has made; a user's own has "none".
_OF_ANOTHER_PAGE: Final = frozenset({"cross-site", "same-site"})


class Door:
    """Lets requests through to an application, or refuses them."""

    def __init__(
        self, application: "WSGIApplication", access_key_id: str, state: Callable[[], str]
    ) -> None:
        """Guard `application`.

        Args:
            application: gets what is let through, with its body read.
            access_key_id: who names it may come in.
            state: what anybody on this machine may know: whether the sandbox is ready.
        """
        self._application = application
        self._access_key_id = access_key_id.encode()
        self._state = state

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        reason = _refusal(environ)
        if reason:
            return send(start_response, 403, f"{reason}\n".encode(), "text/plain")
        if environ.get("PATH_INFO") == HEALTH_PATH:
            return send_json(start_response, 200, {"state": self._state()})
        named = access_key_of(environ).encode("utf-8", "replace")
        if not hmac.compare_digest(named, self._access_key_id):
            return refuse_stranger(environ, start_response)
        try:
            with received(environ):
                return self._application(environ, start_response)
        except ApiError as error:
            return answer_error(environ, start_response, error)


def _refusal(environ: "WSGIEnvironment") -> str:
    """Why a request is refused whoever sends it; empty if it is not."""
    host = environ.get("HTTP_HOST", "")
    if not _LOOPBACK.fullmatch(host):
        return (
            "The sandbox answers to 127.0.0.1, localhost and names under localhost, and not to "
            f"the Host {host!r}."
        )
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return f"The sandbox answers no page of another origin: {origin!r}."
    if environ.get("HTTP_SEC_FETCH_SITE", "none").lower() in _OF_ANOTHER_PAGE:
        return "The sandbox answers no request that another page makes."
    return ""

"""A request's body, read whole and checked before anything is done with it, as AWS does.

It is read outside of every lock, into memory and from a mebibyte on into a temporary file: a client
that stalls holds up nobody else. What S3's clients wrap in `aws-chunked` is unwrapped here.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Final

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.protocol import protocol_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PIECE: Final = 1024 * 1024
# What AWS takes at once is 5 GiB; the sandbox keeps it in memory. Parts of an upload count each.
_MOST_S3: Final = 1024**3
_MOST: Final = 100 * 1024**2  # a function's archive is the largest
_LINE: Final = 8 * 1024
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*)?\r\n")
_TRAILER: Final = re.compile(rb"([A-Za-z0-9-]+): *([^\r\n]*)\r?\n")
_STREAMING: Final = "STREAMING-"


def _crc32(body: IO[bytes]) -> bytes:
    value = 0
    while piece := body.read(_PIECE):
        value = zlib.crc32(piece, value)
    return value.to_bytes(4, "big")


# Those that Python computes by itself; others are taken on trust.
_CHECKSUMS: Final[dict[str, Callable[[IO[bytes]], bytes]]] = {
    "x-amz-checksum-crc32": _crc32,
    "x-amz-checksum-sha1": lambda body: hashlib.file_digest(body, "sha1").digest(),  # type: ignore[arg-type]  # typeshed asks for more than is used
    "x-amz-checksum-sha256": lambda body: hashlib.file_digest(body, "sha256").digest(),  # type: ignore[arg-type]  # the same
}


@contextmanager
def received(environ: "WSGIEnvironment") -> Iterator[None]:
    """Read the body, and put what it is into its place, for as long as the context is open.

    Raises:
        ApiError: it is not what its headers say, or too large.
    """
    s3 = protocol_of(environ) == "s3"
    wraps = s3 and environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith(_STREAMING)
    with SpooledTemporaryFile(_PIECE) as sent, SpooledTemporaryFile(_PIECE) as unwrapped:
        body, size = sent, _read(environ, sent, s3=s3)
        sent.seek(0)
        if wraps:
            body, size = unwrapped, _unwrap(sent, unwrapped, environ)
            unwrapped.seek(0)
        environ["wsgi.input"] = body
        environ["CONTENT_LENGTH"] = str(size)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.pop("wsgi.input_terminated", None)
        yield


def _read(environ: "WSGIEnvironment", sink: IO[bytes], *, s3: bool) -> int:
    source, most = environ["wsgi.input"], _MOST_S3 if s3 else _MOST
    try:
        if environ.get("wsgi.input_terminated"):
            # The server takes off HTTP's own chunks, and ends the input where they end.
            return _copy_to_end(source, sink, most, s3=s3)
        size = _length(environ, most, s3=s3)
        if _copy(source, sink, size) != size:
            raise _incomplete(s3=s3)
    except TimeoutError:
        raise ApiError(
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the "
            "timeout period. Idle connections will be closed.",
        ) from None
    return size


def _length(environ: "WSGIEnvironment", most: int, *, s3: bool) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    if not _DIGITS.fullmatch(text):
        raise _malformed("The Content-Length is not a number of bytes.", s3=s3)
    if int(text) > most:
        raise _too_large(most, s3=s3)
    return int(text)


def _copy(source: IO[bytes], sink: IO[bytes], size: int) -> int:
    copied = 0
    while copied < size and (piece := source.read(min(_PIECE, size - copied))):
        copied += sink.write(piece)
    return copied


def _copy_to_end(source: IO[bytes], sink: IO[bytes], most: int, *, s3: bool) -> int:
    copied = 0
    try:
        while piece := source.read(_PIECE):
            copied += sink.write(piece)
            if copied > most:
                raise _too_large(most, s3=s3)
    except TimeoutError:
        raise
    except (OSError, ValueError):  # the server's words for chunks that are none
        raise _incomplete(s3=s3) from None
    return copied


def _unwrap(wrapped: IO[bytes], body: IO[bytes], environ: "WSGIEnvironment") -> int:
    """Take off `aws-chunked`: sizes, signatures, and the trailer with its checksum."""
    announced = environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH", "")
    if not announced:
        raise ApiError(
            "MissingContentLength", "You must provide the Content-Length HTTP header.", 411
        )
    if not _DIGITS.fullmatch(announced):
        raise _malformed("The x-amz-decoded-content-length is not a number of bytes.", s3=True)
    size = 0
    while chunk := _chunk_size(wrapped):
        size += _copy(wrapped, body, chunk)
        if wrapped.read(2) != b"\r\n":
            raise _incomplete(s3=True)
    if size != int(announced):
        raise _incomplete(s3=True)
    _check_trailer(_trailer(wrapped), body, environ)
    environ["HTTP_X_AMZ_CONTENT_SHA256"] = "UNSIGNED-PAYLOAD"
    encodings = environ.get("HTTP_CONTENT_ENCODING", "").split(",")
    kept = [each.strip() for each in encodings if each.strip() not in {"", "aws-chunked"}]
    environ.pop("HTTP_CONTENT_ENCODING", None)
    if kept:
        environ["HTTP_CONTENT_ENCODING"] = ",".join(kept)
    return size


def _chunk_size(wrapped: IO[bytes]) -> int:
    line = wrapped.readline(_LINE)
    if not line.endswith(b"\n"):
        raise _incomplete(s3=True)
    found = _CHUNK.fullmatch(line)
    if not found:
        raise _malformed("A chunk of the body does not begin with its size.", s3=True)
    return int(found[1], 16)


def _trailer(wrapped: IO[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := wrapped.readline(_LINE)) not in {b"", b"\r\n", b"\n"}:
        match = _TRAILER.fullmatch(line)
        if not match:
            raise _malformed_trailer()
        found[match[1].decode().lower()] = match[2].decode("latin-1").strip()
    return found


def _check_trailer(trailer: dict[str, str], body: IO[bytes], environ: "WSGIEnvironment") -> None:
    """See that what was announced is there and right, and hand it on as a header."""
    announced = environ.pop("HTTP_X_AMZ_TRAILER", "")
    for name in filter(None, (each.strip().lower() for each in announced.split(","))):
        if name not in trailer:
            raise _malformed_trailer()
        value = trailer[name]
        if name in _CHECKSUMS:
            body.seek(0)
            if base64.b64encode(_CHECKSUMS[name](body)).decode() != value:
                kind = name.rpartition("-")[2].upper()
                raise ApiError(
                    "BadDigest",
                    f"The {kind} you specified did not match the calculated checksum.",
                )
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value


def _incomplete(*, s3: bool) -> ApiError:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header."
    return ApiError("IncompleteBody" if s3 else "SerializationException", message)


def _malformed(message: str, *, s3: bool) -> ApiError:
    return ApiError("InvalidRequest" if s3 else "SerializationException", message)


def _malformed_trailer() -> ApiError:
    return ApiError(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema.",
    )


def _too_large(most: int, *, s3: bool) -> ApiError:
    message = f"The sandbox takes {most:,} bytes at once; larger objects go in parts."
    if s3:
        return ApiError("EntityTooLarge", message)
    return ApiError("RequestEntityTooLargeException", message, 413)

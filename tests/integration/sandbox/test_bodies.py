"""Bodies that are not what their headers say: AWS's errors, no change, and nobody is held up."""

import base64
import hashlib
import json
import re
import socket
import threading
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clickstream_lake.sandbox import server
from tests.integration.sandbox.asking import Answer, ask, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Bench

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CRC32 = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
SHA256 = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
GOOD = b"5;chunk-signature=aa\r\nhello\r\n0;chunk-signature=bb\r\n\r\n"
BROKEN = {
    b"": "IncompleteBody",
    b"5": "IncompleteBody",
    b"5;chunk-signature=aa\r\n": "IncompleteBody",
    b"5;chunk-signature=aa\r\nhel": "IncompleteBody",
    b"5;chunk-signature=aa\r\nhello": "IncompleteBody",
    b"5;chunk-signature=aa\r\nhello\r\n": "IncompleteBody",
    b"5;chunk-signature=aa\r\nhelloXX0;\r\n\r\n": "IncompleteBody",
    b"4;chunk-signature=aa\r\nhell\r\n0;chunk-signature=bb\r\n\r\n": "IncompleteBody",
    b"6;chunk-signature=aa\r\nhello!\r\n0;chunk-signature=bb\r\n\r\n": "IncompleteBody",
    b"ffffffffff;chunk-signature=aa\r\nhello\r\n0;\r\n\r\n": "IncompleteBody",
    b"zz;chunk-signature=aa\r\nhello\r\n0;\r\n\r\n": "InvalidRequest",
    b"-5;chunk-signature=aa\r\nhello\r\n0;\r\n\r\n": "InvalidRequest",
    b"+5;chunk-signature=aa\r\nhello\r\n0;\r\n\r\n": "InvalidRequest",
    b"0x5;chunk-signature=aa\r\nhello\r\n0;\r\n\r\n": "InvalidRequest",
    b" 5;chunk-signature=aa\r\nhello\r\n0;\r\n\r\n": "InvalidRequest",
    b"5\nhello\r\n0\r\n\r\n": "InvalidRequest",
    b"\r\nhello": "InvalidRequest",
    b"hello\r\n": "InvalidRequest",
    b"00000000000000000005\r\nhello\r\n0\r\n\r\n": "InvalidRequest",
    b"5" * 20_000: "IncompleteBody",
}
LENGTHS = ["abc", "-1", "+1", "1.0", "0x1", "1 1", "1e3", "9" * 30, "5, 5", "\u00b2"]
JSON_CALLS = {
    "firehose": "Firehose_20150804.PutRecord",
    "athena": "AmazonAthena.StartQueryExecution",
    "glue": "AWSGlue.GetTable",
    "sqs": "AmazonSQS.ListQueues",
    "kms": "TrentService.ListKeys",
}
NO_JSON_OBJECTS = [b'{"a', b"\xff", b"[]", b"null", b'"x"', b"{}{}", b"{'a':1}", b"[" * 5_000]


@pytest.fixture(scope="module")
def bucket(bench: "Bench") -> str:
    return bench.bucket()


@pytest.fixture
def key(bench: "Bench") -> str:
    return bench.name("key")


def error(answer: Answer) -> str:
    """The error's code, by whichever protocol; never a page of HTML."""
    assert b"<html" not in answer.body.lower()
    assert b"Traceback" not in answer.body
    if answer.body.startswith(b"{"):
        content = json.loads(answer.body)
        assert content["message"]
        return str(content["__type"])
    found = re.search(rb"<Code>(\w+)</Code>", answer.body)
    assert found, answer
    return found[1].decode()


def put(bench: "Bench", bucket: str, key: str, body: bytes, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = signed(bench.sandbox, "s3") | {"Content-Length": str(len(body))} | given
    return ask(bench.sandbox, f"PUT /{bucket}/{key}", sent, body)


def put_chunks(bench: "Bench", bucket: str, key: str, body: bytes, **headers: str) -> Answer:
    usual = {
        "Content_Encoding": "aws-chunked",
        "x_amz_content_sha256": SIGNED_CHUNKS,
        "x_amz_decoded_content_length": "5",
    }
    return put(bench, bucket, key, body, **usual | headers)


def test_whole_chunks_are_the_body_that_is_in_them(bench: "Bench", bucket: str, key: str) -> None:
    answer = put_chunks(bench, bucket, key, GOOD, Content_Encoding="gzip,aws-chunked")

    assert answer.status == 200
    assert bench.read(bucket, key) == b"hello"
    head = bench.client("s3").head_object(Bucket=bucket, Key=key)
    assert head["ContentEncoding"] == "gzip"


@pytest.mark.parametrize(("body", "code"), BROKEN.items())
def test_broken_chunks_are_refused_and_nothing_is_stored(
    bench: "Bench", bucket: str, key: str, body: bytes, code: str
) -> None:
    answer = put_chunks(bench, bucket, key, body)

    assert (answer.status, error(answer)) == (400, code)
    assert key not in bench.keys(bucket)


@pytest.mark.parametrize("cut", range(len(GOOD) - 2))
def test_chunks_that_end_early_are_refused_wherever_they_end(
    bench: "Bench", bucket: str, key: str, cut: int
) -> None:
    answer = put_chunks(bench, bucket, key, GOOD[:cut])

    assert (answer.status, error(answer)) == (400, "IncompleteBody")
    assert key not in bench.keys(bucket)


@pytest.mark.parametrize("length", ["abc", "-5", ""])
def test_a_decoded_length_that_is_none_is_refused(
    bench: "Bench", bucket: str, key: str, length: str
) -> None:
    answer = put_chunks(bench, bucket, key, GOOD, x_amz_decoded_content_length=length)

    assert answer.status in {400, 411}
    assert error(answer) in {"InvalidRequest", "MissingContentLength"}
    assert key not in bench.keys(bucket)


@pytest.mark.parametrize(
    ("name", "value"), [("x-amz-checksum-crc32", CRC32), ("x-amz-checksum-sha256", SHA256)]
)
def test_a_trailer_s_checksum_is_held_against_the_body(
    bench: "Bench", bucket: str, key: str, name: str, value: str
) -> None:
    def trailed(checksum: str) -> Answer:
        body = f"5\r\nhello\r\n0\r\n{name}:{checksum}\r\n\r\n".encode()
        kind = {"x_amz_content_sha256": TRAILED_CHUNKS, "x_amz_trailer": name}
        return put_chunks(bench, bucket, key, body, **kind)

    wrong = trailed(value[::-1])
    assert (wrong.status, error(wrong)) == (400, "BadDigest")
    assert key not in bench.keys(bucket)

    assert trailed(value).status == 200
    assert bench.read(bucket, key) == b"hello"


@pytest.mark.parametrize(
    "trailer", [b"", b"\r\n", b"x-amz-checksum-sha1:x\r\n\r\n", b"nonsense\r\n\r\n", b": x\r\n\r\n"]
)
def test_a_trailer_that_was_announced_has_to_be_there(
    bench: "Bench", bucket: str, key: str, trailer: bytes
) -> None:
    kind = {"x_amz_content_sha256": TRAILED_CHUNKS, "x_amz_trailer": "x-amz-checksum-crc32"}

    answer = put_chunks(bench, bucket, key, b"5\r\nhello\r\n0\r\n" + trailer, **kind)

    assert (answer.status, error(answer)) == (400, "MalformedTrailerError")
    assert key not in bench.keys(bucket)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_content_length_that_is_none_is_refused(
    bench: "Bench", bucket: str, key: str, length: str
) -> None:
    answer = put(bench, bucket, key, b"hello", Content_Length=length)

    assert answer.status == 400
    assert error(answer) in {"InvalidRequest", "EntityTooLarge"}
    assert key not in bench.keys(bucket)


@pytest.mark.parametrize("target", JSON_CALLS)
def test_json_services_say_it_in_their_own_words(bench: "Bench", target: str) -> None:
    headers = signed(bench.sandbox, target) | {"X-Amz-Target": JSON_CALLS[target]}

    answer = ask(bench.sandbox, "POST /", headers | {"Content-Length": "abc"})

    assert (answer.status, error(answer)) == (400, "SerializationException")


def test_a_body_shorter_than_announced_is_not_stored(bench: "Bench", bucket: str, key: str) -> None:
    answer = put(bench, bucket, key, b"hel", Content_Length="5")

    assert (answer.status, error(answer)) == (400, "IncompleteBody")
    assert key not in bench.keys(bucket)


@pytest.mark.parametrize(
    ("length", "code"), [(1024**3 + 1, "EntityTooLarge"), (10**15, "EntityTooLarge")]
)
def test_a_body_beyond_the_bound_is_refused_before_it_is_read(
    bench: "Bench", bucket: str, key: str, length: int, code: str
) -> None:
    answer = put(bench, bucket, key, b"", Content_Length=str(length))

    assert (answer.status, error(answer)) == (400, code)
    assert key not in bench.keys(bucket)


def test_other_services_have_a_bound_of_their_own(bench: "Bench") -> None:
    headers = signed(bench.sandbox, "glue") | {"X-Amz-Target": JSON_CALLS["glue"]}

    answer = ask(bench.sandbox, "POST /", headers | {"Content-Length": str(101 * 1024**2)})

    assert (answer.status, error(answer)) == (413, "RequestEntityTooLargeException")


def test_who_stays_silent_is_given_up(
    bench: "Bench", bucket: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server._QuietHandler, "timeout", 0.3)
    headers = signed(bench.sandbox, "s3") | {"Content-Length": "5"}

    answer = ask(bench.sandbox, f"PUT /{bucket}/{key}", headers, b"hel", ends=False)

    assert (answer.status, error(answer)) == (400, "RequestTimeout")
    assert key not in bench.keys(bucket)


def test_http_s_own_chunks_are_taken_and_broken_ones_refused(
    bench: "Bench", bucket: str, key: str
) -> None:
    headers = signed(bench.sandbox, "s3") | {"Transfer-Encoding": "chunked"}

    def chunked(body: bytes) -> Answer:
        return ask(bench.sandbox, f"PUT /{bucket}/{key}", headers, body)

    for broken in (b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhel", b"5\r\nhelloXX", b"-5\r\nhello\r\n"):
        answer = chunked(broken)
        assert (answer.status, error(answer)) == (400, "IncompleteBody")
        assert key not in bench.keys(bucket)
    assert chunked(b"5\r\nhello\r\n0\r\n\r\n").status == 200
    assert bench.read(bucket, key) == b"hello"


@pytest.mark.parametrize("body", NO_JSON_OBJECTS)
@pytest.mark.parametrize("service", JSON_CALLS)
def test_what_is_no_json_object_is_a_serialization_exception(
    bench: "Bench", service: str, body: bytes
) -> None:
    headers = signed(bench.sandbox, service) | {
        "X-Amz-Target": JSON_CALLS[service],
        "Content-Type": "application/x-amz-json-1.1",
        "Content-Length": str(len(body)),
    }

    answer = ask(bench.sandbox, "POST /", headers, body)

    assert (answer.status, error(answer)) == (400, "SerializationException")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"{}{}"])
def test_a_rest_service_says_so_too(bench: "Bench", body: bytes) -> None:
    headers = signed(bench.sandbox, "lambda") | {"Content-Length": str(len(body))}
    function = f"{bench.sandbox.stream}-compact"

    invoked = ask(
        bench.sandbox, f"POST /2015-03-31/functions/{function}/invocations", headers, body
    )
    created = ask(bench.sandbox, "POST /2015-03-31/functions", headers, body)

    assert (invoked.status, error(invoked)) == (400, "InvalidRequestContentException")
    assert created.status == 400
    assert error(created) == "SerializationException"


@pytest.mark.parametrize("body", [b"<a", b"no xml", b"<a></b>"])
@pytest.mark.parametrize("what", ["notification", "tagging", "encryption", "lifecycle"])
def test_xml_that_is_none_is_malformed(bench: "Bench", bucket: str, what: str, body: bytes) -> None:
    headers = signed(bench.sandbox, "s3") | {"Content-Length": str(len(body))}

    answer = ask(bench.sandbox, f"PUT /{bucket}?{what}", headers, body)

    assert (answer.status, error(answer)) == (400, "MalformedXML")


def test_what_nothing_answers_is_an_error_in_the_client_s_own_protocol(bench: "Bench") -> None:
    headers = signed(bench.sandbox, "glue") | {"X-Amz-Target": "AWSGlue.NoSuchOperation"}

    answer = ask(bench.sandbox, "POST /", headers | {"Content-Length": "2"}, b"{}")

    assert (answer.status, error(answer)) == (501, "NotImplemented")


@pytest.fixture
def stalled(bench: "Bench", bucket: str) -> "Iterator[list[socket.socket]]":
    """Uploads whose clients have sent three of a hundred bytes and then nothing more."""
    address = urlsplit(bench.sandbox.endpoint)
    wires = []
    for number, (service, line) in enumerate(
        [
            ("s3", f"PUT /{bucket}/slow HTTP/1.1"),
            ("firehose", "POST / HTTP/1.1"),
            ("glue", "POST / HTTP/1.1"),
            ("sqs", "POST / HTTP/1.1"),
        ]
    ):
        wire = socket.create_connection((str(address.hostname), int(address.port or 0)), 30)
        headers = signed(bench.sandbox, service) | {"Host": address.netloc}
        if number:
            headers["X-Amz-Target"] = JSON_CALLS[service]
        lines = [line, "Content-Length: 100", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        wire.sendall("\r\n".join(lines).encode() + b"abc")
        wires.append(wire)
    yield wires
    for wire in wires:
        wire.close()


def test_stalled_uploads_hold_up_nobody(
    bench: "Bench", bucket: str, key: str, stalled: "list[socket.socket]"
) -> None:
    done: list[str] = []

    def work() -> None:
        bench.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
        bench.client("glue").get_databases()
        bench.queue()
        done.append(key)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(30)

    assert done == [key]
    assert all(wire.fileno() > 0 for wire in stalled)
    assert "slow" not in bench.keys(bucket)

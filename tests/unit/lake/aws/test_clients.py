"""The retry policy of both functions, as botocore really carries it out; and the live catalog."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from moto import mock_aws

from clickstream_lake.lake.aws.clients import (
    OVERLAY_SECONDS,
    LiveCatalog,
    glue_client,
    s3_client,
    sqs_client,
)
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.errors import CatalogError, StorageError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.overlay import Overlay

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)
ATTEMPTS = 8
# Seconds that each pause takes at most, by whether the service throttled.
LONGEST: dict[bool, list[float]] = {
    True: [1, 2, 4, 8, 16, 20, 20],
    False: [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2],
}
URL = "http://localhost"


class Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def answer(status: int, body: str = "{}") -> AWSResponse:
    headers: Any = {"Content-Type": "text/plain"}
    return AWSResponse(URL, status, headers, Raw(body.encode()))


def xml(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>simulated</Message></Error>"


def json(code: str) -> str:
    return f'{{"__type":"{code}","message":"simulated"}}'


def list_objects(client: Any) -> object:  # noqa: ANN401 - any of three clients
    return client.list_objects_v2(Bucket="lake")


def get_partition(client: Any) -> object:  # noqa: ANN401 - the same
    return client.get_partition(DatabaseName="d", TableName="t", PartitionValues=["1"])


def send(client: Any) -> object:  # noqa: ANN401 - the same
    return client.send_message(QueueUrl=f"{URL}/1/q", MessageBody="m")


S3 = (s3_client, list_objects, "<ListBucketResult/>")
GLUE = (glue_client, get_partition, "{}")
SQS = (sqs_client, send, '{"MD5OfMessageBody":"6f8f57715090da2632453988d9a1501b","MessageId":"1"}')

PASSING: list[tuple[Any, Callable[[], AWSResponse | Exception]]] = [
    (S3, lambda: answer(503, xml("SlowDown"))),
    (S3, lambda: answer(500, xml("InternalError"))),
    (S3, lambda: ConnectionClosedError(endpoint_url=URL)),
    (S3, lambda: EndpointConnectionError(endpoint_url=URL)),
    (S3, lambda: ReadTimeoutError(endpoint_url=URL)),
    (GLUE, lambda: answer(400, json("ThrottlingException"))),
    (GLUE, lambda: answer(500, json("InternalServiceException"))),
    (GLUE, lambda: ReadTimeoutError(endpoint_url=URL)),
    (SQS, lambda: answer(400, json("ThrottlingException"))),
    (SQS, lambda: answer(503, json("ServiceUnavailable"))),
    (SQS, lambda: ConnectionClosedError(endpoint_url=URL)),
]


def is_throttling(trouble: AWSResponse | Exception) -> bool:
    text = trouble.text if isinstance(trouble, AWSResponse) else ""
    return "SlowDown" in text or "Throttling" in text


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which nobody waits for."""
    made: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=made.append))
    return made


def attempts(client: Any, answers: Callable[[int], AWSResponse | Exception]) -> list[int]:  # noqa: ANN401 - any client
    """Have each attempt answered by its number, from 1 on; the list grows with each."""
    made: list[int] = []

    def reply(**_: object) -> AWSResponse:
        made.append(len(made) + 1)
        given = answers(made[-1])
        if isinstance(given, Exception):
            raise given
        return given

    client.meta.events.register("before-send", reply)
    return made


@pytest.mark.parametrize("make", [s3_client, glue_client, sqs_client])
def test_every_client_has_the_policy(make: Callable[[], Any]) -> None:
    config = make().meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": ATTEMPTS}
    assert (config.connect_timeout, config.read_timeout) == (3, 60)


@pytest.mark.parametrize(("service", "trouble"), PASSING)
def test_trouble_that_passes_is_waited_for(
    service: tuple[Callable[[], Any], Callable[[Any], object], str],
    trouble: Callable[[], AWSResponse | Exception],
    pauses: list[float],
) -> None:
    make, call, success = service
    client = make()
    made = attempts(client, lambda n: trouble() if n < ATTEMPTS else answer(200, success))

    call(client)

    assert len(made) == ATTEMPTS
    assert len(pauses) == ATTEMPTS - 1
    longest = LONGEST[is_throttling(trouble())]
    assert all(pause <= most for pause, most in zip(pauses, longest, strict=True))


@pytest.mark.parametrize(("service", "trouble"), PASSING)
def test_trouble_that_stays_is_left_to_the_queue(
    service: tuple[Callable[[], Any], Callable[[Any], object], str],
    trouble: Callable[[], AWSResponse | Exception],
    pauses: list[float],
) -> None:
    make, call, _ = service
    client = make()
    made = attempts(client, lambda _: trouble())

    with pytest.raises((ClientError, BotoCoreError)):
        call(client)

    assert len(made) == ATTEMPTS
    assert len(pauses) == ATTEMPTS - 1


def test_a_refusal_is_not_asked_again(pauses: list[float]) -> None:
    client = s3_client()
    made = attempts(client, lambda _: answer(403, xml("AccessDenied")))

    with pytest.raises(ClientError, match="AccessDenied"):
        list_objects(client)

    assert (made, pauses) == ([1], [])


def test_a_service_that_is_down_is_asked_less_and_less(pauses: list[float]) -> None:
    client = s3_client()
    made = attempts(client, lambda _: answer(503, xml("SlowDown")))

    for _ in range(100):
        with pytest.raises(ClientError):
            list_objects(client)

    # Without the quota of the standard mode it would be 800.
    assert len(made) < 250
    assert pauses


def test_answers_other_than_success_give_nothing_back_to_the_quota(pauses: list[float]) -> None:
    client = s3_client()
    closed = ConnectionClosedError(endpoint_url=URL)
    made = attempts(client, lambda n: closed if n % 2 else answer(404, ""))

    while len(pauses) < 100:
        try:
            client.head_object(Bucket="lake", Key="k")
        except ClientError:
            assert len(made) % 2 == 0
        except ConnectionClosedError:
            break

    # 500 points, of which each try after a closed connection takes 14.
    assert len(pauses) == 500 // 14


@pytest.fixture
def bucket() -> Iterator[ObjectStore]:
    with mock_aws():
        s3_client().create_bucket(Bucket="lake")
        yield ObjectStore(s3_client(), "lake")


def settings(**more: str) -> dict[str, str]:
    return {"LAKE_BUCKET": "lake", "LAKE_DATABASE": "clickstream"} | more


def test_a_warm_function_knows_of_an_added_column_within_minutes(bucket: ObjectStore) -> None:
    seconds = [1_000.0]
    auto = settings(LAKE_SCHEMA_EVOLUTION="auto")
    live = LiveCatalog(auto, monotonic=lambda: seconds[0])
    assert live.now is live.deployed
    Overlay(bucket, Layout()).add("coupon", "string", (), NOON, "")
    seconds[0] += OVERLAY_SECONDS - 1
    assert not live.changed()
    assert live.now is live.deployed
    seconds[0] += 1
    assert live.changed()
    assert live.now.sha256 != live.deployed.sha256
    assert [column.name for column in live.now.columns][-1] == "coupon"
    seconds[0] += OVERLAY_SECONDS
    assert not live.changed()
    assert live.now.sha256 == LiveCatalog(auto).now.sha256
    # Somebody else's object is nothing that a function has to fail for.
    bucket.put_bytes("manifests/overlay/notes.txt", b"")
    seconds[0] += OVERLAY_SECONDS
    assert not live.changed()


def test_only_a_lake_that_evolves_by_itself_is_asked_for_its_overlay(bucket: ObjectStore) -> None:
    Overlay(bucket, Layout()).add("coupon", "string", (), NOON, "")
    for mode in ("propose", "off"):
        live = LiveCatalog(settings(LAKE_SCHEMA_EVOLUTION=mode), monotonic=lambda: 1e9)
        assert not live.changed()
        assert live.now is live.deployed


def test_an_overlay_that_cannot_be_read_fails_the_invocation_and_is_asked_again(
    bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    auto = settings(LAKE_SCHEMA_EVOLUTION="auto")
    live = LiveCatalog(auto, monotonic=lambda: seconds[0])
    Overlay(bucket, Layout()).add("coupon", "string", (), NOON, "")
    seconds[0] += OVERLAY_SECONDS
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "list", lambda *_: refuse())
        with pytest.raises(StorageError):
            live.changed()
    assert live.now is live.deployed
    assert live.changed()


def refuse() -> None:
    raise StorageError("AccessDenied")


@pytest.mark.parametrize("content", [b"{}", None], ids=["other content", "missing"])
def test_a_deployed_catalog_that_is_not_what_its_key_says_is_one_error(
    bucket: ObjectStore, content: bytes | None
) -> None:
    key = f"artifacts/catalogs/{64 * 'a'}.json"
    if content is not None:
        bucket.put_bytes(key, content)
    environ = settings(LAKE_SCHEMA_EVOLUTION="auto", LAKE_CATALOG=f"s3://lake/{key}")
    words = "its content is not" if content else "there is no such catalog"
    with pytest.raises(CatalogError, match=words):
        LiveCatalog(environ)

"""Who gets into the sandbox, and what those are told who do not."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.sandbox.asking import Answer, administer, ask, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Bench

LOOPBACK = ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "bucket.localhost", "a.b.s3.localhost"]
ELSEWHERE = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "evillocalhost:{port}",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "[::]:{port}",
    "192.168.0.1:{port}",
    "2130706433:{port}",
    "127.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "user@127.0.0.1:{port}",
    "127.0.0.1:{port}, evil.example",
    "127.0.0.1:{port}/",
    "s3.amazonaws.com",
    "",
]
FOREIGN = [
    "http://evil.example",
    "null",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:{port}",
    "http://localhost:{port}",
    "http://evil.localhost:{port}",
    "http://127.0.0.1:{port}.evil.example",
    "file://",
    "",
]
# What a page, or another user of this machine, would want of it.
WANTED = [
    "GET /{bucket}?list-type=2",
    "GET /{bucket}/secret",
    "HEAD /{bucket}/secret",
    "PUT /{bucket}/planted",
    "POST /{bucket}",
    "DELETE /{bucket}/secret",
    "OPTIONS /{bucket}/secret",
    "POST /",
    "PUT /2015-03-31/functions/{function}/configuration",
    "POST /2015-03-31/functions/{function}/invocations",
    "POST /moto-api/reset",
    "GET /moto-api/data.json",
    "GET /_sandbox/status",
    "POST /_sandbox/flush",
    "GET /_sandbox/tick/",
    "GET /favicon.ico",
    "GET /latest/meta-data/iam/security-credentials/",
    "PATCH /",
]
CALLS: "dict[str, Callable[[Any], object]]" = {
    "s3": lambda client: client.list_buckets(),
    "sqs": lambda client: client.list_queues(),
    "firehose": lambda client: client.list_delivery_streams(),
    "glue": lambda client: client.get_databases(),
    "athena": lambda client: client.list_query_executions(),
    "lambda": lambda client: client.list_functions(),
    "scheduler": lambda client: client.list_schedules(),
    "iam": lambda client: client.list_roles(),
    "sns": lambda client: client.list_topics(),
    "cloudwatch": lambda client: client.describe_alarms(),
}
UNKNOWN = {
    "s3": "InvalidAccessKeyId",
    "iam": "InvalidClientTokenId",
    "sns": "InvalidClientTokenId",
}


@pytest.fixture(scope="module")
def lake(bench: "Bench") -> dict[str, str]:
    """A bucket with something in it, a function that nobody has called, and the port."""
    bucket = bench.bucket()
    bench.client("s3").put_object(Bucket=bucket, Key="secret", Body=b"a user_id")
    return {
        "bucket": bucket,
        "function": f"{bench.sandbox.stream}-compact",
        "port": bench.sandbox.endpoint.rpartition(":")[2],
    }


def assert_refused(bench: "Bench", lake: dict[str, str], answer: Answer) -> None:
    """Nothing was told, no page may read even that, and nothing is otherwise than before."""
    assert answer.status == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert lake["bucket"].encode() not in answer.body
    assert b"user_id" not in answer.body
    assert bench.keys(lake["bucket"]) == ["secret"]
    assert bench.read(lake["bucket"], "secret") == b"a user_id"


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_host_that_is_no_name_of_this_machine_is_refused_whatever_it_asks(
    bench: "Bench", lake: dict[str, str], host: str, wanted: str
) -> None:
    headers = signed(bench.sandbox, "s3") | {"Host": host.format(**lake), "Content-Length": "0"}

    answer = ask(bench.sandbox, wanted.format(**lake), headers)

    assert_refused(bench, lake, answer)


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_is_refused_even_with_the_right_key(
    bench: "Bench", lake: dict[str, str], origin: str, wanted: str
) -> None:
    headers = signed(bench.sandbox, "s3") | {"Origin": origin.format(**lake), "Content-Length": "0"}

    answer = ask(bench.sandbox, wanted.format(**lake), headers)

    assert_refused(bench, lake, answer)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
def test_what_a_browser_fetches_for_another_page_is_refused_without_an_origin_too(
    bench: "Bench", lake: dict[str, str], site: str
) -> None:
    headers = signed(bench.sandbox, "s3") | {"Sec-Fetch-Site": site}

    answer = ask(bench.sandbox, f"GET /{lake['bucket']}/secret", headers)

    assert_refused(bench, lake, answer)


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("key", ["", "sandbox", "AKIAIOSFODNN7EXAMPLE", "{key}x", "{almost}"])
def test_who_does_not_know_the_access_key_id_is_refused_whatever_he_asks(
    bench: "Bench", lake: dict[str, str], key: str, wanted: str
) -> None:
    right = bench.sandbox.clients.credentials.access_key_id
    named = key.format(key=right, almost=right[:-1])
    headers = signed(bench.sandbox, "s3", named) if named else {}

    answer = ask(bench.sandbox, wanted.format(**lake), headers | {"Content-Length": "0"})

    assert answer.status == 403
    assert_refused(bench, lake, answer)


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("origin", [None, "http://{host}"])
def test_names_of_this_machine_and_the_sandbox_s_own_origin_are_let_in(
    bench: "Bench", lake: dict[str, str], host: str, origin: str | None
) -> None:
    named = f"{host}:{lake['port']}"
    headers = signed(bench.sandbox, "sandbox") | {"Host": named}
    if origin:
        headers["Origin"] = origin.format(host=named)

    answer = ask(bench.sandbox, "GET /_sandbox/status", headers)

    assert (answer.status, json.loads(answer.body)["bucket"]) == (200, bench.sandbox.bucket)


@pytest.mark.parametrize("wanted", ["GET /{bucket}", "GET /{bucket}/secret", "OPTIONS /{bucket}"])
def test_no_answer_lets_a_page_of_any_origin_read_it(
    bench: "Bench", lake: dict[str, str], wanted: str
) -> None:
    headers = signed(bench.sandbox, "s3") | {"Origin": bench.sandbox.endpoint}

    answer = ask(bench.sandbox, wanted.format(**lake), headers)

    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_request_for_another_host_by_an_absolute_url_is_refused(
    bench: "Bench", lake: dict[str, str]
) -> None:
    wanted = f"GET http://evil.example/{lake['bucket']}/secret"
    assert_refused(bench, lake, ask(bench.sandbox, wanted, signed(bench.sandbox, "s3")))


@pytest.mark.parametrize("service", CALLS)
def test_a_client_hears_aws_s_own_error_about_its_key(bench: "Bench", service: str) -> None:
    stranger = boto3.client(
        service,
        endpoint_url=bench.sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="any",
    )
    with pytest.raises(ClientError) as caught:
        CALLS[service](stranger)
    code = UNKNOWN.get(service, "UnrecognizedClientException")
    assert caught.value.response["Error"]["Code"] == code
    assert "sandbox printed" in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("service", CALLS)
def test_a_client_without_a_key_hears_that_it_needs_one(bench: "Bench", service: str) -> None:
    anonymous = boto3.client(
        service,
        endpoint_url=bench.sandbox.endpoint,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    with pytest.raises(ClientError) as caught:
        CALLS[service](anonymous)
    code = caught.value.response["Error"]["Code"]
    assert code == "AccessDenied" if service == "s3" else "MissingAuthenticationToken" in code


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_is_good_for_who_has_the_key_and_for_nobody_else(
    bench: "Bench", lake: dict[str, str], version: str
) -> None:
    keys = [bench.sandbox.clients.credentials.access_key_id, "AKIAIOSFODNN7EXAMPLE"]
    clients = [
        boto3.client(
            "s3",
            endpoint_url=bench.sandbox.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key="any",
            config=Config(signature_version=version, s3={"addressing_style": "path"}),
        )
        for key in keys
    ]
    of_object = {"Bucket": lake["bucket"], "Key": "secret"}
    own, strange = (
        client.generate_presigned_url("get_object", Params=of_object).removeprefix(
            bench.sandbox.endpoint
        )
        for client in clients
    )

    assert ask(bench.sandbox, f"GET {own}").body == b"a user_id"
    assert_refused(bench, lake, ask(bench.sandbox, f"GET {strange}"))


def test_anybody_may_know_whether_it_is_there_and_no_more(bench: "Bench") -> None:
    answer = ask(bench.sandbox, "GET /_sandbox/health")

    assert (answer.status, json.loads(answer.body)) == (200, {"state": "ready"})
    evil = ask(bench.sandbox, "GET /_sandbox/health", {"Host": "evil.example"})
    assert evil.status == 403


def test_who_has_the_key_may_move_the_sandbox(bench: "Bench") -> None:
    assert administer(bench.sandbox, "flush")["bucket"] == bench.sandbox.bucket

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from clickstream_lake.cli.errors import CliError, explain


def test_a_sandbox_that_is_not_there_is_named_as_the_likely_reason() -> None:
    text = explain(EndpointConnectionError(endpoint_url="http://127.0.0.1:4577/"))

    assert "http://127.0.0.1:4577/" in text
    assert "Is `clickstream sandbox up` still running" in text


@pytest.mark.parametrize("error", [NoCredentialsError(), NoRegionError()])
def test_missing_credentials_or_region_say_what_to_set(error: Exception) -> None:
    text = explain(error)

    assert "Set AWS credentials and a region." in text
    assert "clickstream sandbox up" in text
    assert ".." not in text


def test_an_answer_of_aws_names_operation_message_and_code() -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetTable")

    assert explain(error) == "GetTable: no (AccessDenied)"


def test_an_expired_token_says_to_renew_it() -> None:
    error = ClientError({"Error": {"Code": "ExpiredToken", "Message": "old"}}, "GetTable")

    assert "Renew your AWS credentials" in explain(error)


def test_other_errors_are_shown_as_they_are_and_never_as_markup() -> None:
    assert explain(CliError("no [bold] here")) == r"no \[bold] here"

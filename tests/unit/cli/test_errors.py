from pathlib import Path

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from clickstream_lake.cli.errors import CliError, UsageError, explain, report, sandbox_extra


def test_a_sandbox_that_is_not_there_is_named_as_the_likely_reason() -> None:
    text = str(explain(EndpointConnectionError(endpoint_url="http://127.0.0.1:4577/")))

    assert "http://127.0.0.1:4577/" in text
    assert "sandbox up` still running" in text


@pytest.mark.parametrize("error", [NoCredentialsError(), NoRegionError()])
def test_missing_credentials_or_region_say_what_to_set(error: Exception) -> None:
    text = str(explain(error))

    assert "Set AWS credentials and a region." in text
    assert "clickstream sandbox up" in text
    assert ".." not in text


def test_an_answer_of_aws_names_operation_message_and_code() -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetTable")

    assert explain(error) == "GetTable: no (AccessDenied)"


def test_an_expired_token_says_to_renew_it() -> None:
    error = ClientError({"Error": {"Code": "ExpiredToken", "Message": "old"}}, "GetTable")

    assert "Renew your AWS credentials" in str(explain(error))


def test_other_errors_are_shown_as_they_are_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = f"no [bold] here {'x' * 300}"

    assert report(CliError(text)) == 1
    assert capsys.readouterr().err == f"Error: {text}\n"


def test_wrong_usage_has_a_status_of_its_own() -> None:
    assert report(UsageError("no")) == 2


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory") as caught:
        tmp_path.open()

    assert explain(caught.value) == f"{tmp_path}: Is a directory"


@pytest.mark.parametrize("error", [ZeroDivisionError(), BrokenPipeError(), KeyError("x")])
def test_what_nobody_foresaw_is_not_explained(error: Exception) -> None:
    assert explain(error) is None


def test_what_the_sandbox_lacks_is_named_with_what_brings_it() -> None:
    expected = pytest.raises(CliError, match=r"moto, .* 'clickstream-lake\[sandbox\]'")
    with expected, sandbox_extra():
        raise ModuleNotFoundError(name="moto")

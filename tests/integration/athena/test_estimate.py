from typing import TYPE_CHECKING

from typer.testing import CliRunner

from clickstream_lake.cli.main import app

if TYPE_CHECKING:
    import pytest


def test_the_command_predicts_without_running(
    endpoint: str, monkeypatch: "pytest.MonkeyPatch"
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    sql = "SELECT kind, COUNT(*) FROM events_parquet GROUP BY kind"
    result = CliRunner().invoke(app, ["estimate", sql, "--database", "web"])
    assert result.exit_code == 0
    assert "web.events_parquet" in result.output
    assert "1 of 1" in result.output
    assert "10.0 MiB billed: $0.000048" in result.output

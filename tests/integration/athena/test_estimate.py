import pytest
from typer.testing import CliRunner

from clickstream_lake.cli.main import app


@pytest.mark.usefixtures("environment")
def test_the_command_predicts_without_running() -> None:
    sql = "SELECT kind, COUNT(*) FROM events_parquet GROUP BY kind"
    result = CliRunner().invoke(app, ["estimate", sql, "--database", "web"])
    assert result.exit_code == 0
    assert "web.events_parquet" in result.output
    assert "1 of 1" in result.output
    assert "10.0 MiB billed: $0.000048" in result.output

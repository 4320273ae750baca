"""The sandbox's alarms are those of Terraform's plan, and a lake's own are all judged there."""

from pathlib import Path

import pytest

from clickstream_lake.demo.provision import ALARMS
from dev.alarms import page, planned
from tests.e2e.needs import need_terraform

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("terraform")]


def test_the_sandboxs_alarms_are_what_terraform_plans(tmp_path: Path) -> None:
    need_terraform()
    assert page(planned(tmp_path)) == ALARMS.read_text(), "python -m dev.alarms writes them"

"""The sandbox's alarms are those of Terraform's plan, and a lake's own are all judged there."""

import os
import shutil
from pathlib import Path

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import ALARMS
from dev.alarms import page, planned

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("terraform")]


def test_the_sandboxs_alarms_are_what_terraform_plans(tmp_path: Path) -> None:
    if not (shutil.which("terraform") and terraform.provider_mirror()):
        assert os.environ.get("CI") != "true"
        pytest.skip("Terraform or a local copy of its AWS provider is missing")
    assert page(planned(tmp_path)) == ALARMS.read_text(), "python -m dev.alarms writes them"

"""What tests of the configuration need of the machine."""

import os
import shutil

import pytest

from clickstream_lake.demo import terraform


def need_terraform() -> None:
    """Skip what asks Terraform where it or its AWS provider is missing; in CI that is a failure."""
    if shutil.which("terraform") and terraform.provider_mirror():
        return
    reason = (
        "Terraform or a local copy of its AWS provider is missing: put the provider under "
        "~/.terraform.d/plugins, or name its directory in TF_PLUGIN_DIR"
    )
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

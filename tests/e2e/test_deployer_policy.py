"""The policy of whoever deploys allows what the real provider calls in a lake's life."""

from fnmatch import fnmatchcase

import pytest

from clickstream_lake.operate.costs.measured import measured
from dev.deployer_policy.policy import Lake, recorded, statements
from dev.deployer_policy.recorder import Recorded, record
from tests.e2e.needs import need_terraform

# In one process, for the sake of its fixture.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("deployer")]

HINT = "run `python -m dev.deployer_policy --record`, and look at what it changes"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    need_terraform()
    return record(tmp_path_factory.mktemp("deployer"))


def test_an_apply_a_change_and_a_destroy_call_what_the_policy_was_made_from(seen: Recorded) -> None:
    assert seen.operations == recorded(), HINT


def test_everything_that_was_made_is_in_reach(seen: Recorded) -> None:
    lake = Lake(account="123456789012", region="us-east-1")
    reach = {
        resource
        for one in statements(lake)
        if one["Sid"] != "Everywhere"
        for resource in one["Resource"]
    } - {"*"}
    assert len(seen.arns) > 40
    beyond = [arn for arn in seen.arns if not any(fnmatchcase(arn, each) for each in reach)]
    assert beyond == []


def test_the_estimate_counts_the_alarms_that_there_are(seen: Recorded) -> None:
    assert measured().alarm_metrics == seen.alarm_metrics, "put it into dev/costs/figures.py"

from pathlib import Path

from dev.deployer_policy.recorder import operations

LOG = """\
[DEBUG] provider: HTTP Request Sent: rpc.method=GetUser tf_rpc=ConfigureProvider rpc.service=IAM x=1
[DEBUG] provider: HTTP Response Received: rpc.service="CloudWatch Logs" rpc.method=CreateLogGroup
[DEBUG] provider: HTTP Request Sent: rpc.method=GetRole rpc.service=IAM
[DEBUG] provider: HTTP Request Sent: rpc.method=GetRole rpc.service=IAM
[DEBUG] provider: setting endpoint: rpc.system=aws-api
"""


def test_calls_are_read_from_the_providers_log(tmp_path: Path) -> None:
    log = tmp_path / "provider.log"
    log.write_text(LOG)
    assert operations(log) == {"CloudWatch Logs": ["CreateLogGroup"], "IAM": ["GetRole", "GetUser"]}

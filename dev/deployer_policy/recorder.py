"""What Terraform's provider calls in a lake's life, by its own log, on the local AWS."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.resources import Resources

_METHOD: Final = re.compile(r"rpc\.method=(\w+)")
_SERVICE: Final = re.compile(r'rpc\.service=(?:"([^"]+)"|(\S+))')

# With a key, so that what it takes is seen, too.
_FIRST: Final = {"force_destroy": True, "kms_enabled": True, "tags": {"Team": "web"}}
# Something of each kind that can be changed in place.
_CHANGED: Final = _FIRST | {
    "tags": {"Owner": "somebody"},
    "transform_memory_mb": 2048,
    "transform_timeout_seconds": 200,
    "transform_batch_size": 5,
    "compact_schedule": "rate(2 hours)",
    "firehose_buffer_mb": 32,
    "log_retention_days": 60,
    "athena_scan_cutoff_gb": 512,
    "alarm_reject_percent": 6,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was seen.

    Attributes:
        operations: by service, as the SDK names both.
        arns: of everything that was there.
        alarm_metrics: how many metrics the alarms look at.
    """

    operations: dict[str, list[str]]
    arns: frozenset[str]
    alarm_metrics: int


def record(workdir: Path) -> Recorded:
    """Apply the configuration with one stream, change it, and destroy it."""
    log = (workdir / "provider.log").resolve()
    found: dict[str, Any] = {}

    def provision(clients: Clients) -> Resources:
        key = clients.credentials.access_key_id
        for variables in (_FIRST, _CHANGED):
            made = terraform.apply(clients.endpoint, workdir, variables, access_key_id=key)
        found["arns"] = frozenset(_arns(workdir))
        queues = made["queues"]["events"]
        return Resources(
            bucket=made["bucket"],
            stream=made["streams"]["events"],
            database=made["database"],
            workgroup=made["workgroup"],
            queue_url=queues["transform"],
            dead_letter_url=queues["transform_dead"],
            compact_queue_url=queues["compact"],
        )

    with (
        _logged(log),
        lake_sandbox(provision=provision, directory=workdir / "sandbox") as sandbox,
    ):
        alarms = sandbox.client("cloudwatch").describe_alarms()["MetricAlarms"]
        metrics = sum(
            sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1
            for alarm in alarms
        )
        terraform.destroy(workdir)
    return Recorded(operations(log), found["arns"], metrics)


def operations(log: Path) -> dict[str, list[str]]:
    """The operations of a log by service."""
    found: dict[str, set[str]] = {}
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            method, service = _METHOD.search(line), _SERVICE.search(line)
            if method and service:
                found.setdefault(service[1] or service[2], set()).add(method[1])
    return {service: sorted(names) for service, names in sorted(found.items())}


@contextmanager
def _logged(log: Path) -> Iterator[None]:
    """Have every Terraform that is started inside add the provider's log to a file."""
    names = {"TF_LOG_PROVIDER": "DEBUG", "TF_LOG_PATH": str(log)}
    with mock.patch.dict("os.environ", names):
        yield


def _arns(workdir: Path) -> Iterator[str]:
    """The ARNs of all resources in the state."""
    directory = terraform._directory(workdir, "terraform")  # noqa: SLF001 - where `apply` works
    shown = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        [terraform.terraform_binary(), f"-chdir={directory}", "show", "-json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for resource in json.loads(shown)["values"]["root_module"]["resources"]:
        if resource["mode"] == "managed":
            yield from (
                value
                for name, value in resource["values"].items()
                if name in {"arn", "layer_arn"} and value
            )

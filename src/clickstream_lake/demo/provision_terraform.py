"""Provision a lake in the sandbox by the project's own Terraform and the real provider."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickstream_lake.demo import terraform
from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.resources import Resources

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients
    from clickstream_lake.sandbox.resources import Provision


def by_terraform(
    workdir: Path,
    variables: Mapping[str, Any],
    *,
    progress: Callable[[str], None] | None = None,
) -> "Provision":
    """A `Provision` that applies `terraform/`.

    Args:
        workdir: where Terraform's state, lock file and plugins go.
        variables: of the configuration; what is not named has the configuration's own default.
        progress: called with the address of each resource that is ready.
    """

    def provision(clients: "Clients") -> Resources:
        try:
            outputs = terraform.apply(
                clients.endpoint, workdir, variables, region=clients.region, progress=progress
            )
        except (
            terraform.TerraformMissingError,
            terraform.TerraformFailedError,
        ) as error:
            raise SandboxError(str(error)) from error
        key, stream = next(iter(outputs["streams"].items()))
        queues = outputs["queues"][key]
        return Resources(
            bucket=outputs["bucket"],
            stream=stream,
            database=outputs["database"],
            workgroup=outputs["workgroup"],
            queue_url=queues["transform"],
            dead_letter_url=queues["transform_dead"],
            compact_queue_url=queues["compact"],
        )

    return provision

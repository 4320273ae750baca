"""Provision a lake in the sandbox by the project's own Terraform and the real provider.

Nothing in the tree is written: the configuration is copied into a working directory, next to a
provider block that points at the stand-in. State, lock file and plugins live there too.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.resources import Resources

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients
    from clickstream_lake.sandbox.resources import Provision

# The copied part of the tree: what Terraform reads.
_CATALOGS: Final = "src/clickstream_lake/catalogs"
_CATALOG: Final = f"{_CATALOGS}/clickstream.json"
_COPIED: Final = ("terraform", _CATALOGS)
_NOT_COPIED: Final = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "tests")

_SETTINGS_FILE: Final = "sandbox.auto.tfvars.json"
_PLAN_FILE: Final = "planned.tfplan"
_REGISTRY: Final = "registry.terraform.io"
_PROVIDER: Final = f"{_REGISTRY}/hashicorp/aws"
_ZIPS: Final = ("transform.zip", "compact.zip", "layer-arm64.zip", "layer-x86_64.zip")

_ALIAS: Final = re.compile(r'^provider "aws" \{[^}]*?^  alias\s*=\s*"([^"]+)"', re.MULTILINE)

# The services that the configuration knows, by the provider's names.
_SERVICES: Final = (
    "athena",
    "cloudwatch",
    "cloudwatchlogs",
    "firehose",
    "glue",
    "iam",
    "kms",
    "lakeformation",
    "lambda",
    "s3",
    "scheduler",
    "signer",
    "sns",
    "sqs",
    "sts",
)


class TerraformMissingError(SandboxError):
    """Terraform, its AWS provider or the project's configuration is not on this machine."""


class TerraformFailedError(SandboxError):
    """A Terraform command failed; the message holds its output."""


Progress = Callable[[str], None]


def by_terraform(
    workdir: Path, variables: Mapping[str, Any], *, progress: Progress | None = None
) -> "Provision":
    """A `Provision` that applies `terraform/`.

    Args:
        workdir: where Terraform's state, lock file and plugins go.
        variables: the configuration's; one that is not named has its default.
        progress: called with the address of each resource that is ready.

    Raises:
        TerraformMissingError: this is not a checkout; raised before anything is started.
    """
    checkout()

    def provision(clients: "Clients") -> Resources:
        made = apply(
            clients.endpoint,
            workdir,
            variables,
            access_key_id=clients.credentials.access_key_id,
            region=clients.region,
            progress=progress,
        )
        key, stream = next(iter(made["streams"].items()))
        queues = made["queues"][key]
        return Resources(
            bucket=made["bucket"],
            stream=stream,
            database=made["database"],
            workgroup=made["workgroup"],
            queue_url=queues["transform"],
            dead_letter_url=queues["transform_dead"],
            compact_queue_url=queues["compact"],
        )

    return provision


def checkout() -> Path:
    """The project's checkout: around the current directory, or around this module.

    Raises:
        TerraformMissingError: there is none. An installed package has no `terraform/`.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for directory in (start, *start.parents):
            if all((directory / name).exists() for name in _COPIED):
                return directory
    raise TerraformMissingError(
        "Terraform's configuration is not part of the installed package: "
        "run this inside a checkout of the project, which has it under terraform/"
    )


def apply(
    endpoint: str,
    workdir: Path,
    variables: Mapping[str, Any],
    *,
    access_key_id: str,
    root: str = "terraform",
    region: str = "us-east-1",
    targets: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Create everything the configuration describes, on the stand-in.

    Args:
        endpoint: address of the stand-in, such as `http://127.0.0.1:5000`.
        workdir: an empty directory, or one that `apply` has filled before.
        variables: input variables. Unless they have a `package_dir`, placeholder packages are
            made: the stand-in only records functions.
        access_key_id: what the stand-in knows its user by.
        root: the root module, relative to the project: `terraform` or one of its examples.
        region: the region that the stand-in plays.
        tags: the provider's `default_tags`; by default one that says "sandbox".
        targets: addresses to create, with what they depend on, instead of everything.
        progress: called with the address of each resource that is ready.

    Returns:
        The configuration's outputs by name.

    Raises:
        TerraformMissingError: there is no Terraform, no AWS provider for it, or no checkout.
        TerraformFailedError: it failed; the message says why.
    """
    directory = _prepare(
        endpoint,
        workdir,
        variables,
        access_key_id=access_key_id,
        root=root,
        region=region,
        tags=tags,
    )
    only = [f"-target={address}" for address in targets]
    _run_reporting(directory, ["apply", "-auto-approve", *only], progress)
    return outputs(workdir, root=root)


def plan(
    endpoint: str,
    workdir: Path,
    variables: Mapping[str, Any],
    *,
    access_key_id: str,
    root: str = "terraform",
) -> dict[str, Any]:
    """What `apply` would create on the stand-in, as `terraform show -json` tells it."""
    directory = _prepare(endpoint, workdir, variables, access_key_id=access_key_id, root=root)
    _run(directory, ["plan", "-input=false", f"-out={_PLAN_FILE}"])
    made: dict[str, Any] = json.loads(_run(directory, ["show", "-json", _PLAN_FILE]))
    return made


def outputs(workdir: Path, *, root: str = "terraform") -> dict[str, Any]:
    """The outputs of what `apply` created in this working directory."""
    said = json.loads(_run(_directory(workdir, root), ["output", "-json"]))
    return {name: output["value"] for name, output in said.items()}


def destroy(workdir: Path, *, root: str = "terraform", progress: Progress | None = None) -> None:
    """Destroy what `apply` created in this working directory."""
    _run_reporting(_directory(workdir, root), ["destroy", "-auto-approve"], progress)


def terraform_binary() -> str:
    """The Terraform on the PATH.

    Raises:
        TerraformMissingError: there is none.
    """
    found = shutil.which("terraform")
    if found is None:
        raise TerraformMissingError("terraform is not on the PATH: install Terraform 1.9 or newer")
    return found


def provider_mirror(roots: Sequence[Path] | None = None) -> Path | None:
    """A local directory of provider plugins that holds the AWS provider for this machine.

    Looks where plugins are usually kept, a few levels deep. If None, `terraform init` has to ask
    the registry.
    """
    for root in _plugin_roots() if roots is None else roots:
        for pattern in ("", "*/", "*/*/"):
            for directory in sorted(root.glob(f"{pattern}{_PROVIDER}")):
                if _holds_this_machines_build(directory):
                    return directory.parent.parent.parent
    return None


def _plugin_roots() -> Iterator[Path]:
    home = Path.home()
    named = os.environ.get("TF_PLUGIN_DIR"), os.environ.get("TF_PLUGIN_CACHE_DIR")
    yield from (Path(directory) for directory in named if directory)
    yield from (home / ".terraform.d", home / ".local/share/terraform")
    yield from map(
        Path, ("/usr/local/share/terraform", "/usr/share/terraform", "/usr/lib/terraform")
    )
    # "/opt" itself, because every administrator chooses other names there.
    yield from map(Path, ("/usr/local/lib/terraform", "/opt"))


def _holds_this_machines_build(directory: Path) -> bool:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    build = f"{platform.system().lower()}_{machine}"
    unpacked, packed = directory.glob(f"*/{build}"), directory.glob(f"*_{build}.zip")
    return any(unpacked) or any(packed)


def _directory(workdir: Path, root: str) -> Path:
    return workdir / "tree" / root


def _prepare(
    endpoint: str,
    workdir: Path,
    variables: Mapping[str, Any],
    *,
    access_key_id: str,
    root: str,
    region: str = "us-east-1",
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Everything that a command needs, in the directory of the root module."""
    directory = _lay_out(workdir, root)
    _write_provider(directory, endpoint, access_key_id, region, tags)
    settings = {"package_dir": str(_placeholder_packages(workdir)), **variables}
    (directory / _SETTINGS_FILE).write_text(json.dumps(settings, indent=2))
    _init(directory)
    return directory


def _lay_out(workdir: Path, root: str) -> Path:
    tree = workdir / "tree"
    project = checkout()
    for name in _COPIED:
        source, target = project / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_NOT_COPIED, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    return _directory(workdir, root)


def _write_provider(
    directory: Path,
    endpoint: str,
    access_key_id: str,
    region: str = "us-east-1",
    tags: Mapping[str, str] | None = None,
) -> None:
    """Point the AWS provider at the stand-in.

    A root module's provider blocks are overridden, those with an alias but for their region; if it
    has none, one is added.
    """
    block = {
        "access_key": access_key_id,
        "secret_key": "sandbox",
        "s3_use_path_style": True,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_region_validation": True,
        "skip_requesting_account_id": False,
        "default_tags": {"tags": dict(tags or {"Sandbox": "true"})},
        "endpoints": dict.fromkeys(_SERVICES, endpoint),
    }
    text = "".join(file.read_text() for file in directory.glob("*.tf"))
    aliases = _ALIAS.findall(text)
    blocks = [block | {"region": region}, *(block | {"alias": alias} for alias in aliases)]
    name = "sandbox_override.tf.json" if 'provider "aws"' in text else "sandbox.tf.json"
    file = directory / name
    file.touch(mode=0o600)
    file.chmod(0o600)  # one of an earlier version may be there
    file.write_text(json.dumps({"provider": {"aws": blocks}}, indent=2))


def _placeholder_packages(workdir: Path) -> Path:
    # Terraform reads the path from its own directory, wherever the command was started.
    directory = workdir.resolve() / "packages"
    directory.mkdir(parents=True, exist_ok=True)
    for name in _ZIPS:
        with zipfile.ZipFile(directory / name, "w") as archive:
            archive.writestr("README", "The stand-in runs the functions from the project's tree.\n")
    return directory


def _init(directory: Path) -> None:
    mirror = provider_mirror()
    arguments = ["init", "-input=false", "-backend=false"]
    try:
        _run(directory, arguments if mirror is None else [*arguments, f"-plugin-dir={mirror}"])
    except TerraformFailedError as error:
        if mirror is not None:
            raise
        raise TerraformMissingError(
            "no local copy of the AWS provider was found, and the registry did not give it. Put "
            f"one under ~/.terraform.d/plugins, or name its directory in TF_PLUGIN_DIR.\n{error}"
        ) from error


def _run(directory: Path, arguments: Sequence[str]) -> str:
    command = [terraform_binary(), f"-chdir={directory}", *arguments]
    if "-json" not in arguments:
        command.append("-no-color")
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        command, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise TerraformFailedError(f"terraform {arguments[0]}: {done.stderr or done.stdout}")
    return done.stdout


def _run_reporting(directory: Path, arguments: Sequence[str], progress: Progress | None) -> None:
    """Run a command that reports line by line, and pass on which resources are ready."""
    command = [terraform_binary(), f"-chdir={directory}", *arguments, "-input=false", "-json"]
    errors = []
    with subprocess.Popen(  # noqa: S603 - the program and its arguments are ours
        command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            try:
                message = json.loads(line)
            except ValueError:
                # Warnings about the command line come as plain text.
                continue
            if message.get("@level") == "error":
                detail = message.get("diagnostic", {}).get("detail", "")
                errors.append(f"{message.get('@message', '')}\n{detail}".strip())
            elif message.get("type") == "apply_complete" and progress is not None:
                progress(message["hook"]["resource"]["addr"])
    if process.returncode != 0:
        raise TerraformFailedError(f"terraform {arguments[0]}:\n" + "\n".join(errors))


def _environment() -> dict[str, str]:
    """The process's environment without what could reach a real account or break the command."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TF_VAR_"))
    }
    cli_config = environment.get("TF_CLI_CONFIG_FILE")
    if cli_config and not Path(cli_config).exists():
        del environment["TF_CLI_CONFIG_FILE"]
    return environment | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

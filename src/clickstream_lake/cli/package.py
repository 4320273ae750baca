"""`clickstream package`: what Terraform deploys, from a release or from source."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from clickstream_lake.cli.errors import CliError, UsageError
from clickstream_lake.console import examples, stderr

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "clickstream package --out packages",
        "clickstream package --release 0.2.0 --sha256 $SUM --from https://example.com/releases",
    )
)
def package(
    *,
    out: Annotated[
        Path, typer.Option(help="The directory to fill, for the module's `package_dir`.")
    ] = Path("dist"),
    release: Annotated[
        str | None, typer.Option(help="Fetch this version, instead of building from a checkout.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="SHA-256 of that release's SHA256SUMS: no other is taken.")
    ] = None,
    location: Annotated[
        str | None,
        typer.Option(
            "--from",
            envvar="CLICKSTREAM_RELEASES",
            help="URL below which each release has a directory of its tag, such as "
            "https://github.com/OWNER/NAME/releases/download.",
        ),
    ] = None,
    architecture: Annotated[
        Literal["arm64", "x86_64"] | None,
        typer.Option(help="Only the layer of this one, instead of both."),
    ] = None,
) -> None:
    """Fill a directory with what Terraform deploys.

    The functions' zips and their layers, for the variable `package_dir`. Built from the checkout
    around the current directory; with --release, fetched, and checked against the one checksum
    that you give.
    """
    if release is None:
        if sha256 or location:
            raise UsageError("--sha256 and --from say where a --release comes from: name that, too")
        _build(out, architecture)
        return
    if not sha256 or not location:
        raise UsageError("a --release needs --sha256, the checksum of its SHA256SUMS, and --from")
    from clickstream_lake.operate.release import ARCHITECTURES, fetch

    version = release.removeprefix("v")
    fetch(
        f"{location.rstrip('/')}/v{version}",
        sha256,
        out,
        [architecture] if architecture else ARCHITECTURES,
        lambda line: stderr.print(line, style="dim", highlight=False),
    )


def _build(out: Path, architecture: str | None) -> None:
    here = Path.cwd()
    checkout = next(
        (each for each in (here, *here.parents) if (each / "dev/package").is_dir()), None
    )
    if checkout is None:
        raise CliError(
            "packages are built in a checkout of the project; elsewhere, name a --release"
        )
    chosen = [f"--architecture={architecture}"] if architecture else []
    done = subprocess.run(  # noqa: S603 - the project's own builder
        [sys.executable, "-m", "dev.package", f"--out={out.resolve()}", *chosen],
        cwd=checkout,
        check=False,
    )
    if done.returncode:
        raise typer.Exit(done.returncode)

"""`python -m benchmarks scan`: the same as `clickstream bench scan`."""

from __future__ import annotations

from clickstream.cli.main import app


def main(arguments: list[str]) -> int:
    """Run the benchmark, with the options of `clickstream bench scan`."""
    app(["bench", "scan", *arguments], standalone_mode=False)
    return 0

"""The `clickstream` command. One module per command; `main` is the entry point."""

from clickstream_lake.cli.main import app, main

__all__ = ["app", "main"]

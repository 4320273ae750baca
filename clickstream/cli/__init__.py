"""The `clickstream` command. One module per command; `main` is the entry point."""

from clickstream.cli.main import app, main

__all__ = ["app", "main"]

"""A serverless clickstream lake: its rules, its functions, and the `clickstream` command."""

__version__ = "0.1.0"

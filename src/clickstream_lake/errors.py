"""The base of the toolkit's own errors. A leaf module: catching them loads nothing else."""


class ToolkitError(Exception):
    """Something that the toolkit cannot do; the message says what to do about it."""

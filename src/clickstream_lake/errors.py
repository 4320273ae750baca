"""The base of the toolkit's own errors. A leaf module: catching them loads nothing else."""


class ToolkitError(Exception):
    """The toolkit cannot do something; the message says what to do about it."""

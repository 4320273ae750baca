"""Every error the lake raises on purpose. A leaf module, so that no import can loop."""


class LakeError(Exception):
    """Base of all errors that say what is wrong and what to do about it."""


class ConfigError(LakeError):
    """A setting is missing or has a value that cannot work."""


class CatalogError(LakeError):
    """`catalog.json` contradicts itself or names a type that does not exist."""


class LayoutError(LakeError):
    """A key does not have the shape the lake's layout gives it."""


class ObjectExistsError(LakeError):
    """A conditional put found an object at its key already."""


class ObjectMissingError(LakeError):
    """An object that should be there is not."""


class ConservationError(LakeError):
    """Rows in and rows out do not add up, so nothing was made visible."""


class CorruptObjectError(LakeError):
    """A raw object is no valid gzip stream to its end, or is over a cap.

    Attributes:
        reason: one of the reasons in `functions.transform.reasons`.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep the machine-readable reason beside the message."""
        super().__init__(message)
        self.reason = reason

"""Every error that the lake and its functions raise on purpose.

A leaf module, so that no import can loop.
"""


class LakeError(Exception):
    """Base of all errors that say what is wrong and what to do about it."""


class ConfigError(LakeError):
    """A setting is missing or has a value that cannot work."""


class CatalogError(LakeError):
    """`catalog.json` contradicts itself or names a type that does not exist."""


class EventError(LakeError):
    """What a function was invoked with, or a message of it, is nothing that it understands."""


class FailedObjectsError(LakeError):
    """Some objects of an invocation that cannot answer for each could not be processed."""


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
        reason: the word for it that stands in the rejects table.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep the machine-readable reason beside the message."""
        super().__init__(message)
        self.reason = reason


class StorageError(LakeError):
    """S3 refused a call or did not answer, retries included."""


class ObjectChangedError(LakeError):
    """A conditional put found another version of the object than it was to replace."""


class PartitionCatalogError(LakeError):
    """Glue refused a call or did not answer, retries included."""


class PartitionMovedError(LakeError):
    """A partition no longer points where it did; start over from its present state."""


class ManifestError(LakeError):
    """A generation's manifest is missing, unreadable, or contradicts itself."""


class RawReplacedError(LakeError):
    """The raw object was replaced while its old content was worked on: read it again."""


class SupersededError(LakeError):
    """Another attempt at the same source came first: look it up, and use its timestamp."""

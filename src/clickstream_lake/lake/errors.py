"""Every error that the lake and its functions raise on purpose.

A leaf module, so that no import can loop.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self


class LakeError(Exception):
    """Base of all errors that say what is wrong and what to do about it."""


class ConfigError(LakeError):
    """A setting is missing or has a value that cannot work."""


class Problem(NamedTuple):
    """One thing that is wrong with a catalog.

    Attributes:
        place: the keys and indices that lead to it in the file.
    """

    message: str
    place: tuple[str | int, ...] = ()


class CatalogError(LakeError):
    """A catalog cannot be used: it is missing, or not what its name says, or contradicts itself.

    Attributes:
        problems: everything that is wrong with it.
    """

    def __init__(self, message: str, *place: str | int) -> None:
        """Say what is wrong, and where in the file."""
        super().__init__(message)
        self.problems: tuple[Problem, ...] = (Problem(message, place),)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> Self:
        """Several problems, one on each line."""
        found = tuple(problems)
        error = cls("\n".join(problem.message for problem in found))
        error.problems = found
        return error


class EventError(LakeError):
    """A function does not understand its event, or a message in it."""


class FailedObjectsError(LakeError):
    """Some objects failed, and this kind of invocation cannot report each failure by itself."""


class DeadlineError(LakeError):
    """The time that one raw object has in an invocation is over."""


class NoRoomError(LakeError):
    """The function's disk is full."""


class LayoutError(LakeError):
    """A key does not have the shape that the lake's layout prescribes."""


class ObjectExistsError(LakeError):
    """A conditional put found that its key already has an object."""


class ObjectMissingError(LakeError):
    """An object that should be there is not."""


class ConservationError(LakeError):
    """Rows in and rows out do not add up, so nothing was made visible."""


class CorruptObjectError(LakeError):
    """A raw object is not a valid gzip stream to its end, or is over a cap.

    Attributes:
        reason: the word for it in the rejects table.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep the machine-readable reason beside the message."""
        super().__init__(message)
        self.reason = reason


class StorageError(LakeError):
    """S3 refused a call or did not answer, retries included."""


class ObjectChangedError(LakeError):
    """A conditional put found a different version from the one it was to replace."""


class RequeueError(LakeError):
    """SQS kept refusing messages about raw objects that are to be transformed again."""


class PartitionCatalogError(LakeError):
    """Glue refused a call or did not answer, retries included."""


class PartitionMovedError(LakeError):
    """A partition no longer points where it did; start over from its present state."""


class ManifestError(LakeError):
    """A generation's manifest is missing, unreadable, or contradicts itself."""


class ManifestVersionError(ManifestError):
    """A manifest is of a version that this software does not know."""


class RawReplacedError(LakeError):
    """The raw object was replaced while its old content was processed: read it again."""


class SupersededError(LakeError):
    """Another attempt at the same source came first: look it up, use its timestamp and catalog."""


class NewerRecipeError(LakeError):
    """A newer version of this software, or a newer list, has published the source already."""

"""What a user of a running sandbox needs to know: credentials, and names of the lake's parts."""

import base64
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from clickstream_lake.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from clickstream_lake.sandbox.clients import Clients


REGION: Final = "us-east-1"
# Clients sign with it, and nobody looks at the signature: what is secret is the access key id.
_SECRET: Final = "sandbox"  # noqa: S105 - see above
_KEY_FILE: Final = "access-key-id"
# Unlike one of AWS's, so that nobody, a scanner of secrets included, takes it for one; 130 bits.
_KEY: Final = re.compile(r"SANDBOX[A-Z2-7]{26}")
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who may use a sandbox: whoever knows its access key id, which is random."""

    access_key_id: str

    @classmethod
    def random(cls) -> Self:
        """New ones."""
        return cls("SANDBOX" + base64.b32encode(secrets.token_bytes(20)).decode()[:26])

    @classmethod
    def kept_in(cls, directory: "Path") -> Self:
        """The ones of a sandbox's directory, which are made when they are first asked for.

        One that others could have read is replaced.
        """
        file = directory / _KEY_FILE
        if file.is_file() and not file.is_symlink() and not file.stat().st_mode & _OTHERS:
            known = file.read_text(encoding="utf-8", errors="replace").strip()
            if _KEY.fullmatch(known):
                return cls(known)
        made = cls.random()
        file.unlink(missing_ok=True)
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(f"{made.access_key_id}\n", encoding="utf-8")
        return made

    def environment(self, region: str = REGION) -> dict[str, str]:
        """Environment variables that any AWS client needs besides the endpoint."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": region,
        }


def make_private(directory: "Path") -> None:
    """Make a sandbox's directory, or take it over, so that other users cannot look into it.

    Raises:
        SandboxError: it is another user's.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if directory.stat().st_uid != os.getuid():
        raise SandboxError(f"{directory} belongs to another user: choose another directory")
    directory.chmod(0o700)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a user of the lake needs to know; empty for what does not exist.

    Attributes:
        queue_url: the queue between the raw zone and the transform function.
        dead_letter_url: where messages go that failed too often.
        compact_queue_url: the FIFO queue of partitions to compact.
        further: of a lake with several streams the others, by their keys.
    """

    bucket: str = ""
    stream: str = ""
    database: str = ""
    workgroup: str = ""
    queue_url: str = ""
    dead_letter_url: str = ""
    compact_queue_url: str = ""
    further: Mapping[str, "Resources"] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All names, for JSON."""
        names = asdict(self)
        if not self.further:
            del names["further"]
        return names


Provision = Callable[["Clients"], Resources]
"""Creates a lake through the sandbox's clients and says what its parts are called."""

"""Keep a lake in a directory, and bring it back into a new sandbox.

What is kept is what a lake consists of: the objects with their metadata, the Glue partitions, and
the messages of its queues. Everything else is provisioned again.

    DIRECTORY/state.json     what there is, and in which folder; replacing it is what saves
    DIRECTORY/bucket-…/      the objects of that state, as files
    DIRECTORY/bucket         a link to them, for people
    DIRECTORY/access-key-id  who may use the sandbox: `resources.py`

A new state is written beside the old one, which is deleted only when the new one is in force. So
whatever ends a saving, even a `kill -9`, leaves the one or the other, whole.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.moto_fixes import messages_of
from clickstream_lake.sandbox.resources import make_private

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients
    from clickstream_lake.sandbox.resources import Resources

_STATE_FILE: Final = "state.json"
_NEW_STATE: Final = f"{_STATE_FILE}.new"
_LINK: Final = "bucket"
_VERSION: Final = 2
# Answers to queries, and packages that Terraform put there, are not part of a lake.
_NOT_KEPT: Final = ("athena-results/", "artifacts/")
# What Glue returns for a partition but does not accept.
_OWNED_BY_GLUE: Final = frozenset({"DatabaseName", "TableName", "CreationTime", "CatalogId"})
# The queues of a lake, by their names in `Resources`.
_QUEUES: Final = ("queue_url", "dead_letter_url", "compact_queue_url")
# A key whose parts any file system takes as they are; others are kept under a name of their own.
_PART: Final = r"[\w=+,@-][\w=+,@.-]{0,199}"
_PLAIN_KEY: Final = re.compile(rf"(?:{_PART}/)*{_PART}", re.ASCII)
_LONGEST_PLAIN: Final = 400
_OTHERS: Final = ".others"
# Listings tell times in whole seconds: what is younger may have changed within its second.
_SURE_SECONDS: Final = 2


class _Message(msgspec.Struct, frozen=True):
    """A message of a queue, with its group if the queue is FIFO."""

    body: str
    group: str | None = None


class _Object(msgspec.Struct, frozen=True):
    """An object: its file in the state's folder, and how to know it again."""

    path: str
    metadata: dict[str, str]
    etag: str = ""
    modified: float = 0


class _State(msgspec.Struct):
    """What `state.json` says."""

    version: int = _VERSION
    bucket: str = ""
    files: str = ""
    saved: float = 0
    objects: dict[str, _Object] = msgspec.field(default_factory=dict)
    partitions: dict[str, list[dict[str, Any]]] = msgspec.field(default_factory=dict)
    messages: dict[str, list[_Message]] = msgspec.field(default_factory=dict)


class _FirstState(msgspec.Struct):
    """What earlier versions wrote: files under their keys, and no messages."""

    bucket: str
    metadata: dict[str, dict[str, str]]
    partitions: dict[str, list[dict[str, Any]]]


class _Version(msgspec.Struct):
    version: int = 1


def save(
    clients: "Clients",
    resources: "Resources",
    directory: Path,
    *,
    still: AbstractContextManager[object] | None = None,
) -> int:
    """Write the lake to `directory`, in place of one that was saved there before.

    Args:
        clients: reach the lake.
        resources: name its parts.
        directory: one that was claimed, or a new one.
        still: a context in which the lake does not change, if it might.

    Returns:
        How many objects there are.

    Raises:
        SandboxError: the directory holds something that a sandbox did not write.
    """
    claim(directory)
    before = _read(directory)
    _delete_others(before, directory)  # what failed leaves its folder, for it may be in force
    files = directory / f"{_LINK}-{secrets.token_hex(4)}"
    files.mkdir(mode=0o700)
    with still or nullcontext():
        state = _State(bucket=resources.bucket, files=files.name, saved=time.time())
        # Before the objects: what a message asked for is done before it is deleted.
        state.messages = _messages(resources, clients.region)
        state.objects = _write_objects(clients, resources.bucket, directory, before, files)
        state.partitions = _partitions(clients, resources.database)
    for folder, _, names in os.walk(files):
        for name in names:
            _sync(Path(folder, name))
        _sync(Path(folder))
    _put_in_force(state, directory)
    _tidy_up(state, directory)
    return len(state.objects)


def claim(directory: Path) -> None:
    """Make `directory` ready for a lake, and private.

    Raises:
        SandboxError: it holds something that a sandbox did not write, or is another user's.
    """
    found = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    # A first claim that was cut short has left the one, and not yet the other.
    if _STATE_FILE not in found and found - {_NEW_STATE}:
        raise SandboxError(
            f"{directory} is neither empty nor a sandbox's: choose another directory"
        )
    make_private(directory)
    if _STATE_FILE not in found:
        _put_in_force(_State(), directory)


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Claim `directory` for this process alone.

    Raises:
        SandboxError: as `claim`, or another sandbox keeps its lake there at this moment.
    """
    claim(directory)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SandboxError(
                f"another sandbox keeps its lake in {directory}: choose another directory"
            ) from None
        yield
    finally:
        os.close(descriptor)


def forget(directory: Path) -> None:
    """Delete everything that a sandbox has written to its directory.

    Raises:
        SandboxError: it holds something that a sandbox did not write.
    """
    claim(directory)
    _put_in_force(_State(), directory)
    _tidy_up(_State(), directory)
    for name in ("logs", "terraform"):
        shutil.rmtree(directory / name, ignore_errors=True)


def restore(clients: "Clients", resources: "Resources", directory: Path) -> int:
    """Bring back what `save` wrote, if anything.

    Returns:
        How many objects there are.

    Raises:
        SandboxError: the directory does not hold what its state says.
    """
    if not (directory / _STATE_FILE).exists():
        return 0
    # A lake that Terraform made has another bucket, and partitions name theirs.
    state = _read(directory)
    _check_that_it_fits(state, clients, resources, directory)
    s3, bucket = clients.s3, resources.bucket
    # What was transformed in an earlier life must not be announced again.
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    queues = notifications.get("QueueConfigurations", [])
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    for key, kept in state.objects.items():
        with _file(directory / state.files, kept.path, key).open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=kept.metadata)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}
    )
    for table, partitions in _of_bucket(state.partitions, state.bucket, bucket).items():
        for partition in partitions:
            # Glue's own answer, whose type is looser than the client's.
            clients.glue.create_partition(
                DatabaseName=resources.database,
                TableName=table,
                PartitionInput=partition,  # type: ignore[arg-type]
            )
    _send_again(clients, resources, state)
    return len(state.objects)


def _check_that_it_fits(
    state: _State, clients: "Clients", resources: "Resources", directory: Path
) -> None:
    tables = clients.glue.get_tables(DatabaseName=resources.database)["TableList"]
    lost = state.partitions.keys() - {table["Name"] for table in tables}
    lost |= state.messages.keys() - _queues(resources).keys()
    if lost:
        raise SandboxError(
            f"the lake in {directory} has other streams or catalogs than this one (here there is "
            f"no {', '.join(sorted(lost))}): start it as it was started before, or move it away"
        )


def _read(directory: Path) -> _State:
    """The state in force.

    Raises:
        SandboxError: it cannot be read.
    """
    file = directory / _STATE_FILE
    text = file.read_bytes()
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if version == 1:
            first = msgspec.json.decode(text, type=_FirstState)
            return _State(
                bucket=first.bucket,
                files=_LINK,
                objects={key: _Object(key, data) for key, data in first.metadata.items()},
                partitions=first.partitions,
            )
        if version == _VERSION:
            return msgspec.json.decode(text, type=_State)
    except msgspec.DecodeError as error:
        raise SandboxError(
            f"{file} is damaged ({error}): move {directory} away to begin with an empty lake"
        ) from None
    raise SandboxError(f"{file} was written by a newer version: use that, or another directory")


def _write_objects(
    clients: "Clients", bucket: str, directory: Path, before: _State, files: Path
) -> dict[str, _Object]:
    """Write every object into `files`: as a link where an earlier state has it already."""
    written: dict[str, _Object] = {}
    names = _Names()
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for entry in (entry for page in pages for entry in page.get("Contents", [])):
        key, etag, modified = entry["Key"], entry["ETag"], entry["LastModified"].timestamp()
        if key.startswith(_NOT_KEPT):
            continue
        path = names.take(key)
        file = files / path
        file.parent.mkdir(parents=True, exist_ok=True)
        old = before.objects.get(key)
        if (
            old is not None
            and (old.etag, old.modified) == (etag, modified)
            and modified + _SURE_SECONDS < before.saved
            and _linked(directory / before.files, old.path, file)
        ):
            written[key] = msgspec.structs.replace(old, path=path)
            continue
        answer = clients.s3.get_object(Bucket=bucket, Key=key)
        with file.open("xb") as sink, answer["Body"] as body:
            shutil.copyfileobj(body, sink, 1024 * 1024)
        written[key] = _Object(path, answer["Metadata"], etag, modified)
    return written


class _Names:
    """Names of files for keys: the key itself where that can be one, for people who look."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, key: str) -> str:
        """A name that no other key of this state has, under a folder that is no other's file."""
        folded = key.lower()  # some file systems take both cases for one name
        parts = folded.split("/")
        folders = {"/".join(parts[:end]) for end in range(1, len(parts))}
        if (
            len(key) <= _LONGEST_PLAIN
            and _PLAIN_KEY.fullmatch(key)
            and folded not in self._files | self._folders
            and self._files.isdisjoint(folders)
        ):
            self._files.add(folded)
            self._folders |= folders
            return key
        return f"{_OTHERS}/{hashlib.sha256(key.encode()).hexdigest()}"


def _linked(folder: Path, path: str, new: Path) -> bool:
    """Whether an earlier file is there under a new name, too; not every file system can do that."""
    if not _is_inside(folder, path):
        return False
    try:
        os.link(folder / path, new)
    except OSError:
        return False
    return True


def _is_inside(folder: Path, path: str) -> bool:
    return (folder / path).resolve().is_relative_to(folder.resolve())


def _file(folder: Path, path: str, key: str) -> Path:
    """An object's file.

    Raises:
        SandboxError: it is not there, or not in the folder.
    """
    file = folder / path
    if not _is_inside(folder, path):
        raise SandboxError(f"the object {key!r} would be read from outside of {folder}")
    if not file.is_file():
        raise SandboxError(
            f"{folder} has no file for the object {key!r}, so its lake is not whole: move "
            f"{folder.parent} away to begin with an empty one"
        )
    return file


def _put_in_force(state: _State, directory: Path) -> None:
    """Replace `state.json`, in one step and down to the disk."""
    new = directory / _NEW_STATE
    with new.open("wb") as sink:
        sink.write(msgspec.json.encode(state))
        sink.flush()
        os.fsync(sink.fileno())
    new.replace(directory / _STATE_FILE)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tidy_up(state: _State, directory: Path) -> None:
    """Point the link at what is in force, and delete what is not."""
    link = directory / _LINK
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)  # an earlier version's files
    if state.files:
        new = directory / f"{_LINK}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(state.files, target_is_directory=True)
        new.replace(link)
    else:
        link.unlink(missing_ok=True)
    _delete_others(state, directory)


def _delete_others(state: _State, directory: Path) -> None:
    """Delete the folders of states that are not in force."""
    for folder in directory.glob(f"{_LINK}-*"):
        if folder.name != state.files:
            shutil.rmtree(folder, ignore_errors=True)


def _messages(resources: "Resources", region: str) -> dict[str, list[_Message]]:
    return {
        name: [_Message(*each) for each in messages_of(url, region)]
        for name, url in _queues(resources).items()
    }


def _queues(resources: "Resources") -> dict[str, str]:
    """The URLs of all streams' queues, by names that another lake with these streams has, too."""
    own = {name: getattr(resources, name) for name in _QUEUES}
    for key, other in resources.further.items():
        own |= {f"{key}/{name}": url for name, url in _queues(other).items()}
    return own


def _send_again(clients: "Clients", resources: "Resources", state: _State) -> None:
    queues = _queues(resources)
    for name, messages in state.messages.items():
        for message in messages:
            more: Any = {}
            if message.group:
                more = {
                    "MessageGroupId": message.group,
                    "MessageDeduplicationId": secrets.token_hex(16),
                }
            body = message.body.replace(f'"{state.bucket}"', f'"{resources.bucket}"')
            clients.sqs.send_message(QueueUrl=queues[name], MessageBody=body, **more)


def _of_bucket(
    partitions: dict[str, list[dict[str, Any]]], was: str, now: str
) -> dict[str, list[dict[str, Any]]]:
    text = msgspec.json.encode(partitions).decode()
    moved: dict[str, list[dict[str, Any]]] = msgspec.json.decode(
        text.replace(f"s3://{was}/", f"s3://{now}/")
    )
    return moved


def _partitions(clients: "Clients", database: str) -> dict[str, list[dict[str, Any]]]:
    tables = clients.glue.get_tables(DatabaseName=database)["TableList"]
    found: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        pages = clients.glue.get_paginator("get_partitions").paginate(
            DatabaseName=database, TableName=table["Name"]
        )
        found[table["Name"]] = [
            {name: value for name, value in partition.items() if name not in _OWNED_BY_GLUE}
            for page in pages
            for partition in page["Partitions"]
        ]
    return found

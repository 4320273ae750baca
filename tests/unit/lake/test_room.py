import errno
import os
import shutil
import tempfile
from types import SimpleNamespace

import pytest

from clickstream_lake.compact.function import CompactFunction
from clickstream_lake.lake.config import CompactSettings, Limits
from clickstream_lake.lake.errors import ConfigError, NoRoomError
from clickstream_lake.lake.room import (
    BASE_MEMORY_BYTES,
    DISK_PER_OBJECT_BYTE,
    DISK_PER_TARGET_BYTE,
    MEMORY_PER_LINE_BYTE,
    Room,
    disk_errors,
)
from clickstream_lake.lake.units import GIB, MIB
from clickstream_lake.transform.function import TransformFunction

IN_AWS = {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}
NEEDED = {"LAKE_BUCKET": "lake", "LAKE_DATABASE": "clickstream"}


def test_the_defaults_fit_what_terraform_gives() -> None:
    Room(1769 * MIB, 4096 * MIB).check_transform(Limits())
    Room(3008 * MIB, 10240 * MIB).check_compact(CompactSettings())


@pytest.mark.parametrize("line", [MIB, 4 * MIB, 64 * MIB])
def test_the_longest_line_has_to_fit_the_memory(line: int) -> None:
    limits = Limits(max_line_bytes=line)
    enough = BASE_MEMORY_BYTES + MEMORY_PER_LINE_BYTE * line
    Room(enough).check_transform(limits)
    with pytest.raises(ConfigError, match=f"LAKE_MAX_LINE_BYTES={line} needs .* of memory"):
        Room(enough - 1).check_transform(limits)


@pytest.mark.parametrize("size", [64 * MIB, GIB])
def test_the_largest_object_has_to_fit_the_disk(size: int) -> None:
    limits = Limits(max_object_bytes=size)
    # A file system has a part of its disk for itself.
    enough = DISK_PER_OBJECT_BYTE * size * 9 // 10
    Room(None, enough + 1).check_transform(limits)
    with pytest.raises(ConfigError, match=f"LAKE_MAX_OBJECT_BYTES={size} needs .* of /tmp"):
        Room(None, enough - 1).check_transform(limits)


def test_the_files_of_a_merge_have_to_fit_the_disk() -> None:
    settings = CompactSettings(target_file_bytes=GIB)
    enough = DISK_PER_TARGET_BYTE * GIB * 9 // 10
    Room(None, enough + 1).check_compact(settings)
    with pytest.raises(ConfigError, match="LAKE_TARGET_FILE_BYTES=1073741824 needs 4096 MiB"):
        Room(None, enough - 1).check_compact(settings)


def test_every_complaint_is_made_at_once_and_a_line_is_no_longer_than_its_object() -> None:
    limits = Limits(max_line_bytes=2 * MIB, max_object_bytes=MIB)
    with pytest.raises(ConfigError) as caught:
        Room(1, 1).check_transform(limits)
    assert str(caught.value).count("\n  ") == 3
    with pytest.raises(ConfigError, match="LAKE_MAX_LINE_BYTES is over LAKE_MAX_OBJECT_BYTES"):
        Room().check_transform(limits)


def test_outside_of_aws_nothing_is_known_of_the_disk() -> None:
    assert Room.of({}) == Room(None, None)
    assert Room.of({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}) == Room(512 * MIB, None)
    assert Room.of({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "much"}) == Room(None, None)
    assert Room.of(IN_AWS) == Room(1769 * MIB, shutil.disk_usage(tempfile.gettempdir()).total)


@pytest.mark.parametrize("function", [TransformFunction, CompactFunction])
@pytest.mark.usefixtures("aws_environment")
def test_a_function_whose_limits_do_not_fit_does_not_start(
    function: type[TransformFunction | CompactFunction], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = os.environ | IN_AWS | NEEDED
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10 * GIB))
    function(environ)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=512 * MIB))
    with pytest.raises(ConfigError, match="of /tmp"):
        function(environ)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_from_other_trouble(code: int) -> None:
    with pytest.raises(NoRoomError, match="no room left on the disk for 'x'"), disk_errors("x"):
        raise OSError(code, "full")
    with pytest.raises(PermissionError), disk_errors("x"):
        raise PermissionError(errno.EACCES, "denied")

import os
import stat
from pathlib import Path

import pytest

from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.resources import Credentials, make_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_no_two_have_one_access_key_id() -> None:
    made = [Credentials.random().access_key_id for _ in range(200)]

    assert len({key[:12] for key in made}) > 190
    assert {len(key) for key in made} == {33}


def test_a_directory_keeps_its_own_where_nobody_else_may_read_it(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        first = Credentials.kept_in(tmp_path)
    finally:
        os.umask(previous)

    (file,) = tmp_path.iterdir()
    assert mode(file) == 0o600
    assert Credentials.kept_in(tmp_path) == first
    assert first.environment()["AWS_ACCESS_KEY_ID"] == first.access_key_id


@pytest.mark.parametrize("others", [0o604, 0o640, 0o620, 0o602, 0o666])
def test_one_that_others_could_read_or_write_is_replaced(tmp_path: Path, others: int) -> None:
    first = Credentials.kept_in(tmp_path)
    (file,) = tmp_path.iterdir()
    file.chmod(others)

    second = Credentials.kept_in(tmp_path)

    assert second != first
    assert mode(file) == 0o600


@pytest.mark.parametrize("content", ["", "sandbox", "SANDBOX", "\x00", "SANDBOX" + "é" * 26])
def test_one_that_is_none_is_replaced(tmp_path: Path, content: str) -> None:
    first = Credentials.kept_in(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content)

    assert Credentials.kept_in(tmp_path).access_key_id not in {content, first.access_key_id}


def test_a_link_to_somebody_s_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    known = Credentials.kept_in(tmp_path / ".")
    (file,) = tmp_path.iterdir()
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)

    assert Credentials.kept_in(tmp_path) != known
    assert elsewhere.read_text().strip() == known.access_key_id
    assert not file.is_symlink()


@pytest.mark.parametrize("before", [None, 0o755, 0o777])
def test_a_directory_is_for_its_owner_alone(tmp_path: Path, before: int | None) -> None:
    directory = tmp_path / "lake"
    if before is not None:
        directory.mkdir()
        directory.chmod(before)

    make_private(directory)

    assert mode(directory) == 0o700


def test_another_user_s_directory_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)

    with pytest.raises(SandboxError, match="belongs to another user"):
        make_private(tmp_path)

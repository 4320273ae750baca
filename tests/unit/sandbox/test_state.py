"""What is saved is whole at every moment, and comes back byte for byte."""

import errno
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clickstream_lake.sandbox import state
from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.state import _Names, claim, forget, held, restore
from tests.unit.sandbox.saving import CHANGING, STEADY, lake

ROOT = Path(__file__).parents[3]
# Names that some file system, or some step on the way, takes for something else.
KEYS = [
    "raw/year=2025/month=11/day=26/a.gz",
    "dup/a",
    "dup/a/b",
    "dup/a/b/c",
    "dup/A",
    "Dup/a/b",
    "raw/",
    "raw/x",
    "raw//x",
    "raw///",
    "/",
    "//",
    "/etc/passwd",
    "/etc/cron.d/x",
    ".",
    "..",
    "../x",
    "../../x",
    "a/../../x",
    "./a",
    "a/.",
    "a/..",
    ".others",
    ".others/x",
    "state.json",
    "bucket",
    "n\nl",
    "\n",
    "\r\n",
    "tab\t",
    " ",
    "trailing. ",
    "back\\slash",
    "C:\\x",
    "con",
    "a:b",
    "a*b?<>|\"'",
    "%2F%00%0A",
    "+ +",
    "\x01\x7f",
    "é",
    "e\u0301",
    "\u2028\ufeff\u202e",
    "\U0001f600",
    "\U0010ffff",
    "x" * 255,
    "x" * 256,
    "x" * 1024,
    "é" * 512,
    "/".join("x" * 511),
    "y/" * 512,
]


def saved_number(directory: Path) -> int:
    """The number of the state in force, which has to be whole."""
    with lake() as back:
        back.restore(directory)
        return back.number()


def test_a_lake_comes_back_as_it_was_and_again_after_that(tmp_path: Path) -> None:
    with lake() as first:
        first.fill()
        first.change(1)
        first.save(tmp_path / "lake")
    with lake() as second:
        second.restore(tmp_path / "lake")
        assert second.number() == 1
        second.change(2)
        second.save(tmp_path / "lake")
        second.change(3)
        second.save(tmp_path / "lake")
    assert saved_number(tmp_path / "lake") == 3


def test_every_key_comes_back_byte_for_byte_and_nothing_is_written_elsewhere(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "around" / "lake"
    with lake() as first:
        for number, key in enumerate(KEYS):
            body = f"{number} {key}".encode()
            first.s3.put_object(Bucket="lake", Key=key, Body=body, Metadata={"number": str(number)})
        put = first.objects()
        assert len(put) == len(KEYS)
        assert first.save(directory) == len(KEYS)
        assert first.save(directory) == len(KEYS)  # most of it by links, now
    with lake() as second:
        assert second.restore(directory) == len(KEYS)
        assert second.objects() == put
    assert [path.name for path in tmp_path.iterdir()] == ["around"]
    assert [path.name for path in (tmp_path / "around").iterdir()] == ["lake"]
    assert (directory / "bucket" / KEYS[0]).read_bytes() == f"0 {KEYS[0]}".encode()


@example(["a", "A"])
@example(["A/b", "a"])
@example(["a", "A/b"])
@given(st.lists(st.text("aAbB./ é\n", min_size=1, max_size=12), unique=True, max_size=30))
def test_names_of_files_do_not_meet_however_keys_do(keys: list[str]) -> None:
    names = _Names()
    taken = [names.take(key) for key in sorted(keys)]
    folded = {name.lower() for name in taken}
    folders = {str(parent) for name in folded for parent in Path(name).parents}
    assert len(folded) == len(keys)
    assert folded.isdisjoint(folders)
    for name in taken:
        parts = name.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert max(map(len, parts)) <= 255


def test_only_the_owner_can_look_into_it(tmp_path: Path) -> None:
    directory = tmp_path / "lake"
    directory.mkdir(mode=0o755)
    claim(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("left", ["", '{"version":'])
def test_a_directory_whose_first_claim_was_cut_short_is_claimed_again(
    left: str, tmp_path: Path
) -> None:
    (tmp_path / "state.json.new").write_text(left)

    claim(tmp_path)

    with lake() as back:
        assert back.restore(tmp_path) == 0


def test_a_directory_is_one_sandbox_s_at_a_time(tmp_path: Path) -> None:
    with (
        held(tmp_path),
        pytest.raises(SandboxError, match="another sandbox keeps its lake in"),
        held(tmp_path),
    ):
        pass
    with held(tmp_path):
        pass


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Where a lake is saved that says 1."""
    with lake() as running:
        running.fill()
        running.change(1)
        running.save(tmp_path / "lake")
    return tmp_path / "lake"


STEPS: dict[str, tuple[Any, str]] = {
    "fsync": (os, "fsync"),
    "os.open": (os, "open"),
    "link": (os, "link"),
    "copy": (shutil, "copyfileobj"),
    "rmtree": (shutil, "rmtree"),
    "mkdir": (Path, "mkdir"),
    "open": (Path, "open"),
    "replace": (Path, "replace"),
    "symlink": (Path, "symlink_to"),
    "unlink": (Path, "unlink"),
}


class Failing:
    """Fails one call of a function, as a full disk does, and counts them."""

    def __init__(self, real: Callable[..., Any], at: int) -> None:
        self.calls = 0
        self._real = real
        self._at = at

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.calls += 1
        if self.calls == self._at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._real(*args, **kwargs)

    def as_function(self) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> object:
            return self(*args, **kwargs)

        return call  # which binds to an instance, where it takes a method's place


@pytest.mark.parametrize("step", STEPS)
def test_whichever_step_of_saving_fails_one_whole_state_is_left(
    step: str, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = STEPS[step]
    number = 0
    with lake() as running:
        running.restore(saved)
        running.save(saved)
        running.change(2)
        while True:
            number += 1
            place = tmp_path / f"{step}-{number}"
            shutil.copytree(saved, place, symlinks=True)
            failing = Failing(getattr(owner, name), number)
            with monkeypatch.context() as patch:
                patch.setattr(state, "_SURE_SECONDS", -60)  # what is old is known at once
                patch.setattr(owner, name, failing.as_function())
                try:
                    running.save(place)
                    failed = False
                except OSError:
                    failed = True
            if failing.calls < number:
                break
            assert number_in_force(place) in ({1, 2} if failed else {2})
            # And what was left over is in nobody's way.
            running.save(place)
            assert number_in_force(place) == 2
            assert len([*place.glob("bucket-*")]) == 1
            assert (place / "bucket/processed/b").read_bytes() == b"2"
    assert number > 1, "this step was never taken"
    assert saved_number(place) == 2


def number_in_force(directory: Path) -> int:
    """As `saved_number`, but without a lake to bring it back into, which takes longer."""
    kept = state._read(directory)
    numbers = set()
    for key, each in kept.objects.items():
        body = state._file(directory / kept.files, each.path, key).read_bytes()
        if key in STEADY:
            assert body == STEADY[key]
        else:
            numbers |= {body.decode(), each.metadata["n"]}
    numbers |= {partition["Values"][0] for partition in kept.partitions["events"]}
    numbers |= {message.body for message in kept.messages["queue_url"]}
    (number,) = numbers
    assert set(kept.objects) - set(STEADY) == set(CHANGING[:-1] if int(number) % 2 else CHANGING)
    return int(number)


def kill_while_saving(directory: Path, times: int, seed: int) -> list[int]:
    """Kill the saving process at random moments; the numbers that were found afterwards."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    found = []
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.unit.sandbox.saving", str(directory)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        first = 1
        for _ in range(times):
            process.stdin.write(f"{first}\n")
            process.stdin.flush()
            child = int(process.stdout.readline())
            process.stdout.readline()  # one state is there
            time.sleep(chance.uniform(0, 0.4))
            os.kill(child, signal.SIGKILL)
            lines = list(iter(process.stdout.readline, "killed\n"))
            said = int(lines[-1]) if lines else first
            number = saved_number(directory)
            # It may have come into force, and not have been said yet.
            assert said <= number <= said + 1
            found.append(number)
            first = number + 1
        process.stdin.close()
    return found


def test_a_kill_at_any_moment_leaves_the_last_whole_state(tmp_path: Path) -> None:
    assert len(kill_while_saving(tmp_path / "lake", times=3, seed=1)) == 3


@pytest.mark.slow
def test_a_hundred_kills_leave_the_last_whole_state_each(tmp_path: Path) -> None:
    numbers = kill_while_saving(tmp_path / "lake", times=100, seed=2)
    assert numbers == sorted(set(numbers))


def write_as_version_1(directory: Path, objects: dict[str, bytes]) -> None:
    for key, body in objects.items():
        (directory / "bucket" / key).parent.mkdir(parents=True, exist_ok=True)
        (directory / "bucket" / key).write_bytes(body)
    said = {
        "bucket": "lake",
        "metadata": {key: {"raw-etag": key} for key in objects},
        "partitions": {"events": [{"Values": ["1"], "StorageDescriptor": {"Location": "s3://x/"}}]},
    }
    (directory / "state.json").write_text(json.dumps(said))


def test_the_first_version_s_state_is_read_and_becomes_one_of_this(tmp_path: Path) -> None:
    write_as_version_1(tmp_path, {"raw/a.gz": b"a", "processed/b": b"b"})
    for _ in range(2):
        with lake() as back:
            assert back.restore(tmp_path) == 2
            assert back.objects() == {
                "raw/a.gz": (b"a", {"raw-etag": "raw/a.gz"}),
                "processed/b": (b"b", {"raw-etag": "processed/b"}),
            }
            back.save(tmp_path)
    assert (tmp_path / "bucket").is_symlink()
    assert (tmp_path / "bucket/raw/a.gz").read_bytes() == b"a"


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/{outside}", "link/outside"])
def test_nothing_is_read_from_outside_of_it(tmp_path: Path, key: str) -> None:
    (tmp_path / "outside").write_text("a secret")
    directory = tmp_path / "lake"
    write_as_version_1(directory, {"raw/a": b"a"})
    (directory / "bucket/link").symlink_to(tmp_path)
    said = json.loads((directory / "state.json").read_text())
    said["metadata"][key.format(outside=tmp_path / "outside")] = {}
    (directory / "state.json").write_text(json.dumps(said))

    with lake() as back, pytest.raises(SandboxError, match="from outside of"):
        back.restore(directory)


def test_what_an_earlier_version_lost_is_said(tmp_path: Path) -> None:
    write_as_version_1(tmp_path, {"raw/a": b"a", "raw/b": b"b"})
    (tmp_path / "bucket/raw/b").unlink()

    with lake() as back, pytest.raises(SandboxError, match=r"no file for the object 'raw/b'.*move"):
        back.restore(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is damaged"), ("[]", "is damaged"), ('{"version":3}', "by a newer version")],
)
def test_a_state_that_cannot_be_read_is_left_alone_and_says_so(
    text: str, message: str, tmp_path: Path
) -> None:
    claim(tmp_path)
    (tmp_path / "state.json").write_text(text)

    with lake() as running:
        with pytest.raises(SandboxError, match=message):
            restore(running, running.resources, tmp_path)  # type: ignore[arg-type]  # all that it needs
        with pytest.raises(SandboxError, match=message):
            running.save(tmp_path)

    assert (tmp_path / "state.json").read_text() == text


def test_what_is_forgotten_is_gone(saved: Path) -> None:
    forget(saved)

    assert [path.name for path in saved.iterdir()] == ["state.json"]
    with lake() as back:
        assert back.restore(saved) == 0

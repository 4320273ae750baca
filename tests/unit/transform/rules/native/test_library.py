import gzip
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clickstream_lake.transform.rules.native import library
from dev.kernel import SOURCES, compile_kernel, this_machine
from tests.corpus.lake_files import run

HEADER = (SOURCES / "kernel.h").read_text(encoding="utf-8")
EXPORTING = '__attribute__((visibility("default"))) '

Use = Callable[[bytes | None], None]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Puts some bytes, or none, in the place of the kernel."""
    place = tmp_path / "kernel-other.so"

    def put(data: bytes | None) -> None:
        if data is not None:
            place.write_bytes(data)
        monkeypatch.setattr(library, "path", lambda: place)
        library.load.cache_clear()

    yield put
    library.load.cache_clear()


def compiled(source: str, directory: Path) -> bytes:
    (directory / "kernel.c").write_text(source)
    return compile_kernel(this_machine(), sources=directory)


def test_with_a_kernel_nothing_is_missing() -> None:
    assert library.missing() is None


def test_a_missing_kernel_says_what_to_do(use: Use) -> None:
    use(None)
    with pytest.raises(library.KernelMissingError, match=r"kernel-other.* be loaded.*`make setup`"):
        library.load()


def test_one_that_is_no_library_is_as_good_as_missing(use: Use) -> None:
    use(b"no library")
    assert "kernel-other.so cannot be loaded" in str(library.missing())


@pytest.mark.parametrize(
    ("source", "abi"),
    [
        (f"{EXPORTING}unsigned kernel_abi(void) {{ return {library.ABI + 1}; }}", library.ABI + 1),
        (f"{EXPORTING}int kernel_new(void) {{ return 1; }}", 0),
    ],
    ids=["later", "before there was one"],
)
def test_one_of_another_abi_is_as_good_as_missing(
    source: str, abi: int, use: Use, tmp_path: Path
) -> None:
    use(compiled(source + "\n", tmp_path))
    assert f"another version (its ABI is {abi}, not {library.ABI})" in str(library.missing())


def test_a_setting_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_KERNEL", "off")
    assert "CLICKSTREAM_KERNEL=off" in str(library.missing())
    monkeypatch.setenv("CLICKSTREAM_KERNEL", "on")
    assert library.missing() is None


@pytest.mark.parametrize("data", [None, b"no library"], ids=["missing", "unloadable"])
def test_without_one_the_files_are_the_same(data: bytes | None, use: Use) -> None:
    text = b'{"event_id":"a","price":1.50,"zz":[1]}\n\n{"event_id":2}x\n' * 2_000
    raw = gzip.compress(text)
    with_kernel = run(raw, compressed=True)
    use(data)
    assert library.missing()
    assert run(raw, compressed=True).files == with_kernel.files


def test_both_sides_name_the_same_abi() -> None:
    assert re.findall(r"^#define KERNEL_ABI (\d+)$", HEADER, re.MULTILINE) == [str(library.ABI)]


def test_both_sides_have_the_same_reasons_in_the_same_order() -> None:
    (found,) = re.findall(r"enum \{\s*(NOT_JSON,[^}]*), REASONS, PUBLISHED", HEADER)
    assert re.findall(r"\w+", found) == [reason.name for reason in library.REASONS]


def test_the_interface_has_changed_only_with_its_number() -> None:
    """Where this fails: set the digest, and `ABI` and `KERNEL_ABI` one higher."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.[ch]")))
    text = re.sub(r"/\*.*?\*/|\s", "", text, flags=re.DOTALL)
    functions = re.findall(r"EXPORTED(\w[^{}]*?\)){", text)
    structs = re.findall(
        r"typedefstruct{([^}]*)}(Scanned|Reject|Tally|Layout|Automaton|Rules|RoutedRun|RoutedPart);",
        text,
    )
    numbers = re.findall(r"enum{((?:TEXT,|ISO=|UNDECLARED=|NOT_JSON,|NOTHING,)[^}]*)}", text)
    assert (len(functions), len(structs), len(numbers)) == (len(library._FUNCTIONS), 8, 5)
    found = hashlib.sha256(repr((sorted(functions), structs, numbers)).encode()).hexdigest()[:16]
    assert (library.ABI, found) == (5, "cb8483e11921366f")

"""Instructions that the kernel takes for a fixed text, as callgrind counts them.

They depend on the sources, the locked compiler and its flags, not on the machine. The C library's
instructions do, so they are left out, and its calls are counted instead.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from clickstream_lake.lake.coercion import INT64_MAX
from clickstream_lake.lake.patterns import Automaton, automaton_of
from clickstream_lake.lake.quality import MOST_LENGTH, quality_of
from dev.kernel import CACHE, CODE_FLAGS, COMPILER, SOURCES, TARGETS

HERE: Final = Path(__file__).parent
FIGURES: Final = HERE / "kernel.json"
TOLERANCE: Final = 0.01
_EVENTS: Final = 2_000
# As the driver takes them, with kernel.h's numbers; not the catalog's, so that it can change.
_FIELDS: Final = (
    "event_id:0 event_type:0 event_ts:5 session_id:0 page_url:0 referrer:0 country:0 price:2 "
    "quantity:3 is_bot:4 properties:1 extra:6 processed_ts:7 user_id:-2 utm_source:-1"
)


# By the number of the column: what people ask of such columns.
RULES: Final[dict[int, tuple[str, dict[str, Any]]]] = {
    0: ("string", {"required": True, "pattern": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}),
    1: ("string", {"required": True, "enum": ["page_view", "click", "purchase", "search"]}),
    2: ("timestamp", {"required": True, "min": "2020-01-01T00:00:00Z"}),
    3: ("string", {"max_length": 64}),
    4: ("string", {"max_length": 2_048}),
    5: ("string", {"max_length": 2_048}),
    6: ("string", {"pattern": "[A-Z]{2}"}),
    7: ("double", {"min": 0, "max": 100_000}),
    8: ("bigint", {"min": 0, "max": 1_000}),
}


def events() -> bytes:
    """Events as producers send them: always the same, even if the generator changes."""
    return b"".join(map(_event, range(_EVENTS)))


def _event(n: int) -> bytes:
    odd = (
        b'"properties":{"tags":["a%d", {"deep":[1.5,true,null]}],"note":"\\u00e9\\n"}' % n,
        b'"utm_source":"mail %d","properties":null' % (n % 3),
        b'"referrer":"https://caf\xc3\xa9.example/?q=%d","quantity":%d' % (n, n % 9),
        b'"price":%d.%02d,"quantity":3.0, "is_bot" : false' % (n % 900, n % 100),
    )[n % 4]
    return (
        b'{"event_id":"%08x-0000-4000-8000-%012x","event_type":"page_view","event_ts":'
        b'"2025-11-%02dT10:00:%02d.%03dZ","user_id":"u-%d","session_id":"s-%032x","page_url":'
        b'"https://shop.example/products/%d?campaign=autumn","country":"DE",%s}\n'
        % (n * 2_654_435_761 % 2**32, n, 1 + n % 28, n % 60, n % 1_000, n % 97, n // 7, n, odd)
    )


def count_all(valgrind: str) -> dict[str, int]:
    """Count without rules of columns, and with some."""
    ruled = count(valgrind, ruled=True)
    return count(valgrind) | {"instructions with rules": ruled["instructions"]}


def count(valgrind: str, *switches: str, ruled: bool = False) -> dict[str, int]:
    """Compile the kernel and a driver, and count.

    Args:
        valgrind: the program.
        switches: more arguments of the compiler.
        ruled: whether columns have `RULES`.

    Returns:
        Instructions of the kernel's own code, and its calls of the C library.

    Raises:
        subprocess.CalledProcessError: the compiler or the driver failed; `stderr` says why.
    """
    with tempfile.TemporaryDirectory() as directory:
        driver, counted = Path(directory) / "driver", Path(directory) / "counted"
        text = Path(directory) / "text"
        text.write_bytes(events())
        rules = _rules() if ruled else "enum { RULE_COUNT = 0 };\n#define RULES NULL\n"
        (Path(directory) / "rules.h").write_text(rules)
        _run(
            *COMPILER,
            *TARGETS["Linux", "x86_64"].flags,
            *CODE_FLAGS,
            *switches,
            # The driver needs only the header's exports.
            *("-Wno-unused-function", f"-I{SOURCES}", f"-I{directory}"),
            *(f"{SOURCES}/kernel.c", f"{HERE}/driver.c"),
            *("-o", str(driver)),
        )
        _run(
            valgrind,
            "--tool=callgrind",
            "--toggle-collect=kernel_scan",
            "--toggle-collect=kernel_fill",
            "--compress-strings=no",
            "--compress-pos=no",
            f"--callgrind-out-file={counted}",
            str(driver),
            str(text),
            *_FIELDS.split(),
        )
        return _own(counted.read_text(encoding="utf-8"), str(driver))


def _rules() -> str:
    """The rules as C has them."""
    structs = []
    for column, (kind, entry) in RULES.items():
        quality = quality_of(entry, kind, lambda _: 0)
        said = [f".column = {column}", f".required = {int(quality.required)}"]
        if words := quality.words:
            said.append(f".texts = {_automaton(words)}")
        if quality.pattern:
            said.append(f".pattern = {_automaton(automaton_of(quality.pattern))}")
        if kind == "double":
            said.append(f".least.number = {quality.least}, .most.number = {quality.most}")
        elif kind != "string":
            most = INT64_MAX if quality.most is None else quality.most
            said.append(f".least.whole = {quality.least}, .most.whole = {most}")
        said.append(f".max_length = {quality.max_length or MOST_LENGTH}")
        structs.append(f"{{{', '.join(said)}}}")
    return (
        f"enum {{ RULE_COUNT = {len(structs)} }};\n"
        f"static const Rules RULES[] = {{{', '.join(structs)}}};\n"
    )


def _automaton(automaton: Automaton) -> str:
    steps, kinds = (", ".join(map(str, some)) for some in (automaton.steps, automaton.kinds))
    places = f"{automaton.start}, {automaton.first_end}"
    return f"{{(const u32[]){{{steps}}}, (const u8[]){{{kinds}}}, {places}}}"


def _run(*command: str) -> None:
    caches = {f"ZIG_{kind}_CACHE_DIR": str(CACHE) for kind in ("GLOBAL", "LOCAL")}
    # A compiler obeys variables that would change its output: it gets only these.
    environment = {"PATH": os.defpath, **caches}
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603 - our tools


def _own(counted: str, program: str) -> dict[str, int]:
    """Sum what callgrind counted in one program file: its own code, and its calls of others.

    The format: https://valgrind.org/docs/manual/cl-format.html
    """
    instructions = calls = 0
    own = elsewhere = called = False
    for line in counted.splitlines():
        if line.startswith("ob="):
            own = line == f"ob={program}"
        elif line.startswith("cob="):
            elsewhere = line != f"cob={program}"
        elif line.startswith("calls="):
            calls += int(line[6:].split()[0]) if own and elsewhere else 0
            elsewhere, called = False, True
        elif line[:1].isdigit():
            # The line after a call has what the callee took in all.
            instructions += int(line.split()[1]) if own and not called else 0
            called = False
    return {"instructions": instructions, "calls": calls}


def moved(found: dict[str, int]) -> list[str]:
    """What is more than the tolerance away from the committed figures, in words."""
    known: dict[str, int] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return [
        f"the kernel's {name}: {found[name]:,}, which is {found[name] / known[name] - 1:+.2%} of "
        f"{known[name]:,}"
        for name in found
        if abs(found[name] / known[name] - 1) > TOLERANCE
    ]

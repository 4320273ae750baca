"""A search for raw objects that cost much per byte, and the corpus of the worst that it found.

    python -m tests.fuzz.costly --seconds 3600 --seed 1

Recipes of objects are changed at random, and those are kept that cost most of their kind: CPU
seconds, bytes of rejects, or memory, for each byte. It starts from the shapes of the benchmark,
from the hostile lines of the fuzzer, and from what it found before.
"""

import argparse
import gzip
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from benchmarks.hostile.run import Cost, cost
from benchmarks.hostile.shapes import shapes
from benchmarks.measure import peak_rss
from tests.fuzz import hostile

CORPUS: Final = Path(__file__).parents[1] / "corpus" / "costly"
WORST: Final = 20
# An object of whatever size costs some milliseconds, so small ones say little.
_FIRST_BYTES, _SEARCH_BYTES, _FULL_BYTES = 100_000, 400_000, 1_000_000
_LONGEST: Final = 3_000
_ROUND_SECONDS: Final = 20.0
_DIGIT, _LETTER = b"\1", b"\2"
_TABLES: Final = 64
_OBJECTIVES: Final = {"cpu": 0.8, "rejects": 0.1, "memory": 0.1}

_TOKENS: Final = [
    *(sign.encode() for sign in '{}[]":,\\'),
    *(b"\n", b"\r", b"\t", b" ", b"\0", b"\x1e", b"\xef\xbb\xbf", b"\xff", b"\\n", b"{}", b"[]"),
    *(b'"":', b'{"":', b'"a":1,', b",,", b"null", b"true", b"NaN", b"-", b"e9", b"0."),
    *(b"?user_id=" + _DIGIT, b"#a=%75ser_id&", b"%", b"&a=", b'{\\"user_id\\":1}', b'[\\"'),
    *(_DIGIT, _LETTER, b"\\u00", "u\u017fer_id", "\uff55ser_id", "\u0131", "\u00e9", "\u65e5"),
]  # fmt: skip
_TEXTS: Final = [
    *(token if isinstance(token, bytes) else token.encode() for token in _TOKENS),
    *(text.encode() for text in hostile.TEXTS + hostile.BAD_TEXTS + hostile.STRANGE_NAMES),
    *(text.encode() for text in hostile.NUMBERS + hostile.BAD_NUMBERS if len(text) < 400),
    *(b'"%s"' % text.encode() for text in hostile.TIMES),
    *(b'"%s":' % name.encode() for name in hostile.COLUMNS + hostile.OWN_NAMES + hostile.PERSONAL),
    *hostile.GARBAGE,
    *hostile.SCALARS,
]
_WRAPS: Final = [
    (b'{"a":', b"}"), (b"[", b"]"), (b'"', b'"'), (b'{"properties":', b"}\n"), (b'{"a":"', b'"}\n'),
    (b"", b"\n"), (b'{"user_id":', b"}"), (b'{"page_url":"', b'"}\n'), (b'{"event_ts":', b"}\n"),
]  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    r"""How an object is made.

    Its text is `head`, `unit` so many times, and `tail`, again and again; `\1` stands for a digit
    and `\2` for a letter, which differ each time.

    Attributes:
        member: bytes of text in each gzip member; 0 for one member.
        empty: empty members after each.
        origin: what it was at the beginning.
    """

    head: bytes
    unit: bytes
    tail: bytes
    repeat: int = 1
    member: int = 0
    empty: int = 0
    origin: str = ""

    def text(self, size: int) -> bytes:
        """The decompressed object, of about so many bytes."""
        rng = random.Random(1)  # noqa: S311 - test data
        repeat = max(min(self.repeat, size // max(len(self.unit), 1)), 1)
        block = self.head + self.unit * repeat + self.tail or b"\n"
        if _DIGIT not in block and _LETTER not in block:
            return block * (size // len(block) + 1)
        to = [
            bytes.maketrans(
                _DIGIT + _LETTER, bytes([rng.choice(b"0123456789"), rng.choice(b"abcdefghijk")])
            )
            for _ in range(_TABLES)
        ]
        return b"".join(block.translate(rng.choice(to)) for _ in range(size // len(block) + 1))

    def raw(self, size: int) -> bytes:
        """The object itself, the larger of whose sizes is about `size` bytes."""
        if not self.member:
            return gzip.compress(self.text(size), 1, mtime=0)
        empty = gzip.compress(b"", mtime=0) * self.empty
        each = max(self.member, len(empty) + 23)
        text = self.text(size * self.member // each + 1)
        parts = (text[at : at + self.member] for at in range(0, len(text), self.member))
        return b"".join(gzip.compress(part, 1, mtime=0) + empty for part in parts)


@dataclass(frozen=True)
class Found:
    """A recipe, and what it costs: CPU seconds, bytes of rejects and bytes of memory for each byte.

    Attributes:
        kind: recipes of one kind compete; see `_kind`.
    """

    recipe: Recipe
    cpu: float
    rejects: float
    memory: float
    kind: str

    def score(self, objective: str) -> float:
        """What an objective makes as large as it can."""
        return float(getattr(self, objective))


Elite = dict[tuple[str, str], Found]
"""The worst of each objective and kind."""


def measure(recipe: Recipe, size: int) -> Found:
    """Transform an object once, in this process."""
    raw = recipe.raw(size)
    before = _reset_peak()
    one = cost(raw)
    memory = max(peak_rss() - before, 0)
    return Found(
        recipe,
        cpu=one.cpu / one.size * 1e6,
        rejects=max(one.rejects_bytes - 65_536, 0) / one.size,
        memory=memory / one.size,
        kind=_kind(recipe, one),
    )


def _reset_peak() -> int:
    """Let the peak of memory begin anew, where Linux can; return the bytes of now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return 0
    return peak_rss()


def _kind(recipe: Recipe, one: Cost) -> str:
    """What an object does, coarsely, so that one idea does not push out all others."""
    pieces = max(one.lines, 1)
    return "/".join(
        (
            one.corrupt or f"{round(4 * one.published / pieces)} of 4 published",
            f"2^{(one.size // pieces).bit_length()} bytes each",
            "members" if recipe.member else "a member",
            "long lines" if b"\n" not in recipe.head + recipe.unit + recipe.tail else "lines",
        )
    )


def evolve(elite: Elite, seed: int, seconds: float) -> Elite:
    """Change recipes for a while; return what is worse now, or as bad."""
    rng = random.Random(seed)  # noqa: S311 - test data
    measure(_CLEAN, _FULL_BYTES)  # what a process's first object costs is no object's cost
    end = time.monotonic() + seconds
    elite = dict(elite)
    while time.monotonic() < end:
        (objective,) = rng.choices(list(_OBJECTIVES), list(_OBJECTIVES.values()))
        parents = [found for (of, _), found in elite.items() if of == objective]
        parents.sort(key=lambda found: found.score(objective), reverse=True)
        # Half of the time one of the eight worst, otherwise any.
        first = rng.choice(parents[:8] if rng.random() < 0.5 else parents).recipe
        child = change(first, rng.choice(parents).recipe, rng)
        found = measure(child, _FIRST_BYTES)
        if not any(_is_worse(found, of, elite, 0.7) for of in _OBJECTIVES):
            continue
        found = measure(child, _SEARCH_BYTES)  # again, so that a moment of noise is not kept
        for of in _OBJECTIVES:
            if _is_worse(found, of, elite, 1.0):
                elite[of, found.kind] = found
    return elite


def _is_worse(found: Found, objective: str, elite: Elite, factor: float) -> bool:
    best = elite.get((objective, found.kind))
    return best is None or found.score(objective) > factor * best.score(objective)


def change(one: Recipe, other: Recipe, rng: random.Random) -> Recipe:
    """A recipe with a few changes."""
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        one = _changed(one, other, rng)
    return replace(
        one, head=one.head[:_LONGEST], unit=one.unit[:_LONGEST], tail=one.tail[:_LONGEST]
    )


def _changed(one: Recipe, other: Recipe, rng: random.Random) -> Recipe:
    before, after = rng.choice(_WRAPS)
    lines = hostile.Hostile(rng)
    line = rng.choice((lines.line, lines.event, lines.usual))() + b"\n"
    repeat = rng.choice((1, 2, 10, 100, 1_000, 10**6, one.repeat * 2))
    member, empty = rng.choice((0, 0, 1, 2, 7, 30, 500, 70_000)), rng.choice((0, 0, 1, 10))
    whole = [
        replace(one, repeat=repeat),
        replace(one, member=member, empty=empty),
        replace(one, unit=before + one.unit + after),
        replace(one, head=before + one.head, tail=one.tail + after),
        replace(one, head=other.head, tail=other.tail),
        replace(one, unit=line),
    ]
    if rng.random() < 0.3:
        return rng.choice(whole)
    part = rng.choices(("head", "unit", "tail"), (1, 4, 1))[0]
    return replace(one, **{part: _changed_text(getattr(one, part), other.unit, rng)})


def _changed_text(text: bytes, other: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    end = min(end, start + rng.choice((1, 3, 10, 100, 1_000)))
    value = hostile.Hostile(rng)._value(1).encode(errors="surrogatepass")
    changes = [
        text[:start] + rng.choice(_TEXTS) + text[start:],
        text[:start] + rng.choice(_TEXTS) + text[end:],
        text[:start] + text[end:],
        text[:end] + text[start:end] * rng.choice((1, 2, 10)) + text[end:],
        text[:start] + value + text[end:],
        text[:start] + other[: rng.randrange(200)] + text[end:],
        text + (b"\n" if rng.random() < 0.5 else rng.choice(_TEXTS)),
        text.replace(b"\n", b""),
        bytes(_DIGIT[0] if byte in b"0123456789" else byte for byte in text),
        text[:start] + _LETTER + text[start + 1 :],
    ]
    return rng.choice(changes)


def beginnings(seed: int) -> Iterable[Recipe]:
    """What the search starts from: shapes, hostile lines, and what is in the corpus."""
    rng = random.Random(seed)  # noqa: S311 - test data
    for shape in shapes():
        if shape.name != "keys of one hash":  # the making of which takes a second
            unit = shape.text(rng, 1)[:_LONGEST]
            member = 30 if shape.members else 0
            repeat = 10**6 if shape.group == "one long line" else 1
            yield Recipe(b"", unit, b"", repeat, member, origin=shape.name)
    for start, unit, end in (
        (b'{"a":[', b"{},", b"{}]}\n"),
        (b'{"a":[', b'{"":1},', b"x]}\n"),
        (b'{"properties":"[', b"{},", b'{}]"}\n'),
        (b'{"page_url":"/?', b"a=1&", b'"}\n'),
        (b"{", b'"k\1\1\1\1":1,', b'"z":1}\n'),
        (b'{"a":"', b"\\ud83d\\ude00", b'"}\n'),
        (b'{"a":{"b":[', b'{"user_id":\1},', b"{}]}}\n"),
    ):
        yield Recipe(start, unit, end, 1_000, origin="grammar")
    lines = hostile.Hostile(rng)
    for _ in range(40):
        yield Recipe(b"", lines.line() + b"\n", b"", origin="hostile line")
    yield from (recipe for recipe, _ in load())


def load() -> list[tuple[Recipe, dict[str, object]]]:
    """The recipes of the corpus, and what was measured of each."""
    index = CORPUS / "index.json"
    if not index.exists():
        return []
    found = []
    for entry in json.loads(index.read_text(encoding="utf-8")):
        texts = {
            part: (CORPUS / f"{entry['name']}.{part}").read_bytes()
            for part in ("head", "unit", "tail")
            if (CORPUS / f"{entry['name']}.{part}").exists()
        }
        recipe = Recipe(
            texts.get("head", b""),
            texts.get("unit", b""),
            texts.get("tail", b""),
            *(entry[name] for name in ("repeat", "member", "empty", "origin")),
        )
        found.append((recipe, entry))
    return found


def save(worst: list[tuple[Found, str, float]], seed: int) -> None:
    """Write the corpus anew: recipes, why each is in it, and clean events' cost beside its own."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    entries = []
    for found, objective, clean in worst:
        recipe = asdict(found.recipe)
        texts = {part: recipe.pop(part) for part in ("head", "unit", "tail")}
        name = sha256(repr(found.recipe).encode()).hexdigest()[:8]
        for part, text in texts.items():
            if text:
                (CORPUS / f"{name}.{part}").write_bytes(text)
        entries.append(
            {
                "name": name,
                "worst_by": objective,
                "cpu_s_per_mb": round(found.cpu, 3),
                "times_clean": round(found.cpu / clean, 1),
                "reject_bytes_per_byte": round(found.rejects, 2),
                "memory_bytes_per_byte": round(found.memory, 1),
                "kind": found.kind,
                "seed": seed,
                **recipe,
            }
        )
    text = json.dumps(entries, indent=1) + "\n"
    (CORPUS / "index.json").write_text(text, encoding="utf-8")


def worst_of(elite: Elite, count: int = WORST) -> list[tuple[Found, str, float]]:
    """The worst at full size, by the less of two measurements: most by CPU, some by the others.

    No more than a quarter come from one origin, so that one fault does not hide the next.
    """
    ranked = {
        objective: sorted(
            (found for (of, _), found in elite.items() if of == objective),
            key=lambda found, of=objective: found.score(of),
            reverse=True,
        )
        for objective in _OBJECTIVES
    }
    chosen: dict[Recipe, str] = {}
    origins: Counter[str] = Counter()
    for objective, share in (("memory", 2), ("rejects", 2), ("cpu", count - 4), ("rejects", count)):
        left = min(share, count - len(chosen))
        for found in ranked[objective]:
            if left and found.recipe not in chosen and origins[found.recipe.origin] < count // 4:
                chosen[found.recipe] = objective
                origins[found.recipe.origin] += 1
                left -= 1
    rows = []
    for recipe, objective in chosen.items():
        tries = [measure(recipe, _FULL_BYTES) for _ in range(2)]
        best = min(tries, key=lambda one: one.cpu)
        rows.append((best, objective, measure(_CLEAN, _FULL_BYTES * 4).cpu))
    return sorted(rows, key=lambda row: row[0].cpu, reverse=True)


_CLEAN: Final = Recipe(b"", shapes()[0].text(random.Random(1), 20_000), b"")  # noqa: S311


def search(seconds: float, seed: int, say: Callable[[str], None]) -> list[tuple[Found, str, float]]:
    """Search with every CPU for so long; return the worst, each measured again at full size."""
    end = time.monotonic() + seconds
    elite: Elite = {}
    measure(_CLEAN, _FULL_BYTES)
    for recipe in beginnings(seed):
        found = measure(recipe, _SEARCH_BYTES)
        for objective in _OBJECTIVES:
            if _is_worse(found, objective, elite, 1.0):
                elite[objective, found.kind] = found
    say(f"seed {seed}: {len(elite)} beginnings")
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    number = 0
    with ProcessPoolExecutor(workers) as pool:
        while (left := end - time.monotonic()) > 0:
            length = min(left, _ROUND_SECONDS)
            seeds = [seed * 1_000_003 + number * workers + worker for worker in range(workers)]
            jobs = [pool.submit(evolve, elite, each, length) for each in seeds]
            for job in jobs:
                for (objective, _), found in job.result().items():
                    if _is_worse(found, objective, elite, 1.0):
                        elite[objective, found.kind] = found
            number += 1
            top = {
                of: max(f.score(of) for (o, _), f in elite.items() if o == of) for of in _OBJECTIVES
            }
            say(
                f"{max(end - time.monotonic(), 0):.0f} s left, {len(elite)} kinds, worst: "
                f"{top['cpu']:.2f} CPU s per MB, {top['rejects']:.1f} bytes of rejects and "
                f"{top['memory']:.0f} of memory per byte"
            )
    return worst_of(elite)


def main(arguments: list[str]) -> int:
    """Search, print the worst, and write them into the corpus."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.costly", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="of what is tried")
    parser.add_argument("--keep", action="store_true", help="print the worst, and write nothing")
    options = parser.parse_args(arguments)
    worst = search(options.seconds, options.seed, lambda line: print(line, flush=True))  # noqa: T201
    for found, objective, clean in worst:
        print(  # noqa: T201
            f"{found.cpu:7.3f} CPU s per MB ({found.cpu / clean:5.0f}x clean) "
            f"{found.rejects:6.2f} rejects {found.memory:6.1f} memory  {objective:8}"
            f"{found.recipe.origin}: {found.kind}: {found.recipe.head[:40]!r} "
            f"{found.recipe.repeat} * {found.recipe.unit[:60]!r} {found.recipe.tail[:20]!r}"
        )
    if not options.keep:
        save(worst, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

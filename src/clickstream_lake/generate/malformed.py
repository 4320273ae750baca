"""Lines that are not publishable events, made from lines that are.

Each kind is one that the transform rejects with a reason of its own, so that a demo or a test
shows where such lines end up. Every kind is exactly one line.
"""

import random
from collections.abc import Callable


def _truncated(rng: random.Random, text: str) -> bytes:
    # Not at the closing brace, and not before the opening one: neither would be malformed.
    return text[: rng.randrange(1, len(text) - 2)].encode() + b"\n"


def _not_an_object(rng: random.Random, text: str) -> bytes:
    return rng.choice((b'"page_view"\n', b"42\n", b"true\n", b"[" + text[:-1].encode() + b"]\n"))


def _not_a_number(rng: random.Random, text: str) -> bytes:
    literal = rng.choice(("NaN", "Infinity", "1e999"))
    # Before the last field of a visit's event, so that the bytes of a seed stay; else at the front.
    place = '"properties":' if '"properties":' in text else text[1:]
    return text.replace(place, f'"discount":{literal},{place}', 1).encode()


def _not_utf8(rng: random.Random, text: str) -> bytes:
    broken = rng.choice((b"\xff", b"\xc3(", b"\xed\xa0\x80"))
    if "Mozilla" in text:
        return text.encode().replace(b"Mozilla", b"Moz" + broken + b"illa", 1)
    return b'{"note":"' + broken + b'",' + text[1:].encode()


def _plain_text(rng: random.Random, text: str) -> bytes:
    del text
    return rng.choice((b"GET /favicon.ico 404\n", b"event_id,event_type,event_ts\n"))


KINDS: tuple[Callable[[random.Random, str], bytes], ...] = (
    _truncated,
    _not_an_object,
    _not_a_number,
    _not_utf8,
    _plain_text,
)


def mangle(rng: random.Random, text: str) -> bytes:
    r"""One malformed line made from the well-formed line `text`; both end in `\n`."""
    return rng.choice(KINDS)(rng, text)

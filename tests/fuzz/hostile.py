# ruff: noqa: E501, RUF001 - tables of texts, and of letters that look alike
"""Hostile raw objects, line by line, from a source of randomness.

The same generator is driven by hypothesis, which shrinks what it finds, and by a seeded
`random.Random`, which is fast. Personal values that the rules promise to remove hold the canary, and
nothing else does. Lines whose bytes are changed afterwards are made without it, because that can
make a personal value a common one; events that lose or gain one bracket or quote keep it, because no
part of them may come out.
"""

import json
import random
import re
from collections.abc import Callable
from typing import AnyStr

CANARY = "c4n4ry"

TEXTS = [
    "", "a", "click", "/p?q=1&r=%20", "é", "日本語", "😀", "\u2028", "\x7f", "\ufeff", "null", "12",
    "{}", "[", "user_id", '\\"user_id\\":1', "\\ud83d\\ude00", "\\u0000", "\\u001f", "\\/", "\\n\\r",
    "\\u00e9", "\\\\", '\\"', '\\"}{\\"', "\\u2028", "  two  words\\t", "x" * 70, "}{", "a,b:c",
    "\\ud800", "\\udc00\\ud800", "\\uD83Dx", "\\ud83d\\ud83d\\ude00\\ude00", "\\ufffd", "\\\\ud800",
]  # fmt: skip
BAD_TEXTS = ["\\x", "\\u12g4", "\n", "\x01", "\t", "\\", "\\ud83d\\u", "\\U0041"]
NUMBERS = [
    "0", "-0", "1", "-1", "5.0", "5.5", "-0.0", "1e3", "1E+2", "1e-3", "0.1", "9007199254740993",
    "9007199254740992.0", "9007199254740994.0", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
    "1e18", "1e308", "1.7976931348623157e308", "5e-324", "1e-400", "0e400", "123456789.123456789",
    "1" + "0" * 308, "0." + "9" * 400, "9" * 400 + "e-399", "3.0000000000000000000000000001",
    "4503599627370497.3", "5.00000000000000000001", "10e-1", "5e-1", "-0e5", "0E-7", "1" + "0" * 300 + "e-290",
    "0." + "0" * 30 + "1e31", "-0." + "0" * 20 + "5e21", "1e-" + "9" * 30, "0e" + "9" * 30,
]  # fmt: skip
WHOLE = [
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    10**18,
    10**19,
    2**64,
]
BAD_NUMBERS = [
    "NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1" + "0" * 309, "9" * 5000, "01", "1.", ".5",
    "+1", "-", "1e", "0x1", "1_0", "--1", "1e5.5",
]  # fmt: skip
TIMES = [
    "2025-11-26T10:00:00Z", "2025-11-26T10:00:00.123Z", "2025-11-26T10:00:00", "2025-11-26",
    "2025-11-26T10:00", "2025-11-26T10:00:00.123456789+05:30", "2025-11-26T10:00:00,5-0800",
    "2025-11-26T10:00:00+14:00", "2025-11-26T10:00:00+14:01", "2025-11-26T10:00:00+01:",
    "2025-11-26T10:00:00+01", "2025-02-30T00:00:00Z", "2025-11-26T24:00:00Z", "0000-01-01T00:00:00Z",
    "2025-11-26T10:00:60Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z", "2025-11-26 10:00:00", "2025-11-26t10:00:00z",
    "1764151200", "2025-W48-3", "2025-330", "", "٢٠٢٥-11-26", "2025-11-26T10:00:00.1234567890Z",
    "2025-11-26 10:00:00.1239", "2025-11-26 10:00:00Z", "1764151200.5", "1764151200123", "1e11", "-1",
    "2025", "2025-11", "2025-W48", "2025-W53", "2025-366", "T10:00", "2025-11-26T10.5", "2025-11-26T10Z",
    "2025-11-26T10:30,25-02", "2025-11-26T10:00+02:00:00", "2025-11-26T10:00+02:00:01", "9999-W52-6",
    "2025-11-26T10:00:00Z|2025-11-26T10:00:00Z", "2025-11-26T10:00:00Z ", "-2025-11-26T10:00:00Z",
]  # fmt: skip
EPOCHS = [
    "0", "-0", "1764151200", "1764151200.1239", "1.7641512e9", "1764151200123", "99999999999.9", "1e11",
    "99999999999999.9", "100000000000000", "-1", "-0.0001", "1e-300", "1764151200123456",
]  # fmt: skip
STRINGS = ["event_id", "event_type", "session_id", "page_url", "referrer", "country", "product_id"]
COLUMNS = [*STRINGS, "event_ts", "price", "quantity", "properties", "is_bot"]
OWN_NAMES = [
    "Event_Type", "EVENT_TS", "Price", "PROPERTIES", "Is_Bot", "extra", "EXTRA", "processed_ts",
    "Processed_TS", "year", "Month", "DAY", "_col0", "_col3", "_COL12", "_col99999999999",
]  # fmt: skip
STRANGE_NAMES = [
    "", "a", "b", "c", "_col", "_colx", "x_col3", "user", "user_id2", "é", "日本", "a b", "a\\tb",
    "\\u0000", "hour", "price\\u0000", " price", "\\ud83d\\ude00", "a\\/b", '\\"', "k" * 300, "null",
    "event_type ", "\u2028", "İ", "ß", "\\ud800", "\\udc00", "\\ufffd", "\\u0061", "\\u00e9", "user.id",
    "usеr_id", "user_ıd", "USER_İD", "user\\ud800_id", "iduser", "user__", '{\\"user_id\\":1}',
]  # fmt: skip
PERSONAL = [
    "user_id", "USER_ID", "User_Id", "user\\u005fid", "\\u0075ser_id", "u\\u0053er_i\\u0064",
    "\\u0055\\u0053\\u0045\\u0052\\u005F\\u0049\\u0044", "userId", "USER-ID", "user id", " _user_id_ ", "u-s-e-r-i-d",
    "ｕｓｅｒ＿ｉｄ", "uſer_id", "\\u017fer_id".replace("\\u017f", "u\\u017f"), "user\u00adid", "user\u200did", "user\u2013id",
    "user\u00a0id", "user\u203fid", "ⓤser_ⅰd", "user\\u0000id", "user\\tid", "\\uff35\\uff33ER_ID", "\u2028user_id\u2029",
    "𝓊𝓈𝑒𝓇_𝒾𝒹", "\\ud835\\udcca\\ud835\\udcc8er_id", "user\\u202e_id", "\\ufeffuser_id",
]  # fmt: skip
PARAMETERS = [
    "user_id", "userId", "USER-ID", "user%5Fid", "user+id", "%75ser%20id", "event[user_id]", "event%5Buser_id%5D",
    "user_id[]", "a[b][user_id][c]", "uſer_id", "u%C5%BFer_id", "user%00id", "[user_id", "user%E2%80%8Bid",
]  # fmt: skip
OTHER_PARAMETERS = [
    "q", "utm_source", "user", "user.id", "user%255Fid", "user%ZZ_id", "user_id%", "%", "%4", "", "+", "a=user_id", "/q",
    "user%FFid", "us%D0%B5r_id", "user_id2",
]  # fmt: skip
SEPARATORS = [
    b"",
    b" ",
    b",",
    b"\x1e",
    b"\0",
    b"\\n",
    b"\\r\\n",
    b"\xef\xbb\xbf",
    b", ",
    b" ,\t",
    b"\r",
    b"\0\0",
    b",,",
    b"\\t",
]
GARBAGE = [
    b"x", b"}", b"]", b",", b"nul", b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80",
    b"\0", b"\xef\xbb\xbf", b"GET / 200", b"<xml/>", b"event_id,price", b"\xe2\x80\xa8", b"\x1f\x8b\x08",
    b"{", b'{"a":', b'"', b"[", b"{]", b"[}", b'{"a":1,}', b"{,}", b"[1,]", b'{"a" 1}', b"{'a':1}", b"\\",
    b"\x0b", b"\xc2\xa0", b"-", b"/**/", b'{\\"a\\":1}', b"{\\", b":", b'"a":{"b":1}', b'"a": [{"b":1}', b"\xef\xbb",
    b'"x"', b'"{"', b'"\\"', b"]}", b"\\x", b"x,", b":,", b"}:{",
]  # fmt: skip
SCALARS = [
    b"1",
    b'"text"',
    b"null",
    b"true",
    b"[]",
    b"[{}]",
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"[NaN]",
]


STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)


class Hostile:
    """Makes lines and whole objects."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._canary = CANARY

    def object(self, lines: int) -> bytes:
        """The text of a raw object with about so many lines."""
        rng = self._rng
        start = b"\xef\xbb\xbf" if rng.random() < 0.05 else b""
        end = b"" if rng.random() < 0.3 else b"\n"
        return start + b"\n".join(self.line() for _ in range(lines)) + end

    def mostly_plain(self, lines: int) -> bytes:
        """The same of a producer who is mostly well-behaved, as the fast path wants it."""
        rng = self._rng
        odd = rng.choice((0.0, 0.01, 0.05))
        shape = rng.random() < 0.7
        found = []
        for _ in range(lines):
            roll = rng.random()
            line = self.usual() if shape else self.plain()
            if roll < odd:
                cut = line[: rng.randrange(len(line))]
                line = rng.choice((self.line(), self.event(), self.plain(), cut))
            found.append(line)
        return b"\n".join([*found, b""])

    def usual(self) -> bytes:
        """An event with all its fields in one order, some of them undeclared."""
        rng = self._rng
        event = {
            "event_id": f"e{rng.randrange(10**6)}",
            "event_ts": f"2025-11-26T10:{rng.randrange(60):02}:00.{rng.randrange(1000):03}Z",
            "user_id": f"{self._canary}-{rng.randrange(100)}",
            "page_url": rng.choice(("/p", "/caf\u00e9", 'a "quoted" one', "tab\t", self._url())),
            "price": rng.choice((None, 1, 2.5, 1e300, -0.0)),
            "properties": rng.choice((None, {}, {"a": [1, {"b": "c"}]}, "text", 1.5, self._text())),
            "zz": rng.choice((None, 1, {"k": "v"})),
        }
        if rng.random() < 0.3:
            del event[rng.choice(list(event))]
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()

    def line(self) -> bytes:
        """One line, of any kind, without its line feed."""
        roll = self._rng.random()
        if roll < 0.5:
            return self.plain()
        if roll < 0.75:
            return self.event()
        return self._rng.choice(self._odd)()

    @property
    def _odd(self) -> list[Callable[[], bytes]]:
        return [
            self.blank, self.joined, self.joined, self.damaged, self.padded, self.garbage, self.deep, self.torn,
            self.torn,
        ]  # fmt: skip

    def plain(self) -> bytes:
        """What producers send, with an oddity now and then."""
        rng = self._rng
        pairs = [
            ('"event_id"', f'"e{rng.randrange(10**6)}"'),
            ('"event_type"', '"click"'),
            ('"event_ts"', f'"2025-11-26T10:{rng.randrange(60):02}:00.{rng.randrange(1000):03}Z"'),
            ('"page_url"', '"/p"'),
            ('"user_id"', f'"{self._canary}-{rng.randrange(100)}"'),
            ('"price"', rng.choice(["null", "1.5", "20", "1e2"])),
            ('"quantity"', rng.choice(["null", "1", "20", "-3"])),
            ('"is_bot"', rng.choice(["true", "false", "null"])),
            ('"properties"', rng.choice(['{"a":1,"b":[{"c":"d"}]}', "null", "{}"])),
        ]
        if rng.random() < 0.5:
            pairs = [pair for pair in pairs if rng.random() < 0.8]
        if rng.random() < 0.3:
            pairs.insert(rng.randrange(len(pairs) + 1), self._pair(0))
        return ("{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}").encode()

    def event(self) -> bytes:
        """A JSON object with anything in it."""
        return self._object(0).encode(errors="surrogatepass")

    def blank(self) -> bytes:
        """A line of nothing but separators."""
        return b"".join(self._rng.choice(SEPARATORS) for _ in range(self._rng.randrange(3)))

    def padded(self) -> bytes:
        return self.blank() + self.event() + self.blank() + b" " * self._rng.choice([0, 0, 50])

    def joined(self) -> bytes:
        """Several values with a separator of one kind between them, or with any."""
        rng = self._rng
        parts = [
            self.event() if rng.random() < 0.7 else rng.choice(SCALARS)
            for _ in range(rng.randrange(2, 6))
        ]
        between = rng.choice(SEPARATORS)
        if rng.random() < 0.7:
            return between.join(parts)
        return b"".join(part + rng.choice(SEPARATORS) for part in parts)

    def torn(self) -> bytes:
        """Events in a row, of which one has lost its start or end, or one bracket or quote."""
        rng = self._rng
        parts = [rng.choice([self.plain, self.event])() for _ in range(rng.randrange(1, 5))]
        broken = rng.randrange(len(parts))
        event = parts[broken]
        # Brackets, and where strings start: within a string a change would make another name of it.
        place = rng.choice([match.start() for match in STRUCTURE.finditer(event)])
        parts[broken] = rng.choice(
            [
                event[place:] if event[place] in b"{[" else event[place + 1 :],
                event[: rng.randrange(len(event))],
                event[:place] + event[place + 1 :],
                event[:place] + bytes([rng.choice(b'{}[]"')]) + event[place:],
            ]
        )
        return rng.choice([b"", b"", b",", *SEPARATORS]).join(parts)

    def garbage(self) -> bytes:
        """What is no event, between events."""
        rng = self._rng
        around = [b"", *SCALARS, b"{}", b'{"a":1}']

        def make() -> bytes:
            parts = [rng.choice(around), rng.choice(GARBAGE)]
            while rng.random() < 0.4:
                parts += [rng.choice(SEPARATORS), rng.choice([*GARBAGE, *around, self.plain()])]
            return b"".join(parts)

        return self._without_canary(make)

    def damaged(self) -> bytes:
        """A line with bytes changed, dropped or added."""
        return self._without_canary(self._damage)

    def _damage(self) -> bytes:
        rng = self._rng
        line = bytearray(self.plain() if rng.random() < 0.5 else self.event())
        for _ in range(rng.randrange(1, 4)):
            position = rng.randrange(len(line)) if line else 0
            byte = rng.choice(b'{}[]":,\\\r \x00\xff01eE.-u') if rng.random() < 0.7 else 0x41
            action = rng.randrange(4)
            if action == 0:
                line[position : position + 1] = bytes([byte])
            elif action == 1:
                del line[position : position + rng.randrange(1, 5)]
            elif action == 2:
                line.insert(position, byte)
            else:
                del line[position:]
        return bytes(line)

    def deep(self) -> bytes:
        depth = self._rng.choice([3, 50, 98, 99, 100, 101, 200])
        key = self._rng.choice(['"a"', '"properties"', '"page_url"'])
        opening, closing = self._rng.choice(
            [("[", "]"), ("[" * 3, "]" * 2 + "}"), ('[{"a":', "}]")]
        )
        inside = self._rng.choice(["", "1", '{"user_id":"nobody"}', '"["', '"'])
        text = opening * (depth // len(closing)) + inside + closing * (depth // len(closing))
        return f"{{{key}:{self._rng.choice([text, json.dumps(text)])}}}".encode()

    def _without_canary(self, make: Callable[[], AnyStr]) -> AnyStr:
        before, self._canary = self._canary, "nobody"
        try:
            return make()
        finally:
            self._canary = before

    def _object(self, depth: int) -> str:
        count = self._rng.choice([0, 1, 1, 2, 3, 4, 8])
        space = self._space
        pairs = (self._pair(depth) for _ in range(count))
        inside = ",".join(
            f"{space()}{key}{space()}:{space()}{value}{space()}" for key, value in pairs
        )
        return "{" + inside + "}"

    def _space(self) -> str:
        return self._rng.choice(" \t\r") if self._rng.random() < 0.05 else ""

    def _pair(self, depth: int) -> tuple[str, str]:  # noqa: PLR0911 - one kind after the other
        rng = self._rng
        roll = rng.random()
        if roll < 0.15:
            return f'"{rng.choice(PERSONAL)}"', self._personal()
        if roll < 0.25:
            return f'"{rng.choice(OWN_NAMES)}"', self._value(depth + 1)
        if roll < 0.5:
            return f'"{rng.choice(STRANGE_NAMES)}"', self._value(depth + 1)
        if roll < 0.51:
            return f'"{rng.choice(BAD_TEXTS)}"', "1"
        if roll < 0.57:
            return '"event_ts"', rng.choice([f'"{rng.choice(TIMES)}"', rng.choice(EPOCHS)])
        if roll < 0.63:
            # Only columns are promised to be looked at.
            url = self._url() if depth == 0 else self._without_canary(self._url)
            return rng.choice(['"page_url"', '"referrer"']), self._string(url)
        if roll < 0.68:
            return rng.choice(['"quantity"', '"price"', '"a"']), self._near()
        key = rng.choice(COLUMNS)
        if rng.random() < 0.1:
            place = rng.randrange(len(key))
            key = f"{key[:place]}\\u{ord(key[place]):04x}{key[place + 1 :]}"
        return f'"{key}"', self._value(depth + 1)

    def _personal(self) -> str:
        canary = self._canary
        return self._rng.choice(
            [
                f'"{canary}"',
                f'"{canary} \\u00e9\\"}}"',
                f'["{canary}"]',
                f'{{"a":"{canary}","user_id":"{canary}"}}',
                f'{{"{canary}":1}}',
                "7",
                "null",
                "true",
                f'[[{{"user_id":"{canary}"}}],1.5]',
            ]
        )

    def _value(self, depth: int) -> str:  # noqa: PLR0911 - one kind after the other
        rng = self._rng
        roll = rng.random()
        if roll < 0.24:
            return f'"{rng.choice(TEXTS)}"'
        if roll < 0.3:
            return self._string(self._text())
        if roll < 0.5:
            return rng.choice(NUMBERS)
        if roll < 0.6:
            return rng.choice(["true", "false", "null"])
        if roll < 0.62:
            return rng.choice([*BAD_NUMBERS, *(f'"{text}"' for text in BAD_TEXTS)])
        if roll < 0.7 or depth > 4:
            return f'"{rng.choice(TIMES)}"'
        if roll < 0.85:
            return self._object(depth)
        count = rng.randrange(4)
        return f"[{self._space()}" + ",".join(self._value(depth + 1) for _ in range(count)) + "]"

    def _near(self) -> str:
        """A number near the ends of 64 bits, or of what doubles hold exactly, in any spelling."""
        rng = self._rng
        number = rng.choice(WHOLE) + rng.choice([0, 0, -1, 1, 2])
        sign, digits = "-" * (number < 0), str(abs(number))
        point = rng.randrange(1, len(digits) + 1)
        left = len(digits) - point
        zeros = "0" * rng.choice([0, 0, 1, 30])
        return rng.choice(
            [
                f"{sign}{digits}",
                f"{sign}{digits}.{zeros}0",
                f"{sign}{digits}.{zeros}1",
                f"{sign}{digits}{zeros}e-{len(zeros)}",
                f"{sign}{digits[:point]}.{digits[point:]}{zeros}0E+{left}",
                f"{sign}{digits[:point]}.{digits[point:]}{zeros}1e{left}",
                f"{sign}0.{zeros}{digits}e{len(digits) + len(zeros)}",
                f"{sign}{digits}e-1",
                f"{sign}{digits}e1",
            ]
        )

    def _string(self, text: str) -> str:
        """A JSON string that stands for a text, some of it in escapes that nobody needs."""
        rng = self._rng
        sent = json.dumps(text, ensure_ascii=rng.random() < 0.5)
        if rng.random() < 0.3:
            char = rng.choice("abeidrsu_{[:?&=#/,%} ")
            sent = sent.replace(char, f"\\u{ord(char):04x}") if char not in "abedru" else sent
        return sent.replace("/", "\\/") if rng.random() < 0.1 else sent

    def _text(self, level: int = 1) -> str:
        """A text that is JSON, or was before it was cut or went on."""
        rng = self._rng
        space = rng.choice(["", "", " ", "\n\t", "\r\n "])
        text = self._json_of(level)
        if rng.random() < 0.2:
            text += rng.choice(["", " ", ",", "\n", " ,"]) + self._json_of(level)
        roll = rng.random()
        if roll < 0.3:
            text = text[: rng.randrange(len(text) + 1)]
        elif roll < 0.45:
            text += rng.choice(
                ["x", "]", "}", ",x", '"', " \\", "\0", "NaN", '{"user_id":"nobody"']
            )
        return space + text

    def _json_of(self, level: int) -> str:
        """An object or array, with other texts in it."""
        rng = self._rng
        space = rng.choice(["", "", " "])
        # Three deep is what the rules promise.
        canary = self._canary if level <= 3 else "nobody"
        fields = []
        for _ in range(rng.randrange(5)):
            roll = rng.random()
            if roll < 0.4:
                name = rng.choice(PERSONAL)
                value = rng.choice(
                    [f'"{canary}"', f'["{canary}"]', f'{{"a":"{canary}"}}', f'"{canary}\\"}}"', "7"]
                )
            else:
                name = rng.choice(["a", "b", "user", "user.id", "\\u0061", "é", "price", "\\ud800"])
                value = rng.choice(
                    [
                        "1",
                        "null",
                        '"x"',
                        "-0",
                        "[ 1, 2]",
                        "{}",
                        '"\\ud83d"',
                        "NaN",
                        "01",
                        f'{{"userId":"{canary}"}}',
                    ]
                )
                if roll > 0.8 and level < 5:
                    value = self._string(self._text(level + 1))
            fields.append(f'"{name}"{space}:{space}{value}{space}')
        text = f"{{{space}{f',{space}'.join(fields)}}}"
        return f"[{space}{text}]" if rng.random() < 0.2 else text

    def _url(self) -> str:
        """A URL, whose parameters are personal now and then."""
        rng = self._rng
        parameters = []
        for _ in range(rng.randrange(4)):
            if rng.random() < 0.5:
                parameters.append(f"{rng.choice(PARAMETERS)}={self._canary}")
            else:
                value = rng.choice(["", "=", "=1", "=a=b", "=%20", "=%23", "=é"])
                parameters.append(rng.choice(OTHER_PARAMETERS) + value)
        url = rng.choice(["https://x.org/p", "/p", "", "user_id=1", "/user_id/5", "é", "a&b"])
        url += rng.choice("?#") if parameters else rng.choice(["", "?", "#", "#x"])
        for number, parameter in enumerate(parameters):
            url += (rng.choice("&&&;?#") if number else "") + parameter
        return url + rng.choice(["", "", "&", "#top", "?"])

# ruff: noqa: E501 - tables of texts
"""What the kernel's careful path must not lack: each check, and lines that come out wrong without.

A check is an expression of the C sources, between « and », with as much around it as tells it from
others. `instead` takes its place where it is left out.
"""

import json
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class CarefulCheck:
    """An expression of the careful path, and the lines that it is there for.

    Attributes:
        name: what would be missed.
        file: of the C sources.
        code: the expression, marked, among its neighbours; white space does not matter.
        instead: the expression in its place.
        line: one or several, without the last one's end.
        scrub_text: whether the catalog has texts looked into.
        rules: whether its columns have rules.
        fed: whether some have their values from fields of other names.
    """

    name: str
    file: str
    code: str
    instead: str
    line: bytes
    scrub_text: bool = True
    rules: bool = False
    fed: bool = False

    @property
    def switch(self) -> str:
        """A name for macros."""
        return re.sub(r"\W", "_", self.name).upper()

    def place(self, source: str) -> tuple[int, int]:
        """Where the expression is in its file; it has to be there once."""
        pattern = r"\s+".join(map(re.escape, self.code.split()))
        pattern = pattern.replace("«", "(?P<marked>").replace("»", ")")
        (found,) = re.finditer(pattern, source)
        return found.span("marked")


def odd(fields: bytes) -> bytes:
    """An event that is none for the fast path."""
    return b'{%s,"quantity":12345678901234567890}' % fields


def ruled(fields: bytes) -> bytes:
    """The same, with the column that is required."""
    return odd(b'"product_id":"p",' + fields)


def inside(content: bytes, key: bytes = b"event_id") -> bytes:
    """An event with a text that may be JSON."""
    return b'{"%s":%s}' % (key, json.dumps(content.decode(), ensure_ascii=False).encode())


def whole(number: bytes) -> bytes:
    return b'{"quantity":%s}' % number


A, B = b'{"event_id":"a"}', b'{"event_id":"b"}'
SEPARATORS = "static const u8 *skip_separators(const u8 *p, const u8 *end, bool *comma) { while (p < end) { switch («*p») {"
GARBAGE = "if (p == end) return (Garbage){.end = last}; switch («*p») {"
DEPTHS = "int depth = 0, deepest = 0; while (p < end) { switch («*p++») {"
BRACKETS = "size_t depth = 0; while (p < end) { switch («*p++») {"


def no(case: str) -> str:
    """A byte that is not taken for this one."""
    return f"p[-1] == {case} ? 'x' : p[-1]"


FRAMING: Final = [
    *(
        CarefulCheck(f"separator {name}", "framing.c", SEPARATORS, f"*p == {code} ? 'x' : *p", b"\x1e" + byte + A)
        for name, code, byte in [
            ("comma", "','", b","),
            ("space", "' '", b" "),
            ("tab", r"'\t'", b"\t"),
            ("carriage return", r"'\r'", b"\r"),
            ("record separator", "0x1E", b"\x1e"),
            ("NUL", "0", b"\0"),
            ("byte order mark", "0xEF", b"\xef\xbb\xbf"),
            ("backslash", r"'\\'", b"\\n"),
        ]
    ),
    *(
        CarefulCheck(f"separator backslash {letter}", "framing.c", f"«p[1] != '{letter}'»", "true", A + b"\\" + letter.encode() + B)
        for letter in "nrt"
    ),
    CarefulCheck("other escapes separate nothing", "framing.c", "end - p < 2 || «(p[1] != 'n' && p[1] != 'r' && p[1] != 't')»", "false", A + b"\\x" + B),
    CarefulCheck("second byte of a mark", "framing.c", "«p[1] != 0xBB»", "false", A + b"\xef\xbc\xbf" + B),
    CarefulCheck("third byte of a mark", "framing.c", "«p[2] != 0xBF»", "false", A + b"\xef\xbb\xbe" + B),
    CarefulCheck("inside of a torn string", "framing.c", "(end - p < 2 || «p[1] != '\\\\'»)", "true", A + b',{\\"b\\":1}'),
    CarefulCheck("arrays are texts", "framing.c", "return «*p == '['» ||", "false", A + b",[1]"),
    CarefulCheck("escapes in strings", "framing.c", "p += «*p == '\\\\' && p + 1 < end ? 2 : 1»", "1", odd(b'"price":"\\"}"')),
    CarefulCheck("strings hide brackets", "framing.c", BRACKETS, "(p++, p[-1] == '\"' ? 'x' : p[-1])", b'{"price":"{"}' + A),
    CarefulCheck("square brackets count", "framing.c", BRACKETS, f"(p++, {no(repr('['))})", b'{"a":[{}],}'),
    CarefulCheck("braces count", "framing.c", BRACKETS, "(p++, p[-1] == '{' && depth ? 'x' : p[-1])", b'{"a":{},}'),
    CarefulCheck("a torn string", "framing.c", "if (!p) return (Garbage){.end = end, .torn = «true»};", "false", A + b',x"abc'),
    CarefulCheck("a brace that closes nothing", "framing.c", GARBAGE, "*p == '}' ? 'x' : *p", A + b",x}"),
    CarefulCheck("a bracket that closes nothing", "framing.c", GARBAGE, "*p == ']' ? 'x' : *p", A + b",x]"),
    CarefulCheck("strings in garbage", "framing.c", GARBAGE, "*p == '\"' ? 'x' : *p", A + b',x"}"'),
    CarefulCheck("a string behind a colon", "framing.c", "if (!p) return (Garbage){.end = end, .torn = true}; «colon = false»;", "0", b'x:"s"' + A),
    CarefulCheck("an object behind a colon", "framing.c", "p = closed; «colon = false»;", "0", b'x:{"b":1}' + A),
    CarefulCheck("a colon", "framing.c", "if (is_opener(p, end) && «!colon») return", "true", b"x:" + A),
    CarefulCheck("a colon and separators", "framing.c", "default: «colon = *p++ == ':'»", "colon = *p++ == ':' && *p == '{'", b"x: " + A),
    CarefulCheck("an object that does not end", "framing.c", "if (!closed) return (Garbage){.end = end, .torn = «true»};", "false", A + b',x:{"b":1'),
    CarefulCheck("a torn start behind a colon", "framing.c", "if («!is_opener(p, end)») return (Garbage){closed, closed, true};", "false", A + b',x:{\\"b\\":1}"}'),
    CarefulCheck("separators after the last garbage", "framing.c", "if (p == end) return (Garbage){.end = «last»};", "end", b"x" + b" " * 60_000),
    CarefulCheck("separators before the next text", "framing.c", "return (Garbage){«last», p + 1 < end", "p", b"x" + b" " * 60_000 + A),
    CarefulCheck("a long text", "framing.c", "int reason = «(u64)(text->end - text->start) > k->max_line_bytes»", "false", odd(b'"event_id":"%s"' % (b"x" * 60_000))),
    CarefulCheck("a long text to the byte", "framing.c", "(u64)(text->end - text->start) > «k->max_line_bytes»", "k->max_line_bytes - 1", odd(b'"price":"%s"' % (b"x" * (60_000 - len(odd(b'"price":""')))))),
    CarefulCheck("garbage without a comma", "framing.c", "} else if (count && («!comma» ||", "false", A + b' "x",' + B + b",}"),
    CarefulCheck("a torn end", "framing.c", "if (count && «garbage.torn») {", "false", A + b",x}"),
    CarefulCheck("all texts of a torn run", "framing.c", "«texts[0].end = stop»;", "(texts[0].start = texts[count - 1].start, texts[0].end = stop)", A + b"," + B + b",x}"),
    CarefulCheck("events of a torn run", "framing.c", "texts[0].whole = «false»", "true", A + b"," + B + b",x}"),
    CarefulCheck("events of a text that does not end", "framing.c", "opener && «stop» && *start == '{'", "true", b'{"a":{"b":1'),
    CarefulCheck("events of an array", "framing.c", "opener && stop && «*start == '{'»", "true", b'[{"a":1},{"b":1}]'),
    CarefulCheck("events of a torn start", "framing.c", "«opener» && stop && *start == '{'", "true", b'{\\"a":1,"b":{}}'),
    CarefulCheck("many texts that commas join", "framing.c", "if (count && opener && (!comma || count >= «MOST_JOINED»))", "MOST_JOINED - 1", b"{}," * 1_024 + b"}"),
    CarefulCheck("garbage after many texts", "framing.c", "else if (count && (!comma || count >= «MOST_JOINED»))", "MOST_JOINED - 1", b"{}," * 1_023 + b'"x",{},}'),
    CarefulCheck("garbage after too many texts", "framing.c", "else if (count && (!comma || count >= «MOST_JOINED»))", "MOST_JOINED + 1", b"{}," * 1_024 + b'"x",{},}'),
]  # fmt: skip

CHECK: Final = [
    CarefulCheck("depth of objects", "check.c", DEPTHS, f"(p++, {no(repr('{'))})", b'{"price":{"a":{"b":{"c":{"d":{"e":1}}}}}}'),
    CarefulCheck("depth of arrays", "check.c", DEPTHS, f"(p++, {no(repr('['))})", b'{"price":[[[[[1]]]]]}'),
    CarefulCheck("depth ends with objects", "check.c", DEPTHS, f"(p++, {no(repr('}'))})", odd(b'"price":[{},{},{},{},{}]')),
    CarefulCheck("depth ends with arrays", "check.c", DEPTHS, f"(p++, {no(repr(']'))})", odd(b'"price":[[],[],[],[],[]]')),
    CarefulCheck("no depth in strings", "check.c", DEPTHS, "(p++, p[-1] == '\"' ? 'x' : p[-1])", b'{"price":"[[[[[["}'),
    CarefulCheck("a string hides the rest", "check.c", "if (!p) return «deepest»;", "1000", b'{"a":"[[[[[[\n{"a":"[[[[[[\\'),
    CarefulCheck("too deep", "check.c", "if («deepest_of(start, end) > (int)k->max_depth») return TOO_DEEP;", "false", b'{"price":[[[[[1]]]]]}'),
    CarefulCheck("deepest of all", "check.c", "deepest_of(start, end) > «(int)k->max_depth»", "(int)k->max_depth - 1", odd(b'"price":[[[[1]]]]')),
    CarefulCheck("bytes that are no UTF-8", "check.c", "if («!is_utf8(start, end)») return INVALID_UTF8;", "false", b'{"event_id":"\xff"}'),
    CarefulCheck("garbage in UTF-8", "check.c", "if («!is_utf8(start, end)») return INVALID_UTF8;", "true", '{"event_id":é}'.encode()),
    CarefulCheck("zeros in front", "check.c", "p += *p == '-'; if («*p == '0'») p++;", "false", b'{"price":01}'),
    CarefulCheck("minus alone", "check.c", "else return «NULL»; if (*p == '.')", "p", b'{"price":-}'),
    CarefulCheck("minus", "check.c", "p += «*p == '-'»; if (*p == '0')", "false", odd(b'"price":-1')),
    CarefulCheck("fraction", "check.c", "if («*p == '.'») {", "false", odd(b'"price":1.5')),
    CarefulCheck("digits of a fraction", "check.c", "if («!is_digit(*++p)») return NULL;", "(++p, false)", b'{"price":1.}'),
    CarefulCheck("exponent", "check.c", "if («(*p | 32) == 'e'») {", "*p == 'e'", odd(b'"price":1E5')),
    CarefulCheck("sign of an exponent", "check.c", "if («*p == '+'» || *p == '-') p++; if (!is_digit", "false", odd(b'"price":1e+5')),
    CarefulCheck("minus of an exponent", "check.c", "if (*p == '+' || «*p == '-'») p++; if (!is_digit", "false", odd(b'"price":1e-5')),
    CarefulCheck("digits of an exponent", "check.c", "if (*p == '+' || *p == '-') p++; if («!is_digit(*p)») return NULL;", "false", b'{"price":1e}'),
    CarefulCheck("too large a number", "check.c", "return «found > DBL_MAX» || found < -DBL_MAX;", "false", b'{"zz":1e999}'),
    CarefulCheck("too small a number", "check.c", "return found > DBL_MAX || «found < -DBL_MAX»;", "false", b'{"zz":-1e999}'),
    CarefulCheck("too large a whole number", "check.c", "if («scan_number(p, &number)») return false;", "!memchr(p, 'e', (size_t)(end - p))", b'{"zz":1%s}' % (b"0" * 400)),
    CarefulCheck("one too large number among others", "check.c", "if (p) «c->overflow |= overflows(k, start, p)»;", "c->overflow = overflows(k, start, p)", b'{"zz":[1e999,1]}'),
    CarefulCheck("overflow", "check.c", "if («c.overflow») return NUMBER_OVERFLOW;", "false", b'{"zz":1e999}'),
    CarefulCheck("quote of a key", "check.c", "if (p >= end || «*p != '\"'» ||", "false", b'{x":1,"price":"x"}'),
    CarefulCheck("colon of a key", "check.c", "return p < end && «*p == ':'»", "true", b'{"price";"x"}'),
    CarefulCheck("a value in its own text", "check.c", "unsigned has = 0; if («p >= end») return NULL; switch", "false", b'{"price":[\nNaN}'),
    CarefulCheck("keys are counted", "check.c", "«c->keys++»;", "0", odd(b",".join(b'"k%d":1' % n for n in range(12)))),
    CarefulCheck("too many keys", "check.c", "if («c.keys > k->max_keys») return", "c.keys >= k->max_keys", odd(b",".join(b'"k%d":1' % n for n in range(11)))),
    CarefulCheck("a long key", "check.c", "«c->long_key |= (size_t)(p - start) > k->max_key_bytes»", "c->long_key = (size_t)(p - start) > k->max_key_bytes", odd(b'"%s":1' % (b"k" * 10_001))),
    CarefulCheck("too long a key", "check.c", "(size_t)(p - start) > «k->max_key_bytes»", "k->max_key_bytes - 1", odd(b'"%s":1' % (b"k" * 10_000))),
    CarefulCheck("a key that is too long", "check.c", "return «c.long_key» ? KEY_TOO_LONG", "false", odd(b'"%s":1' % (b"k" * 10_001))),
    CarefulCheck("NaN", "check.c", "if (p >= end) return NULL; switch («*p») { case '{'", "*p == 'N' ? 'x' : *p", b'{"price":NaN}'),
    CarefulCheck("Infinity", "check.c", "if (p >= end) return NULL; switch («*p») { case '{'", "*p == 'I' ? 'x' : *p", b'{"price":Infinity}'),
    CarefulCheck("not NaN", "check.c", "if («scan_word(p, *p == 'N' ? \"NaN\" : \"Infinity\")») c->error", "true", b'{"price":NaM}'),
    CarefulCheck("minus Infinity", "check.c", "if (*p == '-' && «scan_word(p, \"-Infinity\")») {", "false", b'{"price":-Infinity}'),
    CarefulCheck("comma between values", "check.c", "if («*p != ','») return NULL;", "false", b'{"price":"x";"a":NaN}'),
    CarefulCheck("the other bracket", "check.c", "if («*p != k->open[depth - 1]») break;", "*p != ']' && *p != '}'", b'{"price":[1},"a":NaN]'),
    CarefulCheck("empty arrays", "check.c", "if («p < end && *p == k->open[depth - 1]») break;", "*p == '}'", odd(b'"zz":[]')),
    CarefulCheck("something behind a value", "check.c", "if («p != end») { if (!is_utf8", "!p", b'"a""b"'),
    CarefulCheck("not an object", "check.c", "if (*start != '{') return «NOT_OBJECT»;", "NOT_JSON", b"[1]"),
]  # fmt: skip

PII: Final = b'{"user_id":1}'

SCRUB: Final = [
    CarefulCheck("a cut in a cut", "scrub.c", "if («cuts[i].end > cuts[kept - 1].end») cuts", "true", odd(b'"user_id":{"user_id":1,"b":2},"zz":{"key":1}')),
    CarefulCheck("a cut beside a cut", "scrub.c", "if («cuts[i].end > cuts[kept - 1].end») cuts", "false", odd(b'"zz":{"a":1,"user_id":1,"key":2}')),
    CarefulCheck("cuts in order", "scrub.c", "«qsort(cuts, count, sizeof *cuts, by_start)»", "(void)0", odd(b'"zz":{"user_id":1,"a":{"user_id":2,"b":1}}')),
    CarefulCheck("an escape that is none", "scrub.c", "if (end - p < 2) return p; switch («p[1]») {", "p[1] == 'x' ? 'n' : p[1]", inside(b'{"a":"\\x","user_id":1}')),
    CarefulCheck("digits of an escape", "scrub.c", "if («end - p < 6 || hex4(p + 2) < 0») return p;", "false", inside(b'{"a":"\\u12zz","user_id":1}')),
    CarefulCheck("a text in a text without an end", "scrub.c", "if («value» && !cut_open_text", "false", inside(b'{"t":"{\\"user_id\\":1')),
    CarefulCheck("PII up to what can be read", "scrub.c", "if («last->end == (u64)(stop - text)») last->end", "false", inside(b'{"t":"{\\"user_id\\":1\\x')),
    CarefulCheck("a value that may go on", "scrub.c", "if («want == WANT_NEXT» && k->frames.count", "false", inside(b'{"user_id":1 2')),
    CarefulCheck("a field that does not end", "scrub.c", ".end = «text_size»", "(u64)(end - text)", inside(b'{"b":1,"user_id":"abc')),
    *(
        CarefulCheck(f"blank {name} in a text", "scrub.c", f"«c == {code}»", "false", line)
        for name, code, line in [
            ("space", "' '", inside(b" " + PII)),
            ("tab", r"'\t'", inside(b"\t" + PII)),
            ("carriage return", r"'\r'", inside(b"\r" + PII)),
            ("line end", r"'\n'", inside(b"\n" + PII)),
        ]
    ),
    CarefulCheck("cuts behind a surrogate pair", "scrub.c", "if («code >= 0xD800 && code < 0xDC00» && end - p >= 12", "false", b'{"event_id":"{\\"a\\":\\"\\ud83d\\ude00\\",\\"user_id\\":1}"}'),
    CarefulCheck("cuts behind one byte", "scrub.c", "*stands_for = «code < 0x80» ? 1", "false", b'{"event_id":"{\\"a\\":\\"\\u0041\\",\\"user_id\\":1}"}'),
    CarefulCheck("cuts behind two bytes", "scrub.c", ": «code < 0x800» ? 2 : 3;", "false", b'{"event_id":"{\\"a\\":\\"\\u00e9\\",\\"user_id\\":1}"}'),
    CarefulCheck("cuts behind three bytes", "scrub.c", ": «code < 0x800» ? 2 : 3;", "true", b'{"event_id":"{\\"a\\":\\"\\u20ac\\",\\"user_id\\":1}"}'),
    CarefulCheck("percent", "scrub.c", "if («c == '%' && end - p > 2») {", "false", b'{"page_url":"/p?user%5Fid=1"}'),
    CarefulCheck("plus", "scrub.c", "if («c == '+'») c = ' ';", "false", b'{"page_url":"/p?user+id=1"}'),
    CarefulCheck("opening bracket of a name", "scrub.c", "if («c != '['» && c != ']') {", "true", b'{"page_url":"/p?a[user_id]=1"}'),
    CarefulCheck("closing bracket of a name", "scrub.c", "if (c != '[' && «c != ']'») {", "c != ']' || p < end", b'{"page_url":"/p?a[user_id]=1"}'),
    CarefulCheck("each part of a name", "scrub.c", "return true; «out = start»;", "0", b'{"page_url":"/p?a[user_id]=1"}'),
    CarefulCheck("query", "scrub.c", 'p = «find_any(p, end, end, (const u8 *)"?#\\0#")»;', "memchr(p, '#', (size_t)(end - p)) ? memchr(p, '#', (size_t)(end - p)) : end", b'{"page_url":"/p?user_id=1"}'),
    CarefulCheck("fragment", "scrub.c", 'p = «find_any(p, end, end, (const u8 *)"?#\\0#")»;', "memchr(p, '?', (size_t)(end - p)) ? memchr(p, '?', (size_t)(end - p)) : end", b'{"page_url":"/p#user_id=1"}'),
    CarefulCheck("paths", "scrub.c", 'p = «find_any(p, end, end, (const u8 *)"?#\\0#")»;', 'find_any(p, end, end, (const u8 *)"&?#;")', b'{"page_url":"/p&user_id=1;?key=1"}'),
    *(
        CarefulCheck(f"parameter behind {name}", "scrub.c", f"«*next != '{byte}'»", "true", b'{"page_url":"/p?a=1%suser_id=2"}' % byte.encode())
        for name, byte in [("question mark", "?"), ("ampersand", "&"), ("hash", "#"), ("semicolon", ";")]
    ),
    CarefulCheck("a name without a value", "scrub.c", "equals = «memchr(p + 1, '=', (size_t)(next - p - 1))»", "next", b'{"page_url":"/p?user_id&key=1"}'),
    CarefulCheck("the ampersand that goes along", "scrub.c", "next < end && («*next == '&'» ||", "false", b'{"page_url":"/p?user_id=1&a=2"}'),
    CarefulCheck("the semicolon that goes along", "scrub.c", "(*next == '&' || «*next == ';'»)", "false", b'{"page_url":"/p?user_id=1;a=2"}'),
    CarefulCheck("the hash that stays", "scrub.c", "(«*next == '&'» || *next == ';')", "*next == '#'", b'{"page_url":"/p?user_id=1#a"}'),
    CarefulCheck("texts that are left alone", "scrub.c", "if («level < k->levels» && p < text + size", "true", inside(b'{"user_id":1}?key=1', b"page_url"), scrub_text=False),
    CarefulCheck("texts three deep", "kernel.c", "k->levels = look_inside ? «MOST_LEVELS» : 0;", "MOST_LEVELS - 1", inside(inside(inside(PII)))),
    CarefulCheck("texts four deep", "scrub.c", "if (!is_url && «level == k->levels») return true;", "(k->levels += level == k->levels && k->levels < 4, false)", inside(inside(inside(inside(PII))))),
    CarefulCheck("texts that start with a brace", "scrub.c", "«*start != '{'» && *start != '[' && *start != '\\\\'", "true", b'{"event_id":"{\\"user_id\\":1}"}'),
    CarefulCheck("texts that start with a bracket", "scrub.c", "*start != '{' && «*start != '['» && *start != '\\\\'", "true", b'{"event_id":"[{\\"user_id\\":1}]"}'),
    CarefulCheck("texts that start with an escape", "scrub.c", "*start != '{' && *start != '[' && «*start != '\\\\'»", "true", b'{"event_id":"\\u007b\\"user_id\\":1}"}'),
    CarefulCheck("texts that start with a blank", "scrub.c", "«!is_blank(*start)»", "true", b'{"event_id":" {\\"user_id\\":1}"}'),
    CarefulCheck("texts of objects", "scrub.c", "p < text + size && («*p == '{'» || *p == '[')", "false", inside(PII)),
    CarefulCheck("texts of arrays", "scrub.c", "p < text + size && (*p == '{' || «*p == '['»)", "false", inside(b"[%s]" % PII)),
    CarefulCheck("URLs of the event itself", "scrub.c", "if (level == 0 && «depth == 1» && frame->is_object) {", "frame->is_object", odd(b'"properties":{"page_url":"/p?user_id=1"}')),
    CarefulCheck("URLs of an event alone", "scrub.c", "if («level == 0» && depth == 1 && frame->is_object) {", "true", inside(b'{"page_url":"/p?user_id=1"}')),
    CarefulCheck("columns that hold no URLs", "scrub.c", "is_url = number && «k->keys[number].is_url»;", "true", odd(b'"event_id":"/p?user_id=1"')),
    CarefulCheck("doubles of the event alone", "scrub.c", "if («level == 0» && !drop_doubles", "true", inside(b'{"a":1,"a":2}')),
    CarefulCheck("doubles", "scrub.c", "«m->drop = true»", "0", b'{"zz":1,"zz":2}'),
    CarefulCheck("nested doubles", "scrub.c", "if («level == 0 && !drop_doubles(k, text, frame.first)») return", "k->frames.count == 0 && !drop_doubles(k, text, frame.first)", b'{"zz":{"a":1,"a":2}}'),
    CarefulCheck("the comma before", "scrub.c", "else if («kept») {", "false", odd(b'"zz":{"a":1,"user_id":2}')),
    CarefulCheck("the comma behind", "scrub.c", "«i + 1 < count» ? m[1].start : m->end", "false", odd(b'"zz":{"user_id":2,"a":1}')),
    CarefulCheck("fields of another object", "scrub.c", "«k->members.count = frame.first»", "k->members.count", odd(b'"user_id":{"b":1},"c":2')),
    CarefulCheck("the end of a field", "scrub.c", "«member(k, k->members.count - 1)->end = (u64)(p - text)»", "0", odd(b'"zz":{"a":1,"user_id":2,"c":3}')),
    CarefulCheck("PII", "scrub.c", "m->drop = «k->keys[number].column == DROPPED»", "false", odd(b'"zz":{"user_id":1}')),
    CarefulCheck("PII with escapes", "scrub.c", "m->drop = «fate_of_any(k, name, m->size) == DROPPED»", "false", b'{"zz":{"user\\u005fid":1}}'),
    CarefulCheck("doubles with escapes", "scrub.c", "m->hash = «hash_of(k, name - 1, m->size + 2)»", "hash_of(k, name, m->size)", b'{"zz":1,"\\u007az":2}'),
    CarefulCheck("nested keys with escapes", "scrub.c", "size + 2 <= LONGEST_KEY && «!memchr(start, '\\\\', size + 2)»", "true", b'{"zz":{"user\\u005fid":1}}'),
    CarefulCheck("keys with escapes", "careful.c", "key_size <= LONGEST_KEY && «!memchr(key, '\\\\', key_size)»", "true", b'{"\\u007az":1}'),
    CarefulCheck("carriage returns beside others", "careful.c", "for (; «mark» && p < stop; p++)", "false", b'{"zz":{"a":\r1}}'),
    CarefulCheck("fields of a text that does not end", "scrub.c", "while («k->frames.count > first_frame»)", "false", inside(b'{"user_id":"x')),
    CarefulCheck("too deep a text", "scrub.c", "if («depth == k->max_depth») break;", "false", inside(b'[[[[[{"user_id":1}')),
    CarefulCheck("deep texts", "scrub.c", "if («depth == k->max_depth») break;", "depth + 1 == k->max_depth", inside(b'[[[[{"user_id":1}')),
    CarefulCheck("an object where a colon is due", "scrub.c", "if («!value && (want != WANT_NEXT || depth)») break;", "false", inside(b'{"a" {"user_id":1}}')),
    CarefulCheck("an object where a comma is due", "scrub.c", "(want != WANT_NEXT || «depth»)", "false", inside(b'{"a":1 {"user_id":1}}')),
    CarefulCheck("another object in a text", "scrub.c", "(«want != WANT_NEXT» || depth)", "true", inside(b"{}" + PII)),
    CarefulCheck("a colon too many", "scrub.c", "if («want != WANT_COLON») break;", "false", inside(b'{"a":1:{"user_id":1}}')),
    CarefulCheck("a comma too many", "scrub.c", "if («want != WANT_NEXT») break; p++; if (frame)", "false", inside(b'{,"user_id":1}')),
    CarefulCheck("items of arrays", "scrub.c", "want = «frame->is_object» ? WANT_KEY : WANT_VALUE;", "true", inside(b"[1,%s]" % PII)),
    CarefulCheck("fields of objects", "scrub.c", "want = «frame->is_object» ? WANT_KEY : WANT_VALUE;", "false", inside(b'{"a":1,"user_id":2}')),
    CarefulCheck("a comma between objects", "scrub.c", "if («frame») want = frame->is_object", "(frame || (want = WANT_KEY, false))", inside(b"{}," + PII)),
    CarefulCheck("the other bracket in a text", "scrub.c", "«*p != (frame->is_object ? '}' : ']')»", "false", inside(b'[{"a":1],{"user_id":1}]')),
    CarefulCheck("a bracket too early", "scrub.c", "if («want != WANT_NEXT && want != WANT_KEY_OR_END && want != WANT_ITEM_OR_END») break;", "false", inside(b'[{"a":1,},{"user_id":1}]')),
    CarefulCheck("a string too many", "scrub.c", "if («!value») break; bool is_url", "false", inside(b'{"a":1 "b","user_id":2}')),
    CarefulCheck("a scalar too many", "scrub.c", "*p != ',') p++; if («!value») break;", "false", inside(b'{"a":1 1,"user_id":2}')),
    CarefulCheck("keys in their order", "scrub.c", "if («want == WANT_KEY» || want == WANT_KEY_OR_END) {", "false", inside(b'{"a":1,"user_id":2}')),
    CarefulCheck("the first key", "scrub.c", "if (want == WANT_KEY || «want == WANT_KEY_OR_END») {", "false", inside(b'{"user_id":2}')),
]  # fmt: skip

CAREFUL: Final = [
    CarefulCheck("events that a text may hold", "careful.c", "if («!text->whole») {", "false", b'{"a":{"b":1'),
    CarefulCheck("at least one event", "careful.c", "events += «!events»;", "0", b"x"),
    CarefulCheck("braces are counted", "careful.c", "events += «*p == '{'»;", "0", b'{"a":{"b":1'),
    CarefulCheck("rejects that are named", "careful.c", "if (k->named < «MOST_REJECTS») {", "MOST_REJECTS - 1", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("the first of a tally", "careful.c", "if («!tally->texts») {", "true", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("the place of the first", "careful.c", "tally->first = «place»;", "0", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("the line of the first", "careful.c", "tally->first_line = «k->scanned.lines»;", "0", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("the place of the last", "careful.c", "tally->last = «place»;", "0", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("the line of the last", "careful.c", "tally->last_line = «k->scanned.lines»;", "0", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("texts of a tally", "careful.c", "«tally->texts++»;", "tally->texts = 1", b"\n".join([b"x"] * 1_003)),
    CarefulCheck("events of a tally", "careful.c", "«tally->events += events»;", "tally->events = events", b"\n".join([b"x{"] * 1_003)),
    CarefulCheck("a tally for each reason", "careful.c", "Tally *tally = &k->scanned.tallies[«reason»];", "NOT_JSON", b"\n".join([b"x"] * 1_003 + [b"[1]"])),
    CarefulCheck("an escaped backslash", "careful.c", "code >= 0xE000) { p += «2»;", "1", b'{"event_id":"a\\\\ud83d"}\n' + odd(b'"event_id":"a\\\\ud83d"')),
    CarefulCheck("surrogate pairs", "careful.c", "if («code < 0xDC00» && end - p >= 12", "false", odd(b'"event_id":"\\ud83d\\ude00"')),
    CarefulCheck("two first halves", "careful.c", "int low = hex4(p + 8); if («low >= 0xDC00» && low < 0xE000) { p += 12;", "true", b'{"event_id":"\\ud83d\\ud83d"}'),
    CarefulCheck("half and no half", "careful.c", "int low = hex4(p + 8); if (low >= 0xDC00 && «low < 0xE000») { p += 12;", "true", b'{"event_id":"\\ud83d\\ue000"}'),
    CarefulCheck("a letter before the halves", "careful.c", "«(code = hex4(p + 2)) < 0xD800»", "(code = hex4(p + 2)) < 0xD000", odd(b'"event_id":"\\ud7ff"')),
    CarefulCheck("a letter behind the halves", "careful.c", "|| «code >= 0xE000») { p += 2;", "false", odd(b'"event_id":"\\ue000"')),
    CarefulCheck("second halves", "careful.c", "|| «code >= 0xE000») { p += 2;", "code >= 0xDC00", b'{"event_id":"\\udc00"}'),
    CarefulCheck("the other escape", "careful.c", "end - p >= 12 && «p[6] == '\\\\'» && p[7] == 'u'", "true", b'{"event_id":"\\ud83d_udc00"}'),
    CarefulCheck("another escape", "careful.c", "end - p >= 12 && p[6] == '\\\\' && «p[7] == 'u'»", "true", b'{"event_id":"\\ud83d\\ndc00"}'),
    CarefulCheck("halves are counted", "careful.c", "«++*halves»;", "0", b'{"event_id":"\\ud83d"}'),
    CarefulCheck("halves of events that are published", "careful.c", "«k->scanned.repaired += halves»", "k->scanned.repaired = halves", b'{"event_id":"\\ud83d"}\n' * 2),
    CarefulCheck("nothing is cut", "careful.c", "if («!k->cuts.count» && !mark)", "true", odd(b'"zz":{"user_id":1}')),
    CarefulCheck("carriage returns alone", "careful.c", "if (!k->cuts.count && «!mark») return", "true", b'{"zz":{"a":\r1}}'),
    CarefulCheck("carriage returns", "careful.c", "if («*p != '\\r'») *out++ = *p;", "true", b'{"zz":{"a":\r1}}'),
    CarefulCheck("quotes in other values", "careful.c", "if (c >= 0x20 && «c != '\"'» && c != '\\\\') {", "true", b'{"event_id":["a"]}'),
    CarefulCheck("backslashes in other values", "careful.c", "if (c >= 0x20 && c != '\"' && «c != '\\\\'») {", "true", b'{"event_id":["\\\\"]}'),
    CarefulCheck("controls in keys", "careful.c", "if («c >= 0x20» && c != '\"'", "true", b'{"a\\u0001":1}'),
    *(
        CarefulCheck(f"escape {letter} in keys", "careful.c", "*out++ = '\\\\'; switch («c») {", f"c == '\\{letter}' ? 1 : c", b'{"a\\%s":1}' % letter.encode())
        for letter in "bfnrt"
    ),
    CarefulCheck("first digit of a control", "careful.c", "(u8)hex[«c >> 4»]", "0", b'{"a\\u001f":1}'),
    CarefulCheck("second digit of a control", "careful.c", "(u8)hex[«c & 15»]", "0", b'{"a\\u001f":1}'),
    CarefulCheck("negative whole number", "careful.c", "bool negative = «*p == '-'», minus;", "(p += *p == '-', false)", whole(b"-50e-1")),
    CarefulCheck("digits behind the point", "careful.c", "fraction += «point»;", "0", whole(b"1.5e1")),
    CarefulCheck("zeros before a number", "careful.c", "if («!size && *p == '0'») continue;", "false", whole(b"0.%s1e31" % (b"0" * 30))),
    CarefulCheck("zeros behind a number", "careful.c", "size++; if («*p == '0'») {", "false", whole(b"1%se-30" % (b"0" * 30))),
    CarefulCheck("zeros within a number", "careful.c", "} «trailing = 0»; }", "0", whole(b"1%s1e-19" % (b"0" * 19))),
    CarefulCheck("zeros within a short number", "careful.c", "for (; «trailing»; trailing--) value *= 10;", "false", whole(b"1001e0")),
    CarefulCheck("zero", "careful.c", "if («!size») {", "false", whole(b"0e99")),
    CarefulCheck("negative exponent", "careful.c", "«minus = *p == '-'»;", "minus = false", whole(b"50e-1")),
    CarefulCheck("an endless exponent", "careful.c", "if («exponent < 1000000000000») exponent =", "true", whole(b"1e-18446744073709551616")),
    CarefulCheck("a fraction", "careful.c", "zeros = «trailing - fraction + exponent»;", "trailing - fraction + exponent < 0 ? 0 : trailing - fraction + exponent", whole(b"5.5e0")),
    CarefulCheck("over 64 bits", "careful.c", "«size - trailing + zeros > MOST_DIGITS»", "zeros > MOST_DIGITS", whole(b"37e18")),
    CarefulCheck("over 63 bits", "careful.c", "if («value > (u64)INT64_MAX + negative») return false;", "false", whole(b"9223372036854775808")),
    CarefulCheck("the least of 63 bits", "careful.c", "value > (u64)INT64_MAX + «negative»", "0", whole(b"-9223372036854775808")),
    CarefulCheck("the most of 63 bits", "careful.c", "value > (u64)INT64_MAX + «negative»", "1", whole(b"9223372036854775808")),
    CarefulCheck("minus in a whole number", "careful.c", "(int64_t)(«negative» ? 0 - value : value)", "false", whole(b"-50e-1")),
    CarefulCheck("text in a double", "careful.c", "case DOUBLE: if («!number») return false;", "false", odd(b'"price":"1.5"')),
    CarefulCheck("minus zero", "careful.c", "if («size == 2 && p[0] == '-'» && p[1] == '0') {", "false", odd(b'"price":-0')),
    CarefulCheck("minus and a digit", "careful.c", "p[0] == '-' && «p[1] == '0'») {", "true", odd(b'"price":-5')),
    CarefulCheck("minus zero of doubles", "careful.c", "if («size == 2» && p[0] == '-'", "true", odd(b'"price":-0.0')),
    CarefulCheck("text in a bigint", "careful.c", "case BIGINT: if («!number» ||", "false", b'{"quantity":"5","\\u007az":1}'),
    CarefulCheck("a number in a boolean", "careful.c", "case BOOLEAN: if («*p != 't' && *p != 'f'») return false;", "false", odd(b'"is_bot":1')),
    CarefulCheck("true", "careful.c", "k->cells[cell].whole = «*p == 't'»;", "0", odd(b'"is_bot":true')),
    CarefulCheck("negative numbers", "careful.c", "bool number = «*p == '-'» ||", "false", odd(b'"price":-5')),
    CarefulCheck("text in its column", "careful.c", "case TEXT: if («*p == '\"'») {", "false", odd(b'"event_id":"a"')),
    CarefulCheck("white space in extra", "cells.c", "«out = compact_value(p, end, out)»;", "(memcpy(out, p, (size_t)(end - p)), out += end - p)", odd(b'"zz":[1, 2]')),
    CarefulCheck("fields that stay", "cells.c", "if («!moved») return;", "false", odd(b'"zz":1')),
    CarefulCheck("the first field of extra", "cells.c", "if («!k->has_extra») k->extra_start = k->gathered_size; *out++ = k->has_extra ? ',' : '{'; k->has_extra", "true", odd(b'"zz":1')),
    CarefulCheck("fields of extra", "cells.c", "*out++ = «k->has_extra» ? ',' : '{'; k->has_extra = true;", "false", odd(b'"zz":1')),
    CarefulCheck("fields that moved", "cells.c", "*out++ = «k->moved.count» ? ',' : '{';", "false", b'{"price":"x","quantity":"x"}'),
    CarefulCheck("a name of ours", "careful.c", "if («fate != REFUSED») {", "true", odd(b'"year":1')),
    CarefulCheck("a name of ours that moves", "careful.c", "} else if (fate == REFUSED) { put_extra(k, key, key_size, p, stop, «true»);", "false", odd(b'"price":"x","year":1')),
    CarefulCheck("null", "careful.c", "} else if («*p == 'n'») {", "false", odd(b'"event_id":null')),
    CarefulCheck("mismatches by column", "events.c", "«k->mismatched[column]++»;", "0", b'{"price":"x"}'),
    CarefulCheck("mismatches", "events.c", "«k->scanned.mismatches++»;", "0", b'{"price":"x"}'),
    CarefulCheck("the comma of the first field", "careful.c", 'if («!first») emit(k, ",", 1); first = false; if (source)', "true", odd(b'"zz":1')),
    CarefulCheck("the comma of extra", "careful.c", 'if («!first») emit(k, ",", 1); first = false; emit(k, "\\"extra\\":", 8);', "true", b'{"year":1,"year":2}'),
    CarefulCheck("the comma of the time", "careful.c", "emit(k, k->tail + first, «k->tail_size - first»);", "k->tail_size", b'{"zz":{}}' + b'{"user_id":1,"\\u0075ser_id":2}'),
    CarefulCheck("extra in its line", "careful.c", "if («k->moved.count») { if (!first)", "false", odd(b'"zz":1')),
    CarefulCheck("extra of this event", "careful.c", "return k->no_memory = true, PUBLISHED; «k->moved.count = 0»;", "0", odd(b'"zz":1') + b"," + A),
]  # fmt: skip

NAMES: Final = [
    CarefulCheck("letters that do not count", "names.c", "if («!letter») continue;", "false", b'{"zz":{"USER-ID":1}}'),
    CarefulCheck("another letter", "names.c", "if (at == size || «name[at] != letter») break;", "false", b'{"zz":{"user-od":1}}'),
    CarefulCheck("longer names", "names.c", "if («p == end» && at == size) return true;", "true", b'{"zz":{"user_idx":1}}'),
    CarefulCheck("shorter names", "names.c", "if (p == end && «at == size») return true;", "true", b'{"zz":{"user_i":1}}'),
    CarefulCheck("names outside ASCII", "names.c", "return «k->ask(start, (u32)(end - start))»;", "UNDECLARED", '{"zz":{"\u212aey":1}}'.encode()),
    CarefulCheck("PII outside ASCII", "names.c", "return «k->ask(start, (u32)(end - start))»;", "UNDECLARED", '{"zz":{"GRÖSSE":1}}'.encode()),
    CarefulCheck("the start of a column's name", "names.c", "if («k->taken_sizes[i] != size») continue;", "k->taken_sizes[i] < size", b'{"pric":1}'),
    CarefulCheck("a column in capitals", "names.c", "«(u8)(start[at] - 'A') < 26» && name[at] == (start[at] | 32)", "false", b'{"Price":1}'),
    CarefulCheck("digits of a column", "names.c", "p < end && «is_digit(*p)»; p++", "*p != 'x'", b'{"_col3a":1}'),
    CarefulCheck("a column by its number", "names.c", "return «p == end»;", "false", b'{"_COL3":1}'),
    CarefulCheck("no column by its number", "names.c", "return «p == end»;", "true", b'{"_colx":1}'),
    CarefulCheck("no number", "names.c", "if («size < 5» || p[0]", "false", b'{"_col":1}'),
    *(
        CarefulCheck(f"letter {at} of a number", "names.c", f"«{code}»", "false", b'{"%s3":1}' % name)
        for at, code, name in [
            (1, "p[0] != '_'", b"xcol"),
            (2, "(p[1] | 32) != 'c'", b"_xol"),
            (3, "(p[2] | 32) != 'o'", b"_cxl"),
            (4, "(p[3] | 32) != 'l'", b"_cox"),
        ]
    ),
    CarefulCheck("refused names", "names.c", "return «is_taken(k, start, end)» ? REFUSED : UNDECLARED;", "false", b'{"Price":1}'),
    CarefulCheck("PII by its name", "names.c", "if («is_pii(k, start, end)») return DROPPED;", "false", odd(b'"zz":{"user_id":1}')),
    CarefulCheck("keys of one slot", "names.c", "if (key->size == size && «!memcmp(key->text, text, size)») return number;", "true", b"\n".join(b'{"k%d":1}' % n for n in range(1_000, 4_000))),
]  # fmt: skip

FAST: Final = [
    CarefulCheck("the comma before nested PII", "nested.c", "cut = «kept[depth]» ? before[depth] : start - 1;", "false", b'{"zz":{"a":1,"user_id":2}}'),
    CarefulCheck("the comma behind nested PII", "nested.c", "stop = «kept[depth]» ? before[depth] : p;", "true", b'{"zz":{"user_id":2,"a":1}}'),
    CarefulCheck("PII in PII", "nested.c", "} else if («!cut_depth») {", "true", b'{"zz":{"user_id":{"key":1},"a":1}}'),
    CarefulCheck("PII at the end", "nested.c", "if («cut_depth == depth») { if (!add_cut", "false", b'{"zz":{"a":1,"user_id":2}}'),
    CarefulCheck("PII before others", "nested.c", "if («cut_depth == depth») { const u8 *stop", "false", b'{"zz":{"user_id":2,"a":1}}'),
    CarefulCheck("another object's fields", "nested.c", "«kept[depth] = false»;", "0", b'{"zz":[{"a":1},{"user_id":1,"b":2}]}'),
    CarefulCheck("PII in what moves", "cells.c", "if (!p || «k->cuts.count») return NULL;", "false", b'{"price":{"user_id":1}}'),
    CarefulCheck("PII in a cell", "cells.c", "if (space || «k->cuts.count») {", "false", b'{"properties":{"user_id":1,"b":2}}'),
    CarefulCheck("PII in a JSON column's line", "cells.c", "(u64)(p - start)); } if («k->cuts.count») put_value", "false", b'{"properties":{"user_id":1,"b":2}}'),
    CarefulCheck("PII in another field's line", "cells.c", "k->has_extra = true; if («k->cuts.count») put_value", "false", b'{"zz":{"user_id":1,"b":2}}'),
    CarefulCheck("what moves is null", "cells.c", "if («key->column >= 0») {", "false", b'{"price":"x"}'),
    CarefulCheck("commas behind a plain event", "events.c", "!(«comma» && *p == '{')", "false", A + b"," + B + b",x}"),
    CarefulCheck("a torn start behind a plain event", "events.c", "(*p == '{' && «p[1] != '\\\\'»)", "true", A + b'{\\"b\\":1}'),
    CarefulCheck("extra of a plain event", "events.c", "if («k->moved.count») { put_moved", "false", b'{"price":"x"}'),
    CarefulCheck("the comma before extra", "events.c", "put_moved(k, «first»);", "false", b'{"year":1}'),
    CarefulCheck("extra of one event", "events.c", "k->has_extra = false; «k->moved.count = 0»;", "0", b'{"price":"x"}\n{"event_id":"a"}'),
]  # fmt: skip

QUALITY: Final = [
    CarefulCheck("a value that is judged", "careful.c", "if («rules») tag = breach_of_column(k, rules);", "false", ruled(b'"price":9'), rules=True),
    CarefulCheck("a value that moves after all", "careful.c", "if («tag != NOTHING») { k->json_end = json_end;", "false", ruled(b'"price":9'), rules=True),
    CarefulCheck("a breach that rejects", "careful.c", "if (tag != MISFIT && «rules_of(k, (u32)fate)->rejects»)", "false", ruled(b'"session_id":"1"'), rules=True),
    CarefulCheck("a column that lacks", "careful.c", "if («lacking») return broken", "false", odd(b'"zz":1'), rules=True),
    CarefulCheck("what is rejected half-way", "careful.c", "if (reason != PUBLISHED) return «go_back(k, &before)», reason;", "(void)0", ruled(b'"session_id":"1"') + b'\n{"product_id":"p"}', rules=True),
    CarefulCheck("many characters", "quality.c", "if («(u64)(end - p) > 4 * most») return true;", "true", b'{"product_id":"p","country":"\xc3\xa9\xc3\xa9"}', rules=True),
    CarefulCheck("bytes of a character", "quality.c", "characters += «(*p & 0xC0) != 0x80»;", "true", b'{"product_id":"p","country":"\xc3\xa9\xc3\xa9"}', rules=True),
    CarefulCheck("the cells of a text with escapes", "quality.c", "(«tag == INPUT» ? k->data : k->decoded)", "true", b'{"product_id":"p","event_type":"\\u0063lick"}', rules=True),
]  # fmt: skip

FED: Final = [
    CarefulCheck("the first of several", "careful.c", "source->is_null == is_null && «number < source->chosen»", "false", b'{"price":2,"unit_price":1}', fed=True),
    CarefulCheck("not the last of several", "careful.c", "source->is_null == is_null && «number < source->chosen»", "true", b'{"unit_price":1,"price":2}', fed=True),
    CarefulCheck("the first with a value", "careful.c", "(«source->is_null && !is_null») ||", "false", b'{"unit_price":null,"price":2}', fed=True),
    CarefulCheck("none without a value", "careful.c", "(«source->is_null == is_null» && number", "true", b'{"price":2,"unit_price":null}', fed=True),
    CarefulCheck("one behind an escape", "careful.c", "u32 number; p = string_end(p + 1, end); size = (size_t)(p - key); if («memchr(key, '\\\\', size)») {", "false", b'{"unit\\u005fprice":1,"price":2}', fed=True),
    CarefulCheck("those of one event", "careful.c", "for (u32 i = 0; i < «k->columns»; i++) k->sources[i].chosen = 0;", "0", b'{"unit_price":1,"price":2}\n' + odd(b'"price":2'), fed=True),
    CarefulCheck("the column's name", "careful.c", "if («source») emit(k, source->name, source->size);", "false", odd(b'"unit_price":1'), fed=True),
    CarefulCheck("one that does not count", "careful.c", "fate = «find_key(k, key, key_size) == source->chosen» ? SOURCES - fate : REFUSED;", "true", b'{"unit_price":1,"price":2}', fed=True),
    CarefulCheck("URLs of another name", "scrub.c", "is_url = number && «k->keys[number].is_url»;", "false", odd(b'"page":"/p?user_id=1"'), fed=True),
]  # fmt: skip

CHECKS: Final = (*FAST, *FRAMING, *CHECK, *SCRUB, *CAREFUL, *NAMES, *QUALITY, *FED)

/* Strict JSON (RFC 8259), token by token.
 *
 * Every scanned text has to end in a byte that no token may hold there: callers pass blocks with a
 * zero byte after them, so functions here check for the end only where they read ahead. A scanner
 * returns where the token ends, or NULL, which is never a verdict: NULL sends the line to the code
 * that is right for any input.
 */
#include "kernel.h"

/* The end of the plain characters: not quotes, backslashes, controls or anything outside ASCII.
 * 16 at a time take 250 ns less per event than one by one. */
static inline const u8 *skip_plain(const u8 *p, const u8 *end) {
    while (end - p >= 16) {
        bytes16 found;
        memcpy(&found, p, 16);
        bytes16 low = found < 0x20; /* as signed numbers, those from 0x80 on are too */
        if (WITHOUT(CONTROL_CHARACTER)) low &= found != '\t';
        words2 odd = (words2)((found == '"') | (found == '\\') | low);
        if (odd[0]) return p + (__builtin_ctzll(odd[0]) >> 3);
        if (odd[1]) return p + 8 + (__builtin_ctzll(odd[1]) >> 3);
        p += 16;
    }
    while (!CHECK(CONTROL_CHARACTER, *p < 0x20) && *p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

static inline bool continues(u8 byte) { return (byte & 0xC0) == 0x80; }

/* The end of a character outside ASCII: no overlong forms, no surrogates, nothing over U+10FFFF. */
static const u8 *scan_utf8(const u8 *p) {
    u8 first = p[0], second;
    if (CHECK(OVERLONG_PAIR, first < 0xC2)) return NULL;
    second = p[1];
    if (CHECK(SECOND_BYTE, !continues(second))) return NULL;
    if (first < 0xE0) return p + 2;
    if (CHECK(THIRD_BYTE, !continues(p[2]))) return NULL;
    if (first < 0xF0) {
        if (CHECK(OVERLONG_THREE, first == 0xE0 && second < 0xA0)) return NULL;
        if (CHECK(ENCODED_SURROGATE, first == 0xED && second > 0x9F)) return NULL;
        return p + 3;
    }
    if (CHECK(FOURTH_BYTE, !continues(p[3])) || CHECK(FIRST_BYTE, first > 0xF4)) return NULL;
    if (CHECK(OVERLONG_FOUR, first == 0xF0 && second < 0x90)) return NULL;
    if (CHECK(OVER_10FFFF, first == 0xF4 && second > 0x8F)) return NULL;
    return p + 4;
}

static int hex_digit(u8 c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return CHECK(HEX_DIGIT, true) ? -1 : 0;
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const u8 *p) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The end of an escape that starts at `p`: half a surrogate pair is not one. */
static const u8 *scan_escape(const u8 *p) {
    int code, low;
    switch (p[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;
    case 'u':
        code = hex4(p + 2);
        if (code < 0 || CHECK(FIRST_SURROGATE, code >= 0xDC00 && code < 0xE000)) return NULL;
        if (code < 0xD800 || code >= 0xE000) return p + 6;
        if (CHECK(SECOND_ESCAPE, p[6] != '\\' || p[7] != 'u')) return NULL;
        low = hex4(p + 8);
        return CHECK(SECOND_SURROGATE, low < 0xDC00 || low >= 0xE000) ? NULL : p + 12;
    default:
        return CHECK(ESCAPED_CHARACTER, true) ? NULL : p + 2;
    }
}

/* The closing quote of a text whose first character is at `p`. */
ALWAYS_INLINE const u8 *scan_text(const u8 *p, const u8 *end, unsigned *has) {
    for (;;) {
        p = skip_plain(p, end);
        if (*p == '"') return p;
        if (*p == '\\') {
            *has |= ESCAPES;
            p = scan_escape(p);
        } else {
            *has |= NOT_ASCII;
            p = scan_utf8(p);
        }
        if (!p) return NULL;
    }
}

/* Write what a text with escapes stands for, which is never longer; return its end. */
static u8 *decode_text(const u8 *p, const u8 *end, u8 *out) {
    while (p < end) {
        const u8 *escape = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((escape ? escape : end) - p);
        u32 code;
        memcpy(out, p, plain);
        out += plain;
        p += plain;
        if (!escape) break;
        switch (p[1]) {
        case 'b': *out++ = '\b'; p += 2; continue;
        case 'f': *out++ = '\f'; p += 2; continue;
        case 'n': *out++ = '\n'; p += 2; continue;
        case 'r': *out++ = '\r'; p += 2; continue;
        case 't': *out++ = '\t'; p += 2; continue;
        case 'u': break;
        default: *out++ = p[1]; p += 2; continue;
        }
        code = (u32)hex4(p + 2);
        p += 6;
        if (code >= 0xD800 && code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            u32 low = (u32)hex4(p + 2);
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
        }
        if (code < 0x80) {
            *out++ = (u8)code;
        } else if (code < 0x800) {
            *out++ = (u8)(0xC0 | code >> 6);
            *out++ = (u8)(0x80 | (code & 63));
        } else if (code < 0x10000) {
            *out++ = (u8)(0xE0 | code >> 12);
            *out++ = (u8)(0x80 | (code >> 6 & 63));
            *out++ = (u8)(0x80 | (code & 63));
        } else {
            *out++ = (u8)(0xF0 | code >> 18);
            *out++ = (u8)(0x80 | (code >> 12 & 63));
            *out++ = (u8)(0x80 | (code >> 6 & 63));
            *out++ = (u8)(0x80 | (code & 63));
        }
    }
    return out;
}

/* Doubles end at 10^308: an exponent of three digits may exceed it, and so may one of two after a
 * longer number. */
#define MOST_NUMBER_BYTES (WITHOUT(ROOM_FOR_AN_EXPONENT) ? 300 : 200)
#define MOST_EXPONENT_DIGITS 2

/* 64 bits hold them; `digits` of a longer number has wrapped around. */
#define MOST_DIGITS 19
static const u64 powers_of_ten[MOST_DIGITS + 1] = {
    1ull,
    10ull,
    100ull,
    1000ull,
    10000ull,
    100000ull,
    1000000ull,
    10000000ull,
    100000000ull,
    1000000000ull,
    10000000000ull,
    100000000000ull,
    1000000000000ull,
    10000000000000ull,
    100000000000000ull,
    1000000000000000ull,
    10000000000000000ull,
    100000000000000000ull,
    1000000000000000000ull,
    10000000000000000000ull,
};

static const u8 *scan_number(const u8 *p, Number *number) {
    const u8 *start = p, *first, *last;
    u64 digits = 0;
    ptrdiff_t count;
    number->negative = *p == '-';
    p += number->negative;
    first = p;
    if (CHECK(FIRST_DIGIT, !is_digit(*p))) return NULL;
    if (CHECK(LEADING_ZERO, *p == '0')) p++;
    else for (; is_digit(*p); p++) digits = 10 * digits + (*p - '0');
    count = p - first;
    number->whole = true;
    number->fraction = 0;
    if (*p == '.') {
        first = ++p;
        for (; is_digit(*p); p++) digits = 10 * digits + (*p - '0');
        if (CHECK(DIGIT_OF_FRACTION, p == first)) return NULL;
        number->whole = false;
        number->fraction = (unsigned)(p - first);
        count += p - first;
    }
    number->exact = count <= MOST_DIGITS;
    number->digits = digits;
    if ((*p | 32) == 'e') {
        p++;
        if (*p == '+' || *p == '-') p++;
        first = p;
        while (is_digit(*p)) p++;
        last = p;
        if (CHECK(DIGIT_OF_EXPONENT, first == last)) return NULL;
        if (CHECK(LARGE_EXPONENT, last - first > MOST_EXPONENT_DIGITS)) return NULL;
        number->whole = false;
        if (CHECK(EXPONENT, true)) number->exact = false;
    }
    return CHECK(LONG_NUMBER, p - start > MOST_NUMBER_BYTES) ? NULL : p;
}

/* The end of `true`, `false` or `null`. */
static inline const u8 *scan_word(const u8 *p, const char *word) {
    size_t size = strlen(word);
    return CHECK(WORD, strncmp((const char *)p, word, size)) ? NULL : p + size;
}

/* Copy a JSON text without the white space between its tokens; return the end of the copy. */
static u8 *compact_value(const u8 *p, const u8 *end, u8 *out) {
    while (p < end) {
        if (*p == '"') {
            const u8 *start = p++;
            unsigned has = 0;
            p = scan_text(p, end, &has) + 1;
            memcpy(out, start, (size_t)(p - start));
            out += p - start;
        } else {
            if (*p != ' ' && *p != '\t') *out++ = *p;
            p++;
        }
    }
    return out;
}


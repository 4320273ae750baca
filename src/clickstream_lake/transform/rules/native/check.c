/* Whether a text is an event, and if not, why: as `check_event` of rules/strict.py has it. */
#include "kernel.h"

static int deepest_of(const u8 *p, const u8 *end) {
    int depth = 0, deepest = 0;
    while (p < end) {
        switch (*p++) {
        case '"':
            p = string_end(p, end);
            if (!p) return deepest; /* a string that does not end hides the rest */
            break;
        case '{': case '[':
            depth++;
            if (depth > deepest) deepest = depth;
            break;
        case '}': case ']': depth--;
        }
    }
    return deepest;
}

static bool is_utf8(const u8 *p, const u8 *end) {
    while (p < end) {
        if (*p < 0x80) p++;
        else {
            /* What ends too early meets the byte after the text, which continues nothing: it is
             * a line end, a separator, or the start of another text. */
            p = scan_utf8(p);
            if (!p || p > end) return false;
        }
    }
    return true;
}

/* The end of a number of any length; NULL if it is none. */
static const u8 *any_number_end(const u8 *p) {
    p += *p == '-';
    if (*p == '0') p++;
    else if (is_digit(*p)) while (is_digit(*p)) p++;
    else return NULL;
    if (*p == '.') {
        if (!is_digit(*++p)) return NULL;
        while (is_digit(*p)) p++;
    }
    if ((*p | 32) == 'e') {
        p++;
        if (*p == '+' || *p == '-') p++;
        if (!is_digit(*p)) return NULL;
        while (is_digit(*p)) p++;
    }
    return p;
}

static bool overflows(const Kernel *k, const u8 *p, const u8 *end) {
    Number number;
    double found;
    if (scan_number(p, &number)) return false; /* one of those is finite */
    found = strtod_l((const char *)p, NULL, k->c_locale);
    (void)end;
    return found > DBL_MAX || found < -DBL_MAX;
}

static const u8 *skip_blank(const u8 *p) {
    while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n') p++;
    return p;
}

typedef struct {
    bool overflow, long_key;
    u32 keys;
    int error;
} Checked;

static const u8 *check_key(const Kernel *k, const u8 *p, const u8 *end, Checked *c) {
    const u8 *start = p + 1;
    unsigned has = 0;
    if (p >= end || *p != '"' || !(p = scan_text(start, end, &has))) return NULL;
    c->keys++;
    c->long_key |= (size_t)(p - start) > k->max_key_bytes;
    p = skip_blank(p + 1);
    return p < end && *p == ':' ? skip_blank(p + 1) : NULL;
}

/* Behind the value at `p`; NULL, with an error, where it is not well-formed. */
static const u8 *check_value(Kernel *k, const u8 *p, const u8 *end, Checked *c) {
    u32 depth = 0;
    for (;;) { /* a value starts at p */
        const u8 *start = p;
        unsigned has = 0;
        if (p >= end) return NULL;
        switch (*p) {
        case '{':
        case '[':
            k->open[depth++] = *p + 2; /* what closes it */
            p = skip_blank(p + 1);
            if (p < end && *p == k->open[depth - 1]) break;
            if (k->open[depth - 1] == ']') continue;
            p = check_key(k, p, end, c);
            if (!p) return NULL;
            continue;
        case '"':
            p = scan_text(p + 1, end, &has);
            if (!p) return NULL;
            p++;
            break;
        case 't': p = scan_word(p, "true"); break;
        case 'f': p = scan_word(p, "false"); break;
        case 'n': p = scan_word(p, "null"); break;
        case 'N': case 'I':
            if (scan_word(p, *p == 'N' ? "NaN" : "Infinity")) c->error = NON_FINITE_NUMBER;
            return NULL;
        default:
            if (*p == '-' && scan_word(p, "-Infinity")) {
                c->error = NON_FINITE_NUMBER;
                return NULL;
            }
            p = any_number_end(p);
            if (p) c->overflow |= overflows(k, start, p);
        }
        if (!p || p > end) return NULL;
        for (;;) { /* after a value, or at what closes an empty one */
            if (!depth) return p;
            p = skip_blank(p);
            if (p >= end) return NULL;
            if (*p != k->open[depth - 1]) break;
            p++;
            depth--;
        }
        if (*p != ',') return NULL;
        p = skip_blank(p + 1);
        if (k->open[depth - 1] == ']') continue;
        p = check_key(k, p, end, c);
        if (!p) return NULL;
    }
}

/* Why a text is not an event; PUBLISHED if it is one. */
static int check_event(Kernel *k, const u8 *start, const u8 *end) {
    Checked c = {.error = NOT_JSON};
    const u8 *p;
    if (deepest_of(start, end) > (int)k->max_depth) return TOO_DEEP;
    p = check_value(k, start, end, &c);
    if (p != end) {
        if (!is_utf8(start, end)) return INVALID_UTF8;
        return p ? NOT_JSON : c.error;
    }
    if (*start != '{') return NOT_OBJECT;
    if (c.overflow) return NUMBER_OVERFLOW;
    if (c.keys > k->max_keys) return TOO_MANY_KEYS;
    return c.long_key ? KEY_TOO_LONG : PUBLISHED;
}

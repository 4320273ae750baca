/* Values of any kind inside an event; what may break a data rule is declined. */
#include "kernel.h"

static inline u8 lower(u8 c) { return CHECK(CAPITAL, (u8)(c - 'A') < 26) ? c | 32 : c; }

/* Whether a text inside a value looks like a PII key: it is one, or ends in one after a quote. */
static bool is_name(const Kernel *k, const u8 *start, const u8 *end) {
    const u8 *name = k->names;
    for (u32 i = 0; i < k->name_count; name += k->name_sizes[i++]) {
        size_t size = k->name_sizes[i], at;
        const u8 *tail = end - size;
        if ((size_t)(end - start) < size) continue;
        if (WITHOUT(NAME_AFTER_A_QUOTE) ? tail != start : tail[-1] != '"') continue;
        for (at = 0; at < size && lower(tail[at]) == name[at]; at++) {}
        if (at == size) return true;
    }
    return false;
}

/* The closing quote of a text inside a value, unless it may hide a PII key. */
static const u8 *scan_inner_text(const Kernel *k, const u8 *p, bool is_key) {
    unsigned has = 0;
    const u8 *start = p;
    p = scan_text(p, k->end, &has);
    if (!p || CHECK(HIDDEN_PII, has & HIDDEN_NAME)) return NULL;
    if (CHECK(NESTED_PII, is_name(k, start, p))) return NULL;
    return is_key && CHECK(LONG_KEY, (size_t)(p - start) > k->max_key_bytes) ? NULL : p;
}

/* The end of an object or array that starts at `p`, inside an event. */
static const u8 *scan_nested(Kernel *k, const u8 *p, bool *space) {
    u8 open[DEEPEST + 1];
    u32 depth = 1; /* the event itself */
    Number number;
    for (;;) { /* a value starts at p */
        switch (*p) {
        case '{':
        case '[':
            depth++;
            if (CHECK(DEPTH, depth > k->max_depth)) return NULL;
            open[depth] = *p + 2; /* what closes it */
            p = skip_space(p + 1, space);
            if (*p == open[depth]) {
                p++;
                depth--;
                break;
            }
            if (open[depth] == '}') goto key;
            continue;
        case '"':
            p = scan_inner_text(k, p + 1, false);
            if (!p) return NULL;
            p++;
            break;
        case 't': p = scan_word(p, "true"); break;
        case 'f': p = scan_word(p, "false"); break;
        case 'n': p = scan_word(p, "null"); break;
        default: p = scan_number(p, &number);
        }
        if (!p) return NULL;
        for (;;) { /* after a value */
            if (depth == 1) return p;
            p = skip_space(p, space);
            if (WITHOUT(SAME_BRACKET) ? *p != ']' && *p != '}' : *p != open[depth]) break;
            p++;
            depth--;
        }
        if (CHECK(NESTED_COMMA, *p != ',')) return NULL;
        p = skip_space(p + 1, space);
        if (open[depth] == ']') continue;
    key:
        if (CHECK(NESTED_KEY, *p != '"')) return NULL;
        p = scan_inner_text(k, p + 1, true);
        if (!p) return NULL;
        k->keys_seen += !WITHOUT(NESTED_KEYS);
        p = skip_space(p + 1, space);
        if (CHECK(NESTED_COLON, *p != ':')) return NULL;
        p = skip_space(p + 1, space);
    }
}

/* The end of any value. */
static const u8 *scan_value(Kernel *k, const u8 *p, bool *space) {
    Number number;
    unsigned has = 0;
    switch (*p) {
    case '"': p = scan_text(p + 1, k->end, &has); return p ? p + 1 : NULL;
    case '{':
    case '[': return scan_nested(k, p, space);
    case 't': return scan_word(p, "true");
    case 'f': return scan_word(p, "false");
    case 'n': return scan_word(p, "null");
    default: return scan_number(p, &number);
    }
}


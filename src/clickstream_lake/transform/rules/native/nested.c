/* Values of any kind inside an event; what may break a data rule is left to the careful path. */
#include "kernel.h"

/* Whether a text may be JSON itself: its first characters say so, as they are or as escapes. */
static bool may_be_json(const u8 *p) {
    int code;
    while (*p == ' ') p++;
    if (*p != '\\') return *p == '{' || *p == '[';
    if (p[1] != 'u') return p[1] == 'n' || p[1] == 'r' || p[1] == 't';
    code = hex4(p + 2);
    return code == '{' || code == '[' || code == ' ' || code == '\n' || code == '\r' || code == '\t';
}

/* The closing quote of a text inside a value. */
static const u8 *scan_inner_text(const Kernel *k, const u8 *p) {
    unsigned has = 0;
    if (k->may_start_json[*p] && CHECK(JSON_IN_NESTED_TEXT, may_be_json(p))) return NULL;
    return scan_text(p, k->end, &has);
}

/* A number that keys of the same bytes share, and hardly any others: `p` to `end`, without quotes.
 * There are at least six bytes before it in the block, and a byte behind its closing quote. */
static u64 fingerprint(const u8 *p, const u8 *end) {
    size_t size = (size_t)(end - p);
    u64 first = 0, last;
    memcpy(&last, end - 6, 8);
    last <<= 8; /* without what is behind the closing quote */
    if (size < 7) last >>= 8 * (7 - size);
    else memcpy(&first, p, 8);
    return (first * 0x9E3779B97F4A7C15u) ^ last ^ size << 56;
}

/* The closing quote of a key inside a value. */
static const u8 *scan_inner_key(Kernel *k, const u8 *p, bool *personal) {
    unsigned has = 0;
    const u8 *start = p;
    *personal = false;
    p = scan_text(p, k->end, &has);
    if (!p || CHECK(ESCAPE_IN_NESTED_KEY, has & ESCAPES)) return NULL;
    if (CHECK(LONG_KEY, (size_t)(p - start) > k->max_key_bytes)) return NULL;
    if (has & NOT_ASCII) {
        u32 number = 0;
        if (p - start + 2 <= LONGEST_KEY) number = key_number(k, start - 1, p + 1);
        if (!number) return NULL;
        *personal = CHECK(NESTED_PII_IN_OTHER_LETTERS, k->keys[number].column == DROPPED);
    } else if (k->may_start_name[*start]) {
        *personal = CHECK(NESTED_PII, is_pii(k, start, p));
    }
    return p;
}

/* The end of an object or array that starts at `p`, inside an event; what has to be cut out of it
 * is added to the cuts. */
static const u8 *scan_nested(Kernel *k, const u8 *p, bool *space) {
    u8 open[DEEPEST + 1];
    bool kept[DEEPEST + 1];           /* whether a field before stays */
    const u8 *before[DEEPEST + 1];    /* the end of the field before */
    u32 first_key[DEEPEST + 1], keys = 0;
    u32 depth = 1, cut_depth = 0;     /* 1 is the event itself */
    const u8 *start, *cut = NULL;     /* where a field that goes starts, with a comma */
    bool personal;
    u64 found;
    Number number;
    for (;;) { /* a value starts at p */
        switch (*p) {
        case '{':
        case '[':
            depth++;
            if (CHECK(DEPTH, depth > k->fast_depth)) return NULL;
            open[depth] = *p + 2; /* what closes it */
            first_key[depth] = keys;
            kept[depth] = false;
            p = skip_space(p + 1, space);
            if (*p == open[depth]) {
                p++;
                depth--;
                break;
            }
            if (open[depth] == '}') goto key;
            continue;
        case '"':
            p = scan_inner_text(k, p + 1);
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
            before[depth] = p;
            if (depth == 1) return p;
            p = skip_space(p, space);
            if (WITHOUT(SAME_BRACKET) ? *p != ']' && *p != '}' : *p != open[depth]) break;
            if (cut_depth == depth) {
                if (!add_cut(k, (u64)(cut - k->data), (u64)(before[depth] - k->data))) return NULL;
                cut_depth = 0;
            }
            p++;
            keys = first_key[depth--];
        }
        if (CHECK(NESTED_COMMA, *p != ',')) return NULL;
        p = skip_space(p + 1, space);
        if (open[depth] == ']') continue;
    key:
        if (CHECK(NESTED_KEY, *p != '"')) return NULL;
        if (cut_depth == depth) {
            const u8 *stop = kept[depth] ? before[depth] : p;
            if (!add_cut(k, (u64)(cut - k->data), (u64)(stop - k->data))) return NULL;
            cut_depth = 0;
        }
        start = p + 1;
        p = scan_inner_key(k, start, &personal);
        if (!p || keys == MOST_NESTED_KEYS) return NULL;
        found = fingerprint(start, p);
        for (u32 i = first_key[depth]; i < keys; i++)
            if (CHECK(NESTED_KEY_TWICE, k->fingerprints[i] == found)) return NULL;
        k->fingerprints[keys++] = found;
        k->keys_seen += !WITHOUT(NESTED_KEYS);
        if (!personal) {
            kept[depth] = true;
        } else if (!cut_depth) {
            cut = kept[depth] ? before[depth] : start - 1;
            cut_depth = depth;
        }
        p = skip_space(p + 1, space);
        if (CHECK(NESTED_COLON, *p != ':')) return NULL;
        p = skip_space(p + 1, space);
    }
}

/* The end of any value; `space` if there is some between its tokens. */
static const u8 *scan_value(Kernel *k, const u8 *p, bool *space) {
    Number number;
    switch (*p) {
    case '"': p = scan_inner_text(k, p + 1); return p ? p + 1 : NULL;
    case '{':
    case '[': return scan_nested(k, p, space);
    case 't': return scan_word(p, "true");
    case 'f': return scan_word(p, "false");
    case 'n': return scan_word(p, "null");
    default: return scan_number(p, &number);
    }
}

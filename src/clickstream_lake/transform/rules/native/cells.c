/* Fields -> cells of the columns, and the same fields of the JSON line. */
#include "kernel.h"

/* --- JSON lines: runs of the block's own bytes, and what has to go between them */

static void put_literal(Kernel *k, const void *text, size_t size) {
    size_t run = (size_t)(k->run_end - k->run);
    memcpy(k->json_end, k->run, run);
    k->json_end += run;
    k->run = k->run_end = k->data;
    memcpy(k->json_end, text, size);
    k->json_end += size;
}

static inline void put(Kernel *k, const u8 *start, const u8 *end) {
    if (start != k->run_end) {
        put_literal(k, "", 0);
        k->run = start;
    }
    k->run_end = end;
}

/* --- cells: each function puts a value into row and JSON line and returns its end */

/* The first of two or four signs; bytes up to `readable` may be looked at. */
static inline const u8 *find_any(const u8 *p, const u8 *end, const u8 *readable, const u8 *signs) {
    for (; p < end && readable - p >= 16; p += 16) {
        bytes16 found;
        memcpy(&found, p, 16);
        words2 hit = (words2)((found == (int8_t)signs[0]) | (found == (int8_t)signs[1]));
        if (signs[2]) hit |= (words2)((found == (int8_t)signs[2]) | (found == (int8_t)signs[3]));
        if (!(hit[0] | hit[1])) continue;
        p += hit[0] ? __builtin_ctzll(hit[0]) >> 3 : 8 + (__builtin_ctzll(hit[1]) >> 3);
        return p < end ? p : end;
    }
    while (p < end && *p != signs[0] && *p != signs[1] && (*p != signs[2] || !*p) && *p != signs[3])
        p++;
    return p < end ? p : end;
}

/* Whether an escape may stand for a question mark or a number sign: `\u003f`, `\u0023`. */
RARE bool may_hide_delimiter(const u8 *p, const u8 *end) {
    for (; (p = memchr(p, '\\', (size_t)(end - p))); p += 2)
        if (p[1] == 'u' && p[2] == '0' && p[3] == '0' && (p[4] == '2' || p[4] == '3')) return true;
    return false;
}

/* Whether a URL may have a parameter that is PII. */
static inline bool may_name_pii(const Kernel *k, const u8 *p, const u8 *end, unsigned has) {
    const u8 *in_parameter = k->in_parameter;
    if (has & ESCAPES && CHECK(ESCAPED_DELIMITER, may_hide_delimiter(p, end))) return true;
    p = find_any(p, end, k->end, (const u8 *)"?#\0#");
    while (p < end) {
        const u8 *name = ++p;
        if (has & ESCAPES) return true;
        while (in_parameter[*p] == PLAIN) p++;
        if (in_parameter[*p] == ODD || (k->may_start_name[*name] && is_pii(k, name, p)))
            return true;
        p = find_any(p, end, k->end, (const u8 *)"&?#;");
    }
    return false;
}

static const u8 *take_text(Kernel *k, const u8 *p, size_t cell, u32 column) {
    const u8 *start = p;
    Number number;
    unsigned has = 0;
    if (*p == '"') {
        if (k->may_start_json[p[1]] && CHECK(JSON_IN_TEXT, may_be_json(p + 1))) return NULL;
        p = scan_text(++start, k->end, &has);
        if (!p) return NULL;
        if (k->urls[column] && CHECK(PII_IN_URL, may_name_pii(k, start, p, has))) return NULL;
        if (has & ESCAPES) {
            u8 *out = k->decoded + k->decoded_size;
            u64 size = (u64)(decode_text(start, p, out) - out);
            set_text(k, cell, DECODED, k->decoded_size, size);
            k->decoded_size += size;
        } else {
            set_text(k, cell, INPUT, (u64)(start - k->data), (u64)(p - start));
        }
        put(k, start - 1, p + 1);
        return p + 1;
    }
    if (*p == 't') p = scan_word(p, "true");
    else if (*p == 'f') p = scan_word(p, "false");
    else p = scan_number(p, &number);
    if (!p) return NULL;
    /* Its own JSON text is the text. */
    set_text(k, cell, INPUT, (u64)(start - k->data), (u64)(p - start));
    put_literal(k, "\"", 1);
    put(k, start, p);
    put_literal(k, "\"", 1);
    return p;
}

/* --- values of any kind, with what is cut out of them */

/* Put a value, but for its cuts, into the JSON line. */
RARE void put_value(Kernel *k, const u8 *start, const u8 *end) {
    const Span *cut = k->cuts.at;
    for (size_t i = 0; i < k->cuts.count; i++, cut++) {
        put(k, start, k->data + cut->start);
        start = k->data + cut->end;
    }
    put(k, start, end);
}

/* Copy a value, but for its cuts, and without white space between its tokens; return its end. */
static u8 *copy_value(const Kernel *k, const u8 *start, const u8 *end, bool space, u8 *out) {
    const Span *cut = k->cuts.at;
    for (size_t i = 0; i <= k->cuts.count; i++, cut++) {
        const u8 *stop = i < k->cuts.count ? k->data + cut->start : end;
        if (space) {
            out = compact_value(start, stop, out);
        } else {
            memcpy(out, start, (size_t)(stop - start));
            out += stop - start;
        }
        if (stop < end) start = k->data + cut->end;
    }
    return out;
}

static const u8 *take_json(Kernel *k, const u8 *p, size_t cell) {
    const u8 *start = p;
    bool space = false;
    k->cuts.count = 0;
    p = scan_value(k, p, &space);
    if (!p) return NULL;
    if (space || k->cuts.count) {
        u8 *out = k->decoded + k->decoded_size;
        u64 size = (u64)(copy_value(k, start, p, space, out) - out);
        set_text(k, cell, DECODED, k->decoded_size, size);
        k->decoded_size += size;
    } else {
        set_text(k, cell, INPUT, (u64)(start - k->data), (u64)(p - start));
    }
    if (k->cuts.count) put_value(k, start, p);
    else put(k, start, p);
    return p;
}

/* Add a field to the row's `extra`, and, if it moved there, to that of the JSON line. */
static void put_extra(Kernel *k, const u8 *key, size_t size, const u8 *p, const u8 *end,
                      bool moved) {
    u8 *out = k->gathered + k->gathered_size;
    if (!k->has_extra) k->extra_start = k->gathered_size;
    *out++ = k->has_extra ? ',' : '{';
    k->has_extra = true;
    memcpy(out, key, size);
    out += size;
    *out++ = ':';
    out = compact_value(p, end, out);
    k->gathered_size = (u64)(out - k->gathered);
    if (!moved) return;
    out = (u8 *)k->moved.at + k->moved.count;
    *out++ = k->moved.count ? ',' : '{';
    memcpy(out, key, size);
    out += size;
    *out++ = ':';
    memcpy(out, p, (size_t)(end - p));
    k->moved.count = (size_t)(out + (end - p) - (u8 *)k->moved.at);
}

/* A value that moves into `extra`: it does not fit its column, or would be taken for one. */
RARE const u8 *take_moved(Kernel *k, const u8 *p, const Key *key) {
    const u8 *start = p;
    bool space;
    k->cuts.count = 0;
    p = scan_value(k, p, &space);
    if (!p || k->cuts.count) return NULL;
    put_extra(k, key->text, key->size, start, p, true);
    if (key->column >= 0) {
        k->tags[(size_t)k->rows * k->columns + (size_t)key->column] = MISFIT;
        put_literal(k, "null", 4);
    }
    return p;
}

/* Up to here every whole number has a double of its own. */
#define MOST_EXACT (1ull << 53)

/* The double nearest to a number. Up to 2^53 and 10^22 both parts are exact, so one division
 * rounds once: W. D. Clinger, How to read floating point numbers accurately, 1990. */
static double as_double(const Kernel *k, const u8 *p, const Number *number) {
    double found;
    if (number->exact && !CHECK(ROUNDED_DIGITS, number->digits > MOST_EXACT)) {
        found = (double)number->digits / (double)powers_of_ten[number->fraction];
        return number->negative ? -found : found;
    }
    return strtod_l((const char *)p, NULL, k->c_locale);
}

static bool is_number(const u8 *p) { return *p == '-' || is_digit(*p); }

static const u8 *take_double(Kernel *k, const u8 *p, size_t cell, const Key *key) {
    const u8 *start = p;
    Number number;
    if (!is_number(p)) return take_moved(k, p, key);
    p = scan_number(p, &number);
    if (!p) return NULL;
    k->tags[cell] = VALUE;
    k->cells[cell].number = as_double(k, start, &number);
    /* A whole number has no negative zero; some readers of `-0` see one. */
    if (CHECK(MINUS_ZERO, number.negative && number.whole && p - start == 2 && start[1] == '0')) {
        k->cells[cell].number = 0;
        put_literal(k, "0", 1);
    } else {
        put(k, start, p);
    }
    return p;
}

static const u8 *take_bigint(Kernel *k, const u8 *p, size_t cell, const Key *key) {
    const u8 *start = p;
    Number number;
    u64 power;
    int64_t whole;
    if (!is_number(p)) return take_moved(k, p, key);
    p = scan_number(p, &number);
    if (!p || CHECK(OVER_64_BITS, !number.exact)) return NULL;
    power = powers_of_ten[number.fraction];
    if (CHECK(OVER_63_BITS, number.digits > INT64_MAX)) return NULL;
    if (CHECK(FRACTION, number.digits % power)) return take_moved(k, start, key);
    whole = (int64_t)(number.digits / power);
    if (number.negative) whole = -whole;
    k->tags[cell] = VALUE;
    k->cells[cell].whole = whole;
    if (number.whole && (whole || !CHECK(MINUS_ZERO_OF_BIGINT, number.negative))) {
        put(k, start, p);
    } else { /* plain digits: the JSON SerDe reads any other form by way of a double */
        char text[24];
        put_literal(k, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)whole));
    }
    return p;
}

static const u8 *take_boolean(Kernel *k, const u8 *p, size_t cell, const Key *key) {
    const u8 *start = p;
    if (*p != 't' && *p != 'f') return take_moved(k, p, key);
    k->cells[cell].whole = *p == 't';
    p = scan_word(p, *p == 't' ? "true" : "false");
    if (!p) return NULL;
    k->tags[cell] = VALUE;
    put(k, start, p);
    return p;
}

static const u8 *take_timestamp(Kernel *k, const u8 *p, size_t cell, const Key *key) {
    const u8 *start = p, *end;
    bool is_text = *p == '"', as_sent;
    u8 formats = k->formats[key->column];
    Number number;
    unsigned has = 0;
    if (!is_text && !is_number(p)) return take_moved(k, p, key);
    end = is_text ? scan_text(++p, k->end, &has) : scan_number(p, &number);
    if (!end || CHECK(ESCAPE_IN_TIME, has & ESCAPES)) return NULL;
    if (!instant_of(formats, p, end, is_text, &k->cells[cell].whole, &as_sent))
        return take_moved(k, start, key);
    k->tags[cell] = VALUE;
    end += is_text;
    if (as_sent) {
        put(k, start, end);
    } else {
        char text[32];
        put_literal(k, text, write_instant(k->cells[cell].whole, text));
    }
    return end;
}

static const u8 *take_undeclared(Kernel *k, const u8 *p, const Key *key) {
    const u8 *start = p;
    bool space = false;
    u8 *out;
    k->cuts.count = 0;
    p = scan_value(k, p, &space);
    if (!p) return NULL;
    if (!k->has_extra) k->extra_start = k->gathered_size;
    out = k->gathered + k->gathered_size;
    *out++ = k->has_extra ? ',' : '{';
    memcpy(out, key->text, key->size);
    out += key->size;
    *out++ = ':';
    k->gathered_size = (u64)(copy_value(k, start, p, space, out) - k->gathered);
    k->has_extra = true;
    if (k->cuts.count) put_value(k, start, p);
    else put(k, start, p);
    return p;
}

static const u8 *take_value(Kernel *k, const u8 *p, const Key *key) {
    size_t cell;
    if (key->column == UNDECLARED)
        return take_undeclared(k, p, key);
    cell = (size_t)k->rows * k->columns + (size_t)key->column;
    if (*p == 'n') {
        const u8 *end = scan_word(p, "null");
        if (end) put(k, p, end);
        return end;
    }
    switch (k->kinds[key->column]) {
    case TEXT: return take_text(k, p, cell, (u32)key->column);
    case JSON: return take_json(k, p, cell);
    case DOUBLE: return take_double(k, p, cell, key);
    case BIGINT: return take_bigint(k, p, cell, key);
    case BOOLEAN: return take_boolean(k, p, cell, key);
    case TIMESTAMP: return take_timestamp(k, p, cell, key);
    default: return NULL;
    }
}


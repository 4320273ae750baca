/* Any text -> an event, as rules/enrich.py has it, or the reason why it is none.
 *
 * The fast path hands over what is not plain. What it costs is bounded, and a few times as much.
 */
#include "kernel.h"

static void reject(Kernel *k, const Text *text, int reason) {
    u64 place = (u64)(text->start - k->data);
    u32 events = 1;
    Tally *tally = &k->scanned.tallies[reason];
    if (!text->whole) {
        events = 0;
        for (const u8 *p = text->start; p < text->end; p++) events += *p == '{';
        events += !events;
    }
    if (k->named < MOST_REJECTS) {
        k->named++;
        k->rejects[k->scanned.rejects++] =
            (Reject){place, k->scanned.lines, events, (u32)reason, 0};
        return;
    }
    if (!tally->texts) {
        tally->first = place;
        tally->first_line = k->scanned.lines;
    }
    tally->last = place;
    tally->last_line = k->scanned.lines;
    tally->texts++;
    tally->events += events;
}

/* --- before an event is typed */

/* Write U+FFFD for each half of a surrogate pair, which is as long; NULL without memory. */
static const u8 *repair_halves(Kernel *k, const u8 *start, const u8 *end, u32 *halves) {
    size_t size = (size_t)(end - start);
    u8 *copy = NULL;
    for (const u8 *p = start; p < end && (p = memchr(p, '\\', (size_t)(end - p)));) {
        int code;
        if (end - p < 6 || p[1] != 'u' || (code = hex4(p + 2)) < 0xD800 || code >= 0xE000) {
            p += 2;
            continue;
        }
        if (code < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
            int low = hex4(p + 8);
            if (low >= 0xDC00 && low < 0xE000) {
                p += 12;
                continue;
            }
        }
        if (!copy) {
            if (!(copy = make_room(&k->repaired, size + 1))) return NULL;
            memcpy(copy, start, size);
            copy[size] = 0;
        }
        memcpy(copy + (p - start), "\\ufffd", 6);
        ++*halves;
        p += 6;
    }
    return copy ? copy : start;
}

/* The event without what is cut out of it, and without carriage returns, at which Hadoop's readers
 * end a line; NULL without memory. */
static const u8 *scrubbed(Kernel *k, const u8 *start, const u8 **end) {
    size_t size = (size_t)(*end - start);
    const u8 *p = start, *text_end = *end, *mark = memchr(start, '\r', size);
    u8 *copy, *out;
    k->cuts.count = k->members.count = k->frames.count = k->arena.count = 0;
    if (!cut_walk(k, start, *end, 0)) return NULL;
    if (!k->cuts.count && !mark) return start;
    if (!(copy = out = make_room(&k->clean, size + 1))) return NULL;
    for (size_t i = 0; i <= k->cuts.count; i++) {
        const Span *cut = (Span *)k->cuts.at + i;
        const u8 *stop = i < k->cuts.count ? start + cut->start : text_end;
        for (; mark && p < stop; p++)
            if (*p != '\r') *out++ = *p;
        memcpy(out, p, (size_t)(stop - p));
        out += stop - p;
        if (i < k->cuts.count) p = start + cut->end;
    }
    *out = 0;
    *end = out;
    return copy;
}

/* --- fields */

static void emit(Kernel *k, const void *text, size_t size) {
    memcpy(k->json_end, text, size);
    k->json_end += size;
}

/* Write a text as JSON, as msgspec does; return its end. */
static u8 *encode_text(const u8 *p, const u8 *end, u8 *out) {
    static const char hex[] = "0123456789abcdef";
    *out++ = '"';
    for (; p < end; p++) {
        u8 c = *p;
        if (c >= 0x20 && c != '"' && c != '\\') {
            *out++ = c;
            continue;
        }
        *out++ = '\\';
        switch (c) {
        case '"': case '\\': *out++ = c; break;
        case '\b': *out++ = 'b'; break;
        case '\f': *out++ = 'f'; break;
        case '\n': *out++ = 'n'; break;
        case '\r': *out++ = 'r'; break;
        case '\t': *out++ = 't'; break;
        default:
            memcpy(out, "u00", 3);
            out[3] = (u8)hex[c >> 4];
            out[4] = (u8)hex[c & 15];
            out += 5;
        }
    }
    *out++ = '"';
    return out;
}

/* A whole number within 64 bits, decided by its digits: see `whole_number` of lake/coercion.py. */
static bool whole_number(const u8 *p, const u8 *end, int64_t *whole) {
    bool negative = *p == '-', minus;
    int64_t fraction = 0, zeros = 0, exponent = 0, size = 0, trailing = 0;
    u64 value = 0;
    bool point = false;
    for (p += negative; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        fraction += point;
        if (!size && *p == '0') continue;
        size++;
        if (*p == '0') {
            trailing++;
            continue;
        }
        if (size <= MOST_DIGITS) {
            for (; trailing; trailing--) value *= 10;
            value = 10 * value + (*p - '0');
        }
        trailing = 0;
    }
    if (!size) {
        *whole = 0;
        return true;
    }
    if (p < end) {
        p++;
        minus = *p == '-';
        p += *p == '-' || *p == '+';
        for (; p < end; p++)
            if (exponent < 1000000000000) exponent = 10 * exponent + (*p - '0');
        if (minus) exponent = -exponent;
    }
    zeros = trailing - fraction + exponent;
    if (zeros < 0 || size - trailing + zeros > MOST_DIGITS) return false;
    value *= powers_of_ten[zeros];
    if (value > (u64)INT64_MAX + negative) return false;
    *whole = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* Decode or copy what is in the quotes of a text. */
static void put_decoded(Kernel *k, size_t cell, const u8 *start, const u8 *end) {
    u8 *out = k->decoded + k->decoded_size;
    u64 size = (u64)(decode_text(start, end, out) - out);
    set_text(k, cell, DECODED, k->decoded_size, size);
    k->decoded_size += size;
}

/* The same of a value's text without white space between its tokens. */
static void put_compact(Kernel *k, size_t cell, const u8 *start, const u8 *end) {
    u8 *out = k->decoded + k->decoded_size;
    u64 size = (u64)(compact_value(start, end, out) - out);
    set_text(k, cell, DECODED, k->decoded_size, size);
    k->decoded_size += size;
}

static bool careful_instant(Kernel *k, const u8 *p, const u8 *end, u32 column, int64_t *millis,
                            bool *as_sent) {
    u8 formats = k->formats[column], *text;
    if (*p != '"') return instant_of(formats, p, end, false, millis, as_sent);
    if (!(text = make_room(&k->inner[0], (size_t)(end - p)))) return false;
    return instant_of(formats, text, decode_text(p + 1, end - 1, text), true, millis, as_sent);
}

/* Put a value into its column and its JSON line; false if it does not fit. */
static bool put_typed(Kernel *k, const u8 *p, const u8 *end, u32 column) {
    size_t cell = (size_t)k->rows * k->columns + column, size = (size_t)(end - p);
    bool number = *p == '-' || is_digit(*p), as_sent = true;
    int64_t whole;
    char written[40];
    switch (k->kinds[column]) {
    case TEXT:
        if (*p == '"') {
            put_decoded(k, cell, p + 1, end - 1);
            break;
        }
        put_compact(k, cell, p, end);
        k->json_end = encode_text(k->decoded + k->cells[cell].text.start,
                                  k->decoded + k->decoded_size, k->json_end);
        return true;
    case JSON: put_compact(k, cell, p, end); break;
    case DOUBLE:
        if (!number) return false;
        k->cells[cell].number = strtod_l((const char *)p, NULL, k->c_locale);
        k->tags[cell] = VALUE;
        if (size == 2 && p[0] == '-' && p[1] == '0') {
            k->cells[cell].number = 0;
            p++;
            size = 1;
        }
        break;
    case BIGINT:
        if (!number || !whole_number(p, end, &whole)) return false;
        k->cells[cell].whole = whole;
        k->tags[cell] = VALUE;
        emit(k, written, (size_t)snprintf(written, sizeof written, "%lld", (long long)whole));
        return true;
    case BOOLEAN:
        if (*p != 't' && *p != 'f') return false;
        k->cells[cell].whole = *p == 't';
        k->tags[cell] = VALUE;
        break;
    case TIMESTAMP:
        if (!careful_instant(k, p, end, column, &k->cells[cell].whole, &as_sent)) return false;
        k->tags[cell] = VALUE;
        if (!as_sent) {
            emit(k, written, write_instant(k->cells[cell].whole, written));
            return true;
        }
        break;
    default: return false;
    }
    emit(k, p, size);
    return true;
}

static const u8 *value_end(const u8 *p, const u8 *end) {
    if (*p == '"') return string_end(p + 1, end);
    if (*p == '{' || *p == '[') return bracket_end(p, end);
    while (p < end && *p != ',' && *p != '}' && !is_blank(*p)) p++;
    return p;
}

/* Put a value into its column and its JSON line, unless it does not fit or breaks a rule: say
 * which, or NOTHING. */
static u8 put_judged(Kernel *k, const u8 *p, const u8 *end, u32 column) {
    const Rules *rules = rules_of(k, column);
    u8 *json_end = k->json_end, tag = NOTHING;
    u64 decoded_size = k->decoded_size;
    if (!put_typed(k, p, end, column)) return MISFIT;
    if (rules) tag = breach_of_column(k, rules);
    if (tag != NOTHING) {
        k->json_end = json_end;
        k->decoded_size = decoded_size;
    }
    return tag;
}

/* Count an event that a rule rejects, and return why. */
static int broken(Kernel *k, u32 column, u8 tag) {
    k->breaches[column * BREACHES + tag - MISFIT]++;
    return NOT_IN_ENUM + (tag - OUT_OF_ENUM);
}

/* Of the sources of each column, choose the first in the catalog's order that has a value. */
static void choose_sources(Kernel *k, const u8 *p, const u8 *end) {
    for (u32 i = 0; i < k->columns; i++) k->sources[i].chosen = 0;
    for (p = skip_blank(p + 1); *p != '}'; p = skip_blank(p + (*p == ','))) {
        const u8 *key = p;
        size_t size;
        u32 number;
        p = string_end(p + 1, end);
        size = (size_t)(p - key);
        if (memchr(key, '\\', size)) {
            u8 *name = k->name.at;
            u8 *name_end = decode_text(key + 1, p - 1, name);
            size = (size_t)(encode_text(name, name_end, k->key.at) - (u8 *)k->key.at);
            key = k->key.at;
        }
        number = size <= LONGEST_KEY ? find_key(k, key, size) : 0;
        p = skip_blank(skip_blank(p) + 1);
        if (number && k->keys[number].column <= SOURCES) {
            Source *source = &k->sources[SOURCES - k->keys[number].column];
            bool is_null = *p == 'n';
            if (!source->chosen || (source->is_null && !is_null) ||
                (source->is_null == is_null && number < source->chosen)) {
                source->chosen = number;
                source->is_null = is_null;
            }
        }
        p = skip_blank(value_end(p, end));
    }
}

/* Type the fields of an event that is well-formed and scrubbed; or say why it is rejected. */
static int put_event(Kernel *k, const u8 *p, const u8 *end) {
    size_t room = (size_t)(end - p) + 2;
    u32 last = 0;
    const Rules *lacking;
    u8 tag;
    bool first = true;
    if (!make_room(&k->name, room) || !make_room(&k->key, room) || !make_room(&k->moved, room))
        return k->no_memory = true, PUBLISHED;
    k->moved.count = 0;
    k->has_extra = false;
    memset(k->tags + (size_t)k->rows * k->columns, NOTHING, k->columns);
    if (k->has_sources) choose_sources(k, p, end);
    emit(k, "{", 1);
    for (p = skip_blank(p + 1); *p != '}'; p = skip_blank(p + (*p == ','))) {
        const u8 *key = p, *stop;
        const Source *source = NULL;
        size_t key_size;
        u32 number = 0;
        int32_t fate;
        p = string_end(p + 1, end);
        key_size = (size_t)(p - key);
        if (key_size <= LONGEST_KEY && !memchr(key, '\\', key_size))
            number = next_key_number(k, &last, key, p);
        if (number) {
            fate = k->keys[number].column;
        } else {
            u8 *name = (u8 *)k->name.at + 1;
            size_t size = (size_t)(decode_text(key + 1, p - 1, name) - name);
            fate = fate_of_any(k, name, size);
            key = k->key.at;
            key_size = (size_t)(encode_text(name, name + size, k->key.at) - key);
        }
        if (fate <= SOURCES) {
            source = &k->sources[SOURCES - fate];
            fate = find_key(k, key, key_size) == source->chosen ? SOURCES - fate : REFUSED;
        }
        p = skip_blank(skip_blank(p) + 1);
        stop = value_end(p, end);
        if (fate != REFUSED) {
            if (!first) emit(k, ",", 1);
            first = false;
            if (source) emit(k, source->name, source->size);
            else emit(k, key, key_size);
            emit(k, ":", 1);
        }
        if (fate == UNDECLARED) {
            emit(k, p, (size_t)(stop - p));
            put_extra(k, key, key_size, p, stop, false);
        } else if (fate == REFUSED) {
            put_extra(k, key, key_size, p, stop, true);
        } else if (*p == 'n') {
            emit(k, "null", 4);
        } else if ((tag = put_judged(k, p, stop, (u32)fate)) != NOTHING) {
            if (tag != MISFIT && rules_of(k, (u32)fate)->rejects)
                return broken(k, (u32)fate, tag);
            k->tags[(size_t)k->rows * k->columns + (size_t)fate] = tag;
            emit(k, "null", 4);
            put_extra(k, key, key_size, p, stop, true);
        }
        p = skip_blank(stop);
    }
    lacking = find_lacking(k);
    if (lacking) return broken(k, lacking->column, LACKING);
    if (k->moved.count) {
        if (!first) emit(k, ",", 1);
        first = false;
        emit(k, "\"extra\":", 8);
        emit(k, k->moved.at, k->moved.count);
        emit(k, "}", 1);
    }
    emit(k, k->tail + first, k->tail_size - first);
    if (k->has_extra) {
        k->gathered[k->gathered_size++] = '}';
        set_text(k, (size_t)k->rows * k->columns + k->extra, GATHERED, k->extra_start,
                 k->gathered_size - k->extra_start);
    }
    k->rows++;
    return PUBLISHED;
}

/* Publish a text, or say why not. */
static int careful_event(Kernel *k, const u8 *start, const u8 *end) {
    u32 halves = 0;
    const u8 *text = repair_halves(k, start, end, &halves), *text_end;
    Mark before;
    int reason;
    if (!text) return k->no_memory = true, PUBLISHED;
    text_end = text + (end - start);
    reason = check_event(k, text, text_end);
    if (reason != PUBLISHED) return reason;
    forget_keys(k);
    text = scrubbed(k, text, &text_end);
    if (!text) return k->no_memory = true, PUBLISHED;
    before = mark(k);
    reason = put_event(k, text, text_end);
    if (reason != PUBLISHED) return go_back(k, &before), reason;
    k->scanned.repaired += halves;
    return PUBLISHED;
}

/* Lines -> texts, each of which may be an event: as `split_texts` of read/lines.py has it. */
#include "kernel.h"

/* Where the line of `p` ends; remembered, because many texts may stand on one. */
static const u8 *line_end(Kernel *k, const u8 *p) {
    if (k->line_end < p) {
        const u8 *found = memchr(p, '\n', (size_t)(k->end - p));
        k->line_end = found ? found : k->end;
    }
    return k->line_end;
}

static const u8 *skip_separators(const u8 *p, const u8 *end, bool *comma) {
    while (p < end) {
        switch (*p) {
        case ',':
            *comma = true;
            p++;
            break;
        case ' ': case '\t': case '\r': case 0x1E: case 0: p++; break;
        case 0xEF:
            if (end - p < 3 || p[1] != 0xBB || p[2] != 0xBF) return p;
            p += 3;
            break;
        case '\\':
            if (end - p < 2 || (p[1] != 'n' && p[1] != 'r' && p[1] != 't')) return p;
            p += 2;
            break;
        default: return p;
        }
    }
    return p;
}

/* `{\` is the inside of a string without its end. */
static bool is_opener(const u8 *p, const u8 *end) {
    return *p == '[' || (*p == '{' && (end - p < 2 || p[1] != '\\'));
}

/* Behind the closing quote of a string whose content starts at `p`; NULL if there is none. */
static const u8 *string_end(const u8 *p, const u8 *end) {
    for (;;) {
        p = skip_plain(p, end);
        if (p >= end) return NULL;
        if (*p == '"') return p + 1;
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    }
}

/* Behind the bracket that closes the one at `p`; NULL if there is none. */
static const u8 *bracket_end(const u8 *p, const u8 *end) {
    size_t depth = 0;
    while (p < end) {
        switch (*p++) {
        case '"':
            p = string_end(p, end);
            if (!p) return NULL;
            break;
        case '{': case '[': depth++; break;
        case '}': case ']':
            if (!--depth) return p;
        }
    }
    return NULL;
}

/* The end of garbage; `torn` if it shows that it is a part of something before it. */
static const u8 *garbage_end(const u8 *p, const u8 *end, bool *torn) {
    const u8 *last = p, *closed;
    bool colon = false, comma;
    *torn = false;
    for (;; last = p) {
        p = skip_separators(p, end, &comma);
        if (p == end) return last;
        switch (*p) {
        case '"':
            p = string_end(p + 1, end);
            *torn = !p;
            if (!p) return end;
            colon = false;
            break;
        case '}': case ']': *torn = true; return p + 1;
        case '{': case '[':
            *torn = !is_opener(p, end);
            if (!*torn && !colon) return last;
            closed = bracket_end(p, end);
            *torn |= !closed;
            if (*torn) return closed ? closed : end;
            p = closed;
            colon = false;
            break;
        default: colon = *p++ == ':';
        }
    }
}

static void take_text_of_line(Kernel *k, const Text *text) {
    k->scanned.careful++;
    int reason = (u64)(text->end - text->start) > k->max_line_bytes
                     ? LINE_TOO_LONG
                     : careful_event(k, text->start, text->end);
    if (reason != PUBLISHED) reject(k, text, reason);
}

/* Take texts that commas join, of which the first is at `p`; where those end. */
static const u8 *careful_run(Kernel *k, const u8 *p, const u8 *end) {
    u32 count = 0;
    for (;;) {
        bool comma = false, torn = false, opener;
        const u8 *start = skip_separators(p, end, &comma), *stop;
        if (start == end) break;
        opener = is_opener(start, end);
        if (count && opener && (!comma || count >= MOST_JOINED)) break;
        stop = opener ? bracket_end(start, end) : garbage_end(start, end, &torn);
        if (count && torn) {
            k->texts[0].end = stop;
            k->texts[0].whole = false;
            count = 1;
        } else if (count && (!comma || count >= MOST_JOINED)) {
            break;
        } else {
            k->texts[count++] = (Text){start, stop ? stop : end, opener && stop && *start == '{'};
        }
        p = k->texts[count - 1].end;
    }
    for (u32 i = 0; i < count; i++) take_text_of_line(k, &k->texts[i]);
    return p;
}

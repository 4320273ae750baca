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

/* Where garbage ends. */
typedef struct {
    const u8 *end;  /* without separators behind it */
    const u8 *seen; /* how far it was looked at; NULL if that is where what is known ends */
    bool torn;      /* it is a part of something before it */
} Garbage;

static Garbage garbage_end(const u8 *p, const u8 *end) {
    const u8 *last = p, *closed;
    bool colon = false, comma;
    for (;; last = p) {
        p = skip_separators(p, end, &comma);
        if (p == end) return (Garbage){.end = last};
        switch (*p) {
        case '"':
            p = string_end(p + 1, end);
            if (!p) return (Garbage){.end = end, .torn = true};
            colon = false;
            break;
        case '}': case ']': return (Garbage){p + 1, p + 1, true};
        case '{': case '[':
            if (is_opener(p, end) && !colon) return (Garbage){last, p + 1 < end ? p : NULL, false};
            closed = bracket_end(p, end);
            if (!closed) return (Garbage){.end = end, .torn = true};
            if (!is_opener(p, end)) return (Garbage){closed, closed, true};
            p = closed;
            colon = false;
            break;
        default: colon = *p++ == ':';
        }
    }
}

/* Pass over texts from `p` on, until a block that starts at `start` may have to end; the end of the
 * last of them, or `p`. For read/lines.py, which looks closer at the next. */
static const u8 *pass_texts(const u8 *start, const u8 *p, const u8 *end, u64 most, u64 longest) {
    const u8 *passed = p;
    while (p < end) {
        bool comma = false;
        const u8 *stop, *seen;
        if (is_opener(p, end)) {
            stop = seen = bracket_end(p, end);
        } else {
            Garbage garbage = garbage_end(p, end);
            stop = garbage.end;
            seen = garbage.seen;
        }
        if (!seen || (u64)(seen - p) > longest) break;
        passed = stop;
        p = skip_separators(stop, end, &comma);
        if ((u64)(p - stop) > longest || (u64)(p - start) > most + longest) break;
        if ((u64)(p - start) > most && !comma && p + 1 < end && is_opener(p, end)) break;
    }
    return passed;
}

static void take_text_of_line(Kernel *k, const Text *text) {
    k->scanned.careful++;
    int reason = (u64)(text->end - text->start) > k->max_line_bytes
                     ? LINE_TOO_LONG
                     : careful_event(k, text->start, text->end);
    if (reason != PUBLISHED) reject(k, text, reason);
}

/* Texts that commas join, of which the first is at `p`, which moves to where those end; how many. */
static u32 next_texts(Text *texts, const u8 **p, const u8 *end) {
    u32 count = 0;
    for (;;) {
        bool comma = false, opener;
        Garbage garbage = {0};
        const u8 *start = skip_separators(*p, end, &comma), *stop;
        if (start == end) return count;
        opener = is_opener(start, end);
        if (count && opener && (!comma || count >= MOST_JOINED)) return count;
        if (!opener) garbage = garbage_end(start, end);
        stop = opener ? bracket_end(start, end) : garbage.end;
        if (count && garbage.torn) {
            texts[0].end = stop;
            texts[0].whole = false;
            count = 1;
        } else if (count && (!comma || count >= MOST_JOINED)) {
            return count;
        } else {
            texts[count++] = (Text){start, stop ? stop : end, opener && stop && *start == '{'};
        }
        *p = texts[count - 1].end;
    }
}

/* Take texts that commas join, of which the first is at `p`; where those end. */
static const u8 *careful_run(Kernel *k, const u8 *p, const u8 *end) {
    u32 count = next_texts(k->texts, &p, end);
    for (u32 i = 0; i < count; i++) take_text_of_line(k, &k->texts[i]);
    return p;
}

/* What is cut out of an event: as `Scrubber` of rules/scrub.py has it. */
#include "kernel.h"

/* Room for one more; NULL without memory. */
static void *push(Stack *s, size_t size) {
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        void *grown = realloc(s->at, room * size);
        if (!grown) return NULL;
        s->at = grown;
        s->room = room;
    }
    return (u8 *)s->at + s->count++ * size;
}

/* Room for so many bytes, whatever they hold now; NULL without memory. */
static u8 *make_room(Stack *s, size_t size) {
    if (s->room < size) {
        free(s->at);
        s->at = malloc(size);
        s->room = s->at ? size : 0;
    }
    return s->at;
}

static bool add_cut(Kernel *k, u64 start, u64 end) {
    Span *cut = push(&k->cuts, sizeof *cut);
    if (!cut) return k->no_memory = true, false;
    *cut = (Span){start, end};
    return true;
}

static int by_start(const void *a, const void *b) {
    const Span *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* Cuts from number `first` on: in order, none within or beside another. */
static void merge_cuts(Kernel *k, size_t first) {
    Span *cuts = (Span *)k->cuts.at + first;
    size_t count = k->cuts.count - first, kept = 0;
    if (!count) return;
    qsort(cuts, count, sizeof *cuts, by_start);
    for (size_t i = 0; i < count; i++) {
        if (kept && cuts[i].start <= cuts[kept - 1].end) {
            if (cuts[i].end > cuts[kept - 1].end) cuts[kept - 1].end = cuts[i].end;
        } else if (cuts[i].start < cuts[i].end) {
            cuts[kept++] = cuts[i];
        }
    }
    k->cuts.count = first + kept;
}

/* The closing quote of a text whose content starts at `p`; if there is none, or an escape that means
 * nothing is before it, the end of what can be read. */
static const u8 *lenient_text(const u8 *p, const u8 *end) {
    for (;; p++) {
        p = skip_plain(p, end);
        if (p >= end) return end;
        if (*p == '"') return p;
        if (*p != '\\') continue;
        if (end - p < 2) return p;
        switch (p[1]) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': p++; break;
        case 'u':
            if (end - p < 6 || hex4(p + 2) < 0) return p;
            p += 5;
            break;
        default: return p;
        }
    }
}

static bool is_blank(u8 c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Bytes of an escape, and of what it stands for. */
static size_t escape_size(const u8 *p, const u8 *end, size_t *stands_for) {
    int code, low;
    *stands_for = 1;
    if (p[1] != 'u') return 2;
    code = hex4(p + 2);
    if (code >= 0xD800 && code < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        low = hex4(p + 8);
        if (low >= 0xDC00 && low < 0xE000) {
            *stands_for = 4;
            return 12;
        }
    }
    *stands_for = code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    return 6;
}

/* Turn places in what some content stands for into places in the content, which is at `offset`. */
static void map_cuts(Kernel *k, size_t first, const u8 *content, const u8 *end, u64 offset) {
    u64 *place = (u64 *)((Span *)k->cuts.at + first), decoded = 0;
    u64 *after = (u64 *)((Span *)k->cuts.at + k->cuts.count);
    const u8 *p = content, *next;
    size_t size;
    while (p < end && place < after) {
        u64 at = offset + (u64)(p - content);
        if (*p != '\\') {
            next = memchr(p, '\\', (size_t)(end - p));
            if (!next) next = end;
            size = (size_t)(next - p);
            for (; place < after && *place < decoded + size; place++) *place = at + *place - decoded;
            p = next;
        } else {
            p += escape_size(p, end, &size);
            for (; place < after && *place < decoded + size; place++) *place = at;
        }
        decoded += size;
    }
    for (; place < after; place++) *place = offset + (u64)(end - content);
}

static bool cut_walk(Kernel *k, const u8 *text, const u8 *end, unsigned level);

/* Whether a parameter of a URL is PII: `user_id`, `user%5Fid`, `event[user_id]`. */
static bool names_pii(Kernel *k, const u8 *p, const u8 *end) {
    u8 *room = make_room(&k->name, (size_t)(end - p) + 2), *out, *start;
    if (!room) return k->no_memory = true, false;
    for (start = out = room + 1; p <= end; p++) {
        u8 c = p < end ? *p : ']';
        if (c == '%' && end - p > 2) {
            int high = hex_digit(p[1]), low = hex_digit(p[2]);
            if (high >= 0 && low >= 0) {
                c = (u8)(high << 4 | low);
                p += 2;
            }
        }
        if (c == '+') c = ' ';
        if (c != '[' && c != ']') {
            *out++ = c;
            continue;
        }
        if (fate_of_any(k, start, (size_t)(out - start)) == DROPPED) return true;
        out = start;
    }
    return false;
}

static bool cut_url(Kernel *k, const u8 *url, const u8 *end) {
    const u8 *p = url, *next, *equals;
    p = find_any(p, end, end, (const u8 *)"?#\0#");
    for (; p < end; p = next) {
        next = p + 1;
        while (next < end && *next != '?' && *next != '&' && *next != '#' && *next != ';') next++;
        equals = memchr(p + 1, '=', (size_t)(next - p - 1));
        if (!equals || !names_pii(k, p + 1, equals)) continue;
        bool with_next = next < end && (*next == '&' || *next == ';');
        if (!add_cut(k, (u64)(p + !!with_next - url), (u64)(next + !!with_next - url))) return false;
    }
    return !k->no_memory;
}

/* What to cut of a text whose content is `start` to `end`, at `offset` of what it is in. */
static bool cut_inside(Kernel *k, const u8 *start, const u8 *end, u64 offset, unsigned level,
                       bool is_url) {
    size_t first = k->cuts.count, size = (size_t)(end - start);
    const u8 *text = start, *p;
    u8 *room;
    if (!is_url && level == k->levels) return true;
    if (!is_url && (start == end || (*start != '{' && *start != '[' && *start != '\\' &&
                                     !is_blank(*start)))) return true;
    if (memchr(start, '\\', size)) {
        room = make_room(&k->inner[level], size + 1);
        if (!room) return k->no_memory = true, false;
        text = room;
        size = (size_t)(decode_text(start, end, room) - room);
        room[size] = 0;
    }
    for (p = text; p < text + size && is_blank(*p); p++) {}
    if (level < k->levels && p < text + size && (*p == '{' || *p == '[')) {
        if (!cut_walk(k, text, text + size, level + 1)) return false;
    } else if (is_url) {
        if (!cut_url(k, text, text + size)) return false;
        merge_cuts(k, first);
    }
    if (k->cuts.count > first) map_cuts(k, first, start, end, offset);
    return true;
}

/* --- objects */

static Member *member(const Kernel *k, size_t i) { return (Member *)k->members.at + i; }

static const u8 *name_of(const Kernel *k, const u8 *text, const Member *m) {
    return (m->in_arena ? (const u8 *)k->arena.at : text) + m->name;
}

static bool same_name(const Kernel *k, const u8 *text, const Member *a, const Member *b) {
    return a->hash == b->hash && a->size == b->size &&
           !memcmp(name_of(k, text, a), name_of(k, text, b), a->size);
}

/* Drop every field but the last of its name. */
static bool drop_doubles(Kernel *k, const u8 *text, size_t first) {
    size_t count = k->members.count - first, mask = 15;
    u32 *slots;
    if (count < 2) return true;
    while (mask < 2 * count) mask = 2 * mask + 1;
    slots = (u32 *)make_room(&k->doubles, (mask + 1) * sizeof *slots);
    if (!slots) return k->no_memory = true, false;
    memset(slots, 0, (mask + 1) * sizeof *slots);
    for (size_t i = count; i--;) {
        Member *m = member(k, first + i);
        size_t slot = m->hash & mask;
        while (slots[slot] && !same_name(k, text, m, member(k, first + slots[slot] - 1)))
            slot = (slot + 1) & mask;
        if (slots[slot]) m->drop = true;
        else slots[slot] = (u32)i + 1;
    }
    return true;
}

/* Cut the fields of the innermost object that go, each with a comma, and close it. */
static bool close_frame(Kernel *k, const u8 *text, unsigned level) {
    Frame frame = ((Frame *)k->frames.at)[--k->frames.count];
    size_t count = k->members.count - frame.first;
    bool kept = false;
    if (level == 0 && !drop_doubles(k, text, frame.first)) return false;
    for (size_t i = 0; i < count; i++) {
        Member *m = member(k, frame.first + i);
        if (!m->drop) kept = true;
        else if (kept) {
            if (!add_cut(k, m[-1].end, m->end)) return false;
        } else if (!add_cut(k, m->start, i + 1 < count ? m[1].start : m->end)) return false;
    }
    k->members.count = frame.first;
    return true;
}

/* A field whose key's quotes are at `start` and before `end`; `last` is the number of the one before
 * it in the event. */
static bool add_member(Kernel *k, const u8 *text, const u8 *start, const u8 *end, u64 text_size,
                       u32 *last) {
    Member *m = push(&k->members, sizeof *m);
    size_t size = (size_t)(end - start) - 2;
    u32 number = 0;
    u8 *name;
    if (!m) return k->no_memory = true, false;
    *m = (Member){.start = (u64)(start - text), .end = text_size, .size = size};
    if (size + 2 <= LONGEST_KEY && !memchr(start, '\\', size + 2))
        number = next_key_number(k, last, start, end);
    if (number) {
        m->name = (size_t)(start + 1 - text);
        m->hash = k->keys[number].hash;
        m->drop = k->keys[number].column == DROPPED;
        return true;
    }
    if (k->arena.room < k->arena.count + size + 2) {
        size_t room = 2 * (k->arena.count + size + 2) + 256;
        u8 *grown = realloc(k->arena.at, room);
        if (!grown) return k->no_memory = true, false;
        k->arena.at = grown;
        k->arena.room = room;
    }
    name = (u8 *)k->arena.at + k->arena.count + 1;
    m->in_arena = true;
    m->name = k->arena.count + 1;
    m->size = (size_t)(decode_text(start + 1, end - 1, name) - name);
    m->drop = fate_of_any(k, name, m->size) == DROPPED;
    m->hash = hash_of(k, name - 1, m->size + 2); /* in its quotes, as that of other keys */
    k->arena.count += size + 2;
    return true;
}

/* Cut what goes of a text in a text that has no end: it can be read up to `stop`. */
static bool cut_open_text(Kernel *k, const u8 *text, const u8 *start, const u8 *stop,
                          const u8 *end, unsigned level) {
    size_t before = k->cuts.count;
    if (!cut_inside(k, start + 1, stop, (u64)(start + 1 - text), level, false)) return false;
    if (k->cuts.count > before) {
        Span *last = (Span *)k->cuts.at + k->cuts.count - 1;
        if (last->end == (u64)(stop - text)) last->end = (u64)(end - text);
    }
    return true;
}

enum { WANT_VALUE, WANT_ITEM_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COLON, WANT_NEXT };

/* Cut PII out of a text; of one that is not JSON to its end, as far as it is. False without
 * memory. */
static bool cut_walk(Kernel *k, const u8 *text, const u8 *end, unsigned level) {
    size_t first_cut = k->cuts.count, first_frame = k->frames.count, arena = k->arena.count;
    u64 size = (u64)(end - text);
    int want = WANT_VALUE;
    u32 last = 0;
    const u8 *p = text, *start;
    for (;;) {
        Frame *frame;
        size_t depth = k->frames.count - first_frame;
        bool value = want == WANT_VALUE || want == WANT_ITEM_OR_END;
        while (p < end && is_blank(*p)) p++;
        if (p == end) break;
        frame = depth ? (Frame *)k->frames.at + k->frames.count - 1 : NULL;
        start = p;
        if (*p == '{' || *p == '[') {
            if (!value && (want != WANT_NEXT || depth)) break;
            if (depth == k->max_depth) break;
            if (!(frame = push(&k->frames, sizeof *frame))) return !(k->no_memory = true);
            *frame = (Frame){k->members.count, *p == '{'};
            want = *p++ == '{' ? WANT_KEY_OR_END : WANT_ITEM_OR_END;
            continue;
        }
        if (*p == '"') {
            p = lenient_text(p + 1, end);
            if (p == end || *p != '"') {
                if (value && !cut_open_text(k, text, start, p, end, level)) return false;
                break;
            }
            p++;
            if (want == WANT_KEY || want == WANT_KEY_OR_END) {
                if (!add_member(k, text, start, p, size, &last)) return false;
                want = WANT_COLON;
                continue;
            }
            if (!value) break;
            bool is_url = false;
            if (level == 0 && depth == 1 && frame->is_object) {
                const Member *m = member(k, k->members.count - 1);
                const u8 *quoted = name_of(k, text, m) - 1;
                u32 number = find_key_of(k, quoted, m->size + 2, m->hash);
                is_url = number && k->keys[number].is_url;
            }
            if (!cut_inside(k, start + 1, p - 1, (u64)(start + 1 - text), level, is_url))
                return false;
        } else if (*p == ':') {
            if (want != WANT_COLON) break;
            p++;
            want = WANT_VALUE;
            continue;
        } else if (*p == ',') {
            if (want != WANT_NEXT) break;
            p++;
            if (frame) want = frame->is_object ? WANT_KEY : WANT_VALUE;
            continue;
        } else if (*p == '}' || *p == ']') {
            if (!frame || *p != (frame->is_object ? '}' : ']')) break;
            if (want != WANT_NEXT && want != WANT_KEY_OR_END && want != WANT_ITEM_OR_END) break;
            p++;
            if (!close_frame(k, text, level)) return false;
            depth--;
        } else {
            while (p < end && !is_blank(*p) && *p != '"' && *p != '{' && *p != '}' && *p != '[' &&
                   *p != ']' && *p != ':' && *p != ',') p++;
            if (!value) break;
        }
        want = WANT_NEXT;
        frame = depth ? (Frame *)k->frames.at + k->frames.count - 1 : NULL; /* it may have moved */
        if (frame && frame->is_object) member(k, k->members.count - 1)->end = (u64)(p - text);
        if (!depth && level == 0) break;
    }
    if (want == WANT_NEXT && k->frames.count > first_frame &&
        ((Frame *)k->frames.at)[k->frames.count - 1].is_object)
        /* What follows its value is neither a comma nor a brace: the value may go on there. */
        member(k, k->members.count - 1)->end = size;
    while (k->frames.count > first_frame)
        if (!close_frame(k, text, level)) return false;
    k->arena.count = arena;
    merge_cuts(k, first_cut);
    return !k->no_memory;
}

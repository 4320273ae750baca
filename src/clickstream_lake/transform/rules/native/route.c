/* Lines -> runs of lines of each family of events, told apart by one field of the event: as
 * `RoutedEnricher` of rules/route.py does it line by line.
 *
 * A line is looked at once, 16 bytes at a time, as long as that proves where all of its events belong.
 * The events of any other line are looked at one by one. Whether a text is an event at all decides
 * the kernel of the family that it is given to. */
#include "kernel.h"

#define BUCKETS 256

typedef struct {
    u8 *text;
    u32 size, family, next; /* in its bucket; 0 is none */
} RouteValue;

typedef struct {
    const u8 *start, *end;
    u32 family;
} Piece;

struct Router {
    u8 key[LONGEST_KEY]; /* in its quotes */
    u32 key_size, families;
    Stack values;          /* of RouteValue; number 0 is none */
    u32 buckets[BUCKETS];  /* of values, by number */
    RoutedPart *parts;     /* by family */
    Stack *runs;           /* by family */
    Stack copies, whole;   /* of the pieces of lines; and the block with these behind it */
    Stack pieces, decoded; /* of a line; of a key or value */
    Text texts[MOST_JOINED + 1];

    /* Of the block. */
    const u8 *data, *end;
    u64 lines;
    const u8 *run, *run_end; /* lines of one family, the first of which has this number */
    u32 family;
    u64 run_line;
    bool no_memory;
};

static u32 bucket_of(const u8 *text, size_t size) {
    return (u32)(size * 37 + (size ? text[0] * 5u + text[size - 1] : 0)) % BUCKETS;
}

/* The family of a value, given without quotes and decoded. */
static u32 family_of(const Router *r, const u8 *text, size_t size) {
    const RouteValue *values = r->values.at;
    for (u32 i = r->buckets[bucket_of(text, size)]; i; i = values[i].next)
        if (values[i].size == size && !memcmp(values[i].text, text, size)) return values[i].family;
    return 0;
}

/* What is in the quotes of a text, decoded. */
static const u8 *decoded(Router *r, const u8 *start, const u8 *end, size_t *size) {
    u8 *room;
    *size = (size_t)(end - start);
    if (!memchr(start, '\\', *size)) return start;
    room = make_room(&r->decoded, *size + 8);
    if (!room) return r->no_memory = true, *size = 0, start;
    *size = (size_t)(decode_text(start, end, room) - room);
    return room;
}

static bool is_key(Router *r, const u8 *start, const u8 *end) {
    size_t size;
    const u8 *name = decoded(r, start + 1, end - 1, &size);
    return size == r->key_size - 2 && !memcmp(name, r->key + 1, size);
}

static u32 family_of_text(Router *r, const u8 *start, const u8 *end) {
    size_t size;
    const u8 *text = decoded(r, start + 1, end - 1, &size);
    return family_of(r, text, size);
}

/* The family of an object's text, from a brace to the one that closes it: of several values of its
 * key the last counts. */
static u32 family_of_event(Router *r, const u8 *p, const u8 *end) {
    u32 family = 0;
    for (p = skip_blank(p + 1); *p == '"'; p = skip_blank(p + 1)) {
        const u8 *key = p, *key_end = p = string_end(p + 1, end), *value;
        if (!p) return 0;
        p = skip_blank(p);
        if (*p != ':') return 0;
        value = skip_blank(p + 1);
        p = value_end(value, end);
        if (!p) return 0;
        if (is_key(r, key, key_end)) family = *value == '"' ? family_of_text(r, value, p) : 0;
        p = skip_blank(p);
        if (*p != ',') break;
    }
    return p + 1 == end ? family : 0;
}

/* Where in the first object of a line its key's value is, if `found`, the one place in the line that
 * looks like the key, is one; NULL if it is not, or that is not plain to see. */
static const u8 *value_at(const Router *r, const u8 *p, const u8 *found, const u8 *end) {
    if (*p != '{') return NULL;
    for (p = skip_white(p + 1); p < found && *p == '"'; p = skip_white(p + 1)) {
        p = string_end(p + 1, end);
        if (!p) return NULL;
        p = skip_white(p);
        if (*p != ':') return NULL;
        p = value_end(skip_white(p + 1), end);
        if (!p) return NULL;
        p = skip_white(p);
        if (*p != ',') return NULL;
    }
    if (p != found) return NULL;
    p = skip_white(p + r->key_size);
    return *p == ':' ? skip_white(p + 1) : NULL;
}

/* Where something like the key may be, among 16 bytes: its quotes and its last letter. */
ALWAYS_INLINE bytes16 maybe_key(const Router *r, const u8 *p) {
    bytes16 opening, letters, closing;
    memcpy(&opening, p, 16);
    memcpy(&letters, p + r->key_size - 2, 16);
    memcpy(&closing, p + r->key_size - 1, 16);
    return (opening == '"') & (closing == '"') & (letters == (int8_t)r->key[r->key_size - 2]);
}

/* Where something that looks like the key begins; NULL if nothing does. */
static const u8 *find_key_in(const Router *r, const u8 *p, const u8 *end) {
    const u8 *last = end - p >= r->key_size ? end - r->key_size : p - 1;
    while (last - p >= 32) {
        words2 odd = (words2)(maybe_key(r, p) | maybe_key(r, p + 16));
        if (odd[0] | odd[1]) {
            for (int i = 0; i < 32; i++)
                if (p[i] == '"' && !memcmp(p + i, r->key, r->key_size)) return p + i;
        }
        p += 32;
    }
    for (; p <= last; p++)
        if (*p == '"' && !memcmp(p, r->key, r->key_size)) return p;
    return NULL;
}

/* Whether an escape in a line stands for a letter of the key: then another spelling may be it. */
static bool spells_key(const Router *r, const u8 *p, const u8 *end) {
    while ((p = memchr(p, '\\', (size_t)(end - p)))) {
        if (end - p >= 6 && p[1] == 'u') {
            int code = hex4(p + 2);
            if (code > 0 && code < 0x80 && memchr(r->key + 1, code, r->key_size - 2)) return true;
        }
        p++;
    }
    return false;
}

/* Whether no other object than the first can be an event of its own: each brace opens a value, behind
 * a colon or the bracket of a list. */
static bool is_alone(const u8 *first, const u8 *end) {
    for (const u8 *p = first + 1; (p = memchr(p, '{', (size_t)(end - p))); p++) {
        const u8 *before = p - 1;
        while (*before == ' ' || *before == '\t' || *before == '\r') before--;
        if (*before != ':' && *before != '[') return false;
    }
    return true;
}

/* Whether one look tells that all of a line is of one family, and of which. */
static bool is_plain(Router *r, const u8 *p, const u8 *end, u32 *family) {
    const u8 *found = find_key_in(r, p, end), *value, *stop;
    *family = 0;
    if (spells_key(r, p, end)) return false;
    if (!found) return true;
    if (find_key_in(r, found + r->key_size, end)) return false;
    p = skip_white(p);
    value = value_at(r, p, found, end);
    if (!value) return false;
    stop = *value == '"' ? string_end(value + 1, end) : NULL;
    if (stop) *family = family_of_text(r, value, stop);
    return !*family || is_alone(p, end);
}

/* --- runs */

/* Room for so many bytes more; what is there stays. */
static u8 *more_room(Stack *s, size_t size) {
    if (s->room - s->count < size) {
        size_t room = 2 * (s->count + size);
        u8 *at = realloc(s->at, room);
        if (!at) return NULL;
        s->at = at;
        s->room = room;
    }
    return (u8 *)s->at + s->count;
}

static void add_run(Router *r, u32 family, RoutedRun run) {
    RoutedRun *next = push(&r->runs[family], sizeof run);
    if (!next) {
        r->no_memory = true;
        return;
    }
    *next = run;
    r->parts[family].size += run.end - run.start;
}

/* Give whole lines, from where the last run ended, to the family that they are of. */
static void end_run(Router *r) {
    u64 start = (u64)(r->run - r->data), end = (u64)(r->run_end - r->data);
    if (start < end) add_run(r, r->family, (RoutedRun){start, end, start, r->run_line});
    r->run = r->run_end;
    r->run_line = r->lines;
}

/* Give a line to a family. */
static void give_line(Router *r, const u8 *next, u32 family) {
    if (family != r->family) {
        end_run(r);
        r->family = family;
    }
    r->run_end = next;
}

/* Give each text of a line, with a line end behind it, to a family: behind the block. */
static void give_pieces(Router *r, const u8 *next) {
    const Piece *piece = r->pieces.at;
    end_run(r);
    for (size_t i = 0; i < r->pieces.count; i++, piece++) {
        size_t size = (size_t)(piece->end - piece->start);
        u64 start = (u64)(r->end - r->data) + 1 + r->copies.count;
        u8 *copy = more_room(&r->copies, size + 1);
        if (!copy) {
            r->no_memory = true;
            return;
        }
        memcpy(copy, piece->start, size);
        copy[size] = '\n';
        r->copies.count += size + 1;
        add_run(r, piece->family, (RoutedRun){start, start + size + 1,
                                              (u64)(piece->start - r->data), r->lines});
    }
    r->run = r->run_end = next;
    r->run_line = r->lines + 1;
}

/* Give the texts of a line, which ends at `end`, to the families of each. */
static void give_texts(Router *r, const u8 *p, const u8 *end, const u8 *next) {
    bool same = true;
    u32 count;
    r->pieces.count = 0;
    while ((count = next_texts(r->texts, &p, end))) {
        for (u32 i = 0; i < count; i++) {
            const Text *text = &r->texts[i];
            Piece *piece = push(&r->pieces, sizeof *piece);
            if (!piece) {
                r->no_memory = true;
                return;
            }
            *piece = (Piece){text->start, text->end,
                             text->whole ? family_of_event(r, text->start, text->end) : 0};
            same &= piece->family == ((Piece *)r->pieces.at)->family;
        }
    }
    if (same) give_line(r, next, r->pieces.count ? ((Piece *)r->pieces.at)->family : 0);
    else give_pieces(r, next);
}

EXPORTED void router_free(Router *r) {
    RouteValue *values;
    if (!r) return;
    values = r->values.at;
    for (size_t i = 0; i < r->values.count; i++) free(values[i].text);
    for (u32 i = 0; r->runs && i < r->families; i++) free(r->runs[i].at);
    free(r->values.at);
    free(r->parts);
    free(r->runs);
    free(r->copies.at);
    free(r->whole.at);
    free(r->pieces.at);
    free(r->decoded.at);
    free(r);
}

/* A router by a key, which is plain ASCII, in its quotes; NULL without memory. Family 0 has what no
 * other one has. */
EXPORTED Router *router_new(const u8 *key, u32 size, u32 families) {
    Router *r = size <= LONGEST_KEY ? calloc(1, sizeof *r) : NULL;
    RouteValue *none;
    if (!r) return NULL;
    memcpy(r->key, key, size);
    r->key_size = size;
    r->families = families;
    r->parts = calloc(families, sizeof *r->parts);
    r->runs = calloc(families, sizeof *r->runs);
    none = push(&r->values, sizeof *none);
    if (!none || !r->parts || !r->runs) return router_free(r), NULL;
    *none = (RouteValue){0};
    return r;
}

/* Events with this value, decoded and without quotes, are of that family; 0 without memory. */
EXPORTED int router_value(Router *r, const u8 *text, u32 size, u32 family) {
    u32 *bucket = &r->buckets[bucket_of(text, size)];
    u8 *copy = malloc(size + 1);
    RouteValue *value = copy ? push(&r->values, sizeof *value) : NULL;
    if (!value) return free(copy), 0;
    memcpy(copy, text, size);
    *value = (RouteValue){copy, size, family, *bucket};
    *bucket = (u32)r->values.count - 1;
    return 1;
}

/* Split a block, with a zero byte after it; NULL without memory. The parts, one for each family, are
 * valid until the next call. */
EXPORTED const RoutedPart *router_split(Router *r, const u8 *data, u64 size) {
    const u8 *p = data;
    memset(r->parts, 0, r->families * sizeof *r->parts);
    for (u32 i = 0; i < r->families; i++) r->runs[i].count = 0;
    r->data = r->run = r->run_end = data;
    r->end = data + size;
    r->lines = r->run_line = 0;
    r->family = 0;
    r->copies.count = 0;
    while (p < r->end && !r->no_memory) {
        const u8 *end = memchr(p, '\n', (size_t)(r->end - p)), *next;
        u32 family;
        if (!end) end = r->end;
        next = end + (end < r->end);
        if (is_plain(r, p, end, &family)) give_line(r, next, family);
        else give_texts(r, p, end, next);
        p = next;
        r->lines += end < r->end;
    }
    end_run(r);
    if (r->copies.count) {
        u8 *whole = make_room(&r->whole, size + r->copies.count + 2);
        if (!whole) return NULL;
        memcpy(whole, data, size);
        whole[size++] = '\n'; /* the last line may lack it */
        memcpy(whole + size, r->copies.at, r->copies.count);
        size += r->copies.count;
        whole[size] = 0;
        data = whole;
    }
    for (u32 i = 0; i < r->families; i++) {
        r->parts[i].data = data;
        r->parts[i].all = size;
        r->parts[i].runs = r->runs[i].at;
        r->parts[i].count = r->runs[i].count;
    }
    return r->no_memory ? NULL : r->parts;
}

/* Line ends in the block that was split last. */
EXPORTED u64 router_lines(const Router *r) { return r->lines; }

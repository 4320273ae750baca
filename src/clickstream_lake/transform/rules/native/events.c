/* Lines -> JSON lines without PII and cells of the columns; what is not plain is declined. */
#include "kernel.h"

/* --- keys */

static u32 hash_of(const u8 *text, size_t size) { /* FNV-1a */
    u32 hash = 2166136261u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ text[i]) * 16777619u;
    return hash;
}

static u32 find_key(const Kernel *k, const u8 *text, size_t size) {
    u32 slot = hash_of(text, size) & k->slot_mask, number;
    while ((number = k->slots[slot])) {
        const Key *key = &k->keys[number];
        if (key->size == size && !memcmp(key->text, text, size)) return number;
        slot = (slot + 1) & k->slot_mask;
    }
    return 0;
}

/* --- events and lines */

/* The number of the key whose opening quote is at `p`, and its end; 0 if it is declined. */
static u32 scan_key(Kernel *k, u32 guess, const u8 **p) {
    const u8 *start = *p, *end;
    const Key *key = &k->keys[guess];
    unsigned has = 0;
    u32 number;
    /* A key that was guessed right needs no scan: its closing quote is compared too. */
    if (guess && (size_t)(k->end - start) >= key->size && !memcmp(start, key->text, key->size)) {
        *p = start + key->size;
        return guess;
    }
    end = scan_text(start + 1, k->end, &has);
    if (!end || CHECK(ESCAPE_IN_KEY, has)) return 0;
    end++;
    if (end - start > LONGEST_KEY) return 0;
    *p = end;
    number = find_key(k, start, (size_t)(end - start));
    if (number || k->ignore_unknown || k->scanned.unknown == MOST_UNKNOWN) return number;
    k->unknown[k->scanned.unknown++] =
        (Span){(u64)(start + 1 - k->data), (u64)(end - 1 - k->data)};
    return 1;
}

/* The end of one event, whose opening brace is at `p`. */
static const u8 *scan_event(Kernel *k, const u8 *p) {
    u32 last = 0;
    bool first = true;
    memset(k->tags + (size_t)k->rows * k->columns, NOTHING, k->columns);
    k->number++;
    k->keys_seen = 0;
    k->has_extra = false;
    put(k, p, p + 1);
    p = skip_white(p + 1);
    if (*p == '}') p++;
    else for (;;) {
        const u8 *start = p;
        Key *key;
        u32 number;
        if (*p != '"') return NULL;
        number = scan_key(k, k->keys[last].next, &p);
        if (!number) return NULL;
        key = &k->keys[number];
        if (key->column != UNKNOWN) {
            k->keys[last].next = number;
            last = number;
        }
        if (CHECK(KEY_TWICE, key->seen == k->number)) return NULL;
        if (CHECK(NAME_OF_OURS, key->column == REFUSED)) return NULL;
        if (key->column != UNKNOWN) key->seen = k->number;
        k->keys_seen++;
        if (key->column == DROPPED || key->column == UNKNOWN) {
            bool space;
            p = skip_white(p);
            if (CHECK(COLON_OF_PII, *p != ':')) return NULL;
            p = scan_value(k, skip_white(p + 1), &space);
        } else {
            if (first) put(k, start, p);
            else if (start[-1] == ',') put(k, start - 1, p);
            else {
                put_literal(k, ",", 1);
                put(k, start, p);
            }
            first = false;
            p = skip_white(p);
            if (CHECK(COLON, *p != ':')) return NULL;
            if (p == k->run_end) put(k, p, p + 1);
            else put_literal(k, ":", 1);
            p = take_value(k, skip_white(p + 1), key);
        }
        if (!p) return NULL;
        p = skip_white(p);
        if (*p == '}') {
            p++;
            break;
        }
        if (CHECK(COMMA, *p != ',')) return NULL;
        p = skip_white(p + 1);
    }
    if (CHECK(MANY_KEYS, k->keys_seen > k->max_keys)) return NULL;
    put_literal(k, k->tail + first, k->tail_size - first);
    if (k->has_extra) {
        k->gathered[k->gathered_size++] = '}';
        set_text(k, (size_t)k->rows * k->columns + k->extra, GATHERED, k->extra_start,
                 k->gathered_size - k->extra_start);
    }
    k->rows++;
    return p;
}

static Mark mark(const Kernel *k, const u8 *p) {
    return (Mark){p, k->json_end, k->decoded_size, k->gathered_size, k->rows};
}

static void go_back(Kernel *k, const Mark *mark) {
    k->json_end = mark->json;
    k->decoded_size = mark->decoded;
    k->gathered_size = mark->gathered;
    k->rows = mark->rows;
    k->run = k->run_end = k->data;
}

/* The end of one line with any number of events; or NULL, with the state before the odd one. */
static const u8 *scan_line(Kernel *k, const u8 *p, Mark *plain) {
    *plain = mark(k, p);
    p = skip_white(p);
    if (*p == '\n' || p == k->end) {
        k->scanned.blank++;
    } else {
        do {
            const u8 *start = p;
            if (CHECK(OBJECT, *p != '{') || k->rows == MOST_ROWS) return NULL;
            p = scan_event(k, p);
            if (!p || CHECK(LONG_EVENT, (u64)(p - start) > k->max_line_bytes)) return NULL;
            p = skip_white(p);
            *plain = mark(k, p);
        } while (*p == '{');
    }
    if (CHECK(UNKNOWN_KEY, k->scanned.unknown)) return NULL;
    if (p == k->end) return p;
    if (CHECK(LINE_END, *p != '\n')) return NULL;
    k->scanned.lines++;
    return p + 1;
}

static void count_cells(Kernel *k, u32 first) {
    for (u32 row = first; row < k->rows; row++) {
        const u8 *tags = k->tags + (size_t)row * k->columns;
        const Cell *cells = k->cells + (size_t)row * k->columns;
        for (u32 column = 0; column < k->columns; column++) {
            u8 tag = tags[column];
            k->present[column] += tag != NOTHING;
            if (tag != NOTHING && tag != VALUE) k->text_bytes[column] += cells[column].text.size;
        }
    }
}


/* Lines -> JSON lines without PII and cells of the columns; what is not plain goes to careful.c. */
#include "kernel.h"

/* The number of the key whose opening quote is at `p`, and its end; 0 if it is not plain. */
static u32 scan_key(Kernel *k, u32 guess, const u8 **p) {
    const u8 *start = *p, *end;
    const Key *key = &k->keys[guess];
    unsigned has = 0;
    /* A key that was guessed right needs no scan: its closing quote is compared too. */
    if (guess && (size_t)(k->end - start) >= key->size && !memcmp(start, key->text, key->size)) {
        *p = start + key->size;
        return guess;
    }
    end = scan_text(start + 1, k->end, &has);
    if (!end || CHECK(ESCAPE_IN_KEY, has & ESCAPES)) return 0;
    end++;
    if (end - start > LONGEST_KEY) return 0;
    *p = end;
    return key_number(k, start, end);
}

/* Put the fields that moved into `extra` into the JSON line. */
RARE void put_moved(Kernel *k, bool first) {
    put_literal(k, first ? "\"extra\":" : ",\"extra\":", first ? 8 : 9);
    put_literal(k, k->moved.at, k->moved.count);
    put_literal(k, "}", 1);
}

/* The key of a field that has a column's value: in the JSON line the field has the column's name.
 * Which of several counts, careful.c knows. Returns where its colon is; NULL if it is not plain. */
RARE const u8 *name_source(Kernel *k, const u8 *p, const Key *key, bool first) {
    u32 column = (u32)(SOURCES - key->column);
    Source *source;
    if (key->column > SOURCES) return NULL;
    source = &k->sources[column];
    if (CHECK(SOURCE_TWICE, source->seen == k->number)) return NULL;
    if (CHECK(URL_IN_OTHER_COLUMN, key->is_url && !k->urls[column])) return NULL;
    k->source = *key;
    k->source.column = (int32_t)column;
    source->seen = k->number;
    p = skip_white(p);
    if (CHECK(COLON_OF_SOURCE, *p != ':')) return NULL;
    put_literal(k, ",", !first);
    put_literal(k, source->name, source->size);
    put_literal(k, ":", 1);
    return p;
}

/* The end of one event, whose opening brace is at `p`; NULL if it is not plain. */
static const u8 *scan_event(Kernel *k, const u8 *p) {
    u32 last = 0;
    bool first = true;
    memset(k->tags + (size_t)k->rows * k->columns, NOTHING, k->columns);
    k->number++;
    k->keys_seen = 0;
    k->has_extra = false;
    k->moved.count = 0;
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
        k->keys[last].next = number;
        last = number;
        if (CHECK(KEY_TWICE, key->seen == k->number)) return NULL;
        key->seen = k->number;
        k->keys_seen++;
        if (key->column < UNDECLARED) {
            bool space;
            if (key->column <= SOURCES || CHECK(REFUSED_URL, key->is_url)) {
                p = name_source(k, p, key, first);
                if (!p) return NULL;
                key = &k->source;
                first = false;
                goto value;
            }
            p = skip_white(p);
            if (CHECK(COLON_OF_PII, *p != ':')) return NULL;
            p = skip_white(p + 1);
            p = key->column == DROPPED ? scan_value(k, p, &space) : take_moved(k, p, key);
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
        value:
            /* In one place alone, because it is only inlined there. */
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
    if (k->rule_count && CHECK(BREACH, !is_good(k))) return NULL;
    if (k->moved.count) {
        put_moved(k, first);
        first = false;
    }
    put_literal(k, k->tail + first, k->tail_size - first);
    if (k->has_extra) {
        k->gathered[k->gathered_size++] = '}';
        set_text(k, (size_t)k->rows * k->columns + k->extra, GATHERED, k->extra_start,
                 k->gathered_size - k->extra_start);
    }
    k->rows++;
    return p;
}

ALWAYS_INLINE Mark mark(const Kernel *k) {
    return (Mark){k->json_end, k->decoded_size, k->gathered_size, k->rows};
}

ALWAYS_INLINE void go_back(Kernel *k, const Mark *mark) {
    k->json_end = mark->json;
    k->decoded_size = mark->decoded;
    k->gathered_size = mark->gathered;
    k->rows = mark->rows;
    k->run = k->run_end = k->data;
}

RARE void count_breach(Kernel *k, u32 column, u8 tag) {
    k->mismatched[column]++;
    k->breaches[column * BREACHES + tag - MISFIT]++;
    k->scanned.mismatches++;
}

static void count_cells(Kernel *k, u32 first) {
    for (u32 row = first; row < k->rows; row++) {
        const u8 *tags = k->tags + (size_t)row * k->columns;
        const Cell *cells = k->cells + (size_t)row * k->columns;
        for (u32 column = 0; column < k->columns; column++) {
            u8 tag = tags[column];
            if (tag > LACKING) {
                k->present[column]++;
                if (tag != VALUE) k->text_bytes[column] += cells[column].text.size;
            } else if (tag != NOTHING) {
                count_breach(k, column, tag);
            }
        }
    }
}

/* Whether a text may start at `p` that is no part of a plain event before it; that may turn out only
 * behind what is something else. */
static bool starts_text(const Kernel *k, const u8 *p) {
    return *p == '\n' || p == k->end || (*p == '{' && p[1] != '\\');
}

/* What follows a plain event behind separators, if it is no part of it; else NULL. */
RARE const u8 *after_separators(Kernel *k, const u8 *p) {
    bool comma = false;
    p = skip_separators(p, line_end(k, p), &comma);
    return starts_text(k, p) && !(comma && *p == '{') ? p : NULL;
}

/* Scan texts of one line, to behind its end or until the table of rows is full. */
static const u8 *scan_line(Kernel *k, const u8 *p) {
    for (;;) {
        Mark before = mark(k);
        const u8 *next = NULL;
        p = skip_white(p);
        if (*p != '{') {
            bool comma;
            if (*p != '\n' || p == k->end) p = skip_separators(p, line_end(k, p), &comma);
            if (p == k->end || *p == '\n') break;
        }
        if (k->rows >= MOST_ROWS || k->no_memory) return p;
        if (*p == '{') next = scan_event(k, p);
        if (next && CHECK(LONG_EVENT, (u64)(next - p) > k->max_line_bytes)) next = NULL;
        if (next) next = skip_white(next);
        if (next && CHECK(TORN, !starts_text(k, next))) next = after_separators(k, next);
        if (!next) {
            go_back(k, &before);
            next = careful_run(k, p, line_end(k, p));
        }
        count_cells(k, before.rows);
        k->in_line = true;
        p = next;
    }
    k->scanned.blank += !k->in_line;
    k->in_line = false;
    if (p == k->end) return p;
    k->scanned.lines++;
    return p + 1;
}

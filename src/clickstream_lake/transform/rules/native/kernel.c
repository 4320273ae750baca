/* The data rules over whole blocks: the transform's fast path.
 *
 * It takes the lines that it can prove to be plain, and declines each other line. Nothing here
 * decides that a line is wrong: what is declined goes through enrich.py, and both give the same
 * bytes for what is taken.
 */
#include "kernel.h"

/* Compiled as one file, so that functions that are small or called once are inlined: compiled
 * apart, they take 7 % more instructions, and macOS has no link-time optimizer. */
#include "scan.c"
#include "instant.c"
#include "nested.c"
#include "cells.c"
#include "events.c"
#include "columns.c"

static bool reserve(Kernel *k, u64 size) {
    /* Decoded texts are never longer than before. Gathered ones are a brace longer for each event,
     * which has as many bytes. */
    u64 room = 2 * size + 64;
    if (room <= k->room) return true;
    free(k->decoded);
    free(k->gathered);
    k->decoded = malloc(room);
    k->gathered = malloc(room);
    k->room = k->decoded && k->gathered ? room : 0;
    return k->room;
}

EXPORTED u32 kernel_abi(void) { return KERNEL_ABI; }

EXPORTED void kernel_free(Kernel *k) {
    if (!k) return;
    if (k->c_locale) freelocale(k->c_locale);
    for (u32 i = 0; i < k->key_count; i++) free(k->keys[i].text);
    free(k->kinds);
    free(k->formats);
    free(k->keys);
    free(k->slots);
    free(k->names);
    free(k->name_sizes);
    free(k->decoded);
    free(k->gathered);
    free(k->cells);
    free(k->tags);
    free(k->text_bytes);
    free(k->present);
    free(k->layouts);
    free(k);
}

/* A kernel for columns of these kinds, timestamps in these formats; NULL without memory. */
EXPORTED Kernel *kernel_new(u32 columns, const u8 *kinds, const u8 *formats, u32 most_keys) {
    Kernel *k = calloc(1, sizeof *k);
    u32 slots = 16;
    if (!k) return NULL;
    while (slots < 2 * (most_keys + 1)) slots *= 2;
    k->columns = columns;
    k->key_room = most_keys + 2;
    k->key_count = 2;
    k->slot_mask = slots - 1;
    k->kinds = malloc(columns);
    k->formats = malloc(columns);
    k->keys = calloc(k->key_room, sizeof *k->keys);
    k->slots = calloc(slots, sizeof *k->slots);
    k->cells = malloc((size_t)MOST_ROWS * columns * sizeof *k->cells);
    k->tags = malloc((size_t)MOST_ROWS * columns);
    k->text_bytes = calloc(columns, sizeof *k->text_bytes);
    k->present = calloc(columns, sizeof *k->present);
    k->layouts = calloc(columns, sizeof *k->layouts);
    k->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!k->c_locale || !k->kinds || !k->formats || !k->keys || !k->slots || !k->cells ||
        !k->tags || !k->text_bytes || !k->present || !k->layouts) {
        kernel_free(k);
        return NULL;
    }
    memcpy(k->kinds, kinds, columns);
    memcpy(k->formats, formats, columns);
    k->keys[1].column = UNKNOWN;
    for (u32 i = 0; i < columns; i++) {
        if (kinds[i] == EXTRA) k->extra = i;
    }
    return k;
}

EXPORTED void kernel_limit(Kernel *k, u64 line_bytes, u32 depth, u32 keys, u32 key_bytes) {
    k->max_line_bytes = line_bytes;
    k->max_depth = depth < DEEPEST ? depth : DEEPEST;
    k->max_keys = keys;
    k->max_key_bytes = key_bytes;
}

/* `tail` ends each JSON line that has other fields; it starts with a comma. */
EXPORTED int kernel_stamp(Kernel *k, int64_t processed_ts, const u8 *tail, u32 size) {
    if (size > sizeof k->tail) return 0;
    memcpy(k->tail, tail, size);
    k->tail_size = size;
    k->processed_ts = processed_ts;
    return 1;
}

/* PII keys in lower case: `names` are `count` texts of `sizes` bytes, one after the other. */
EXPORTED int kernel_names(Kernel *k, u32 count, const u8 *names, const u8 *sizes) {
    size_t total = 0;
    for (u32 i = 0; i < count; i++) total += sizes[i];
    k->names = malloc(total + 1);
    k->name_sizes = malloc(count + 1);
    if (!k->names || !k->name_sizes) return 0;
    memcpy(k->names, names, total);
    memcpy(k->name_sizes, sizes, count);
    k->name_count = count;
    return 1;
}

/* Say what becomes of fields with a key, in its quotes; 0 if there is no room for more. */
EXPORTED int kernel_learn(Kernel *k, const u8 *text, u32 size, int32_t column) {
    u32 slot = hash_of(text, size) & k->slot_mask;
    Key *key = &k->keys[k->key_count];
    if (find_key(k, text, size)) return 1;
    if (k->key_count == k->key_room || !(key->text = malloc(size))) return 0;
    memcpy(key->text, text, size);
    key->size = size;
    key->column = column;
    while (k->slots[slot]) slot = (slot + 1) & k->slot_mask;
    k->slots[slot] = k->key_count++;
    return 1;
}

/* Scan lines from `start` on, until the end, a line with unknown keys or a full table.
 *
 * `data` has a zero byte after its `size` bytes, which are fewer than 2^31; `json` has room for
 * 3/2 of `size` bytes and, for each of MOST_ROWS events, 64 more and 26 for each timestamp. Returns 0 without memory.
 */
EXPORTED int kernel_scan(Kernel *k, const u8 *data, u64 size, u64 start, u8 *json,
                         int ignore_unknown) {
    const u8 *p = data + start;
    Scanned *s = &k->scanned;
    if (size >> 31 || !reserve(k, size)) return 0;
    memset(s, 0, sizeof *s);
    memset(k->text_bytes, 0, k->columns * sizeof *k->text_bytes);
    memset(k->present, 0, k->columns * sizeof *k->present);
    k->data = k->run = k->run_end = data;
    k->end = data + size;
    k->json = k->json_end = json;
    k->rows = 0;
    k->decoded_size = k->gathered_size = 0;
    k->ignore_unknown = ignore_unknown;
    while (p < k->end && s->declined < MOST_DECLINED && k->rows < MOST_ROWS) {
        Mark before = mark(k, p), plain;
        const u8 *next = scan_line(k, p, &plain), *line_end;
        if (next) {
            count_cells(k, before.rows);
            p = next;
            continue;
        }
        if (s->unknown || (k->rows == MOST_ROWS && before.rows)) {
            go_back(k, &before);
            break;
        }
        go_back(k, &plain);
        count_cells(k, before.rows);
        line_end = memchr(plain.at, '\n', (size_t)(k->end - plain.at));
        k->declined[s->declined++] = (Declined){
            .start = (u64)(plain.at - data),
            .end = (u64)((line_end ? line_end : k->end) - data),
            .json = (u64)(k->json_end - json),
            .row = k->rows,
            .line = s->lines,
        };
        s->lines += line_end != NULL;
        p = line_end ? line_end + 1 : k->end;
    }
    s->consumed = (u64)(p - data);
    s->json = (u64)(k->json_end - json);
    s->rows = k->rows;
    layout_columns(k);
    return 1;
}

EXPORTED const Scanned *kernel_scanned(const Kernel *k) { return &k->scanned; }
EXPORTED const Declined *kernel_declined(const Kernel *k) { return k->declined; }
EXPORTED const Span *kernel_unknown(const Kernel *k) { return k->unknown; }
EXPORTED const Layout *kernel_layouts(const Kernel *k) { return k->layouts; }

/* Write the Arrow buffers of what was scanned last: `Scanned.arrow` bytes. */
EXPORTED void kernel_fill(const Kernel *k, u8 *out) {
    for (u32 column = 0; column < k->columns; column++) fill_column(k, column, out);
}

/* Line ends in some bytes: 16 counters of 8 bits, emptied before they are full. */
EXPORTED u64 kernel_count_lines(const u8 *data, u64 size) {
    u64 count = 0, i = 0;
    while (size - i >= 16) {
        u64 blocks = (size - i) / 16 < 255 ? (size - i) / 16 : 255;
        ubytes16 found = {0};
        u8 counts[16];
        for (; blocks; blocks--, i += 16) {
            bytes16 some;
            memcpy(&some, data + i, 16);
            found -= (ubytes16)(some == '\n'); /* true is -1 */
        }
        memcpy(counts, &found, 16);
        for (int lane = 0; lane < 16; lane++) count += counts[lane];
    }
    for (; i < size; i++) count += data[i] == '\n';
    return count;
}

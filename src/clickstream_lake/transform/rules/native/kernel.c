/* The data rules over whole blocks: the transform's fast path.
 *
 * Events that it can prove to be plain are taken in one pass (events.c). Any other text is looked at
 * with care (framing.c to careful.c), and published or rejected there. Both give the same bytes that
 * enrich.py gives, which works without a kernel.
 */
#include "kernel.h"

/* Compiled as one file, so that functions that are small or called once are inlined: compiled
 * apart, they take 7 % more instructions, and macOS has no link-time optimizer. */
#include "scan.c"
#include "instant.c"
#include "names.c"
#include "nested.c"
#include "quality.c"
#include "cells.c"
#include "events.c"
#include "framing.c"
#include "check.c"
#include "scrub.c"
#include "careful.c"
#include "columns.c"
#include "route.c"

static bool reserve(Kernel *k, u64 size) {
    /* Decoded texts are never longer than before. Gathered ones are a brace longer for each event,
     * which has as many bytes. */
    u64 room = 2 * size + 64;
    if (room <= k->room) return true;
    if (!make_room(&k->moved, room)) return false;
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
    free(k->rules);
    free(k->breaches);
    free(k->keys);
    free(k->slots);
    free(k->names);
    free(k->name_sizes);
    free(k->taken);
    free(k->taken_sizes);
    free(k->urls);
    for (u32 i = 0; k->sources && i < k->columns; i++) free(k->sources[i].name);
    free(k->sources);
    free(k->mismatched);
    free(k->repaired.at);
    free(k->clean.at);
    free(k->cuts.at);
    free(k->frames.at);
    free(k->members.at);
    free(k->arena.at);
    free(k->doubles.at);
    for (int i = 0; i <= MOST_LEVELS; i++) free(k->inner[i].at);
    free(k->name.at);
    free(k->key.at);
    free(k->moved.at);
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
EXPORTED Kernel *kernel_new(u32 columns, const u8 *kinds, const u8 *formats, u32 most_keys,
                            u64 seed) {
    Kernel *k = calloc(1, sizeof *k);
    u32 slots = 16;
    if (!k) return NULL;
    while (slots < 2 * (most_keys + 1)) slots *= 2;
    k->columns = columns;
    k->key_room = most_keys + 1;
    k->key_count = 1;
    k->seed = seed;
    k->slot_mask = slots - 1;
    k->kinds = malloc(columns);
    k->formats = malloc(columns);
    k->breaches = calloc((size_t)columns * BREACHES, sizeof *k->breaches);
    k->keys = calloc(k->key_room, sizeof *k->keys);
    k->slots = calloc(slots, sizeof *k->slots);
    k->cells = malloc((size_t)(MOST_ROWS + MOST_JOINED + 1) * columns * sizeof *k->cells);
    k->tags = malloc((size_t)(MOST_ROWS + MOST_JOINED + 1) * columns);
    k->text_bytes = calloc(columns, sizeof *k->text_bytes);
    k->mismatched = calloc(columns, sizeof *k->mismatched);
    k->urls = calloc(columns, 1);
    k->sources = calloc(columns, sizeof *k->sources);
    k->present = calloc(columns, sizeof *k->present);
    k->layouts = calloc(columns, sizeof *k->layouts);
    k->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!k->c_locale || !k->kinds || !k->formats || !k->keys || !k->slots || !k->cells || !k->tags ||
        !k->breaches || !k->text_bytes || !k->mismatched || !k->urls || !k->sources || !k->present || !k->layouts) {
        kernel_free(k);
        return NULL;
    }
    memcpy(k->kinds, kinds, columns);
    memcpy(k->formats, formats, columns);
    for (u32 i = 0; i < columns; i++) {
        if (kinds[i] == EXTRA) k->extra = i;
    }
    return k;
}

EXPORTED void kernel_limit(Kernel *k, u64 line_bytes, u32 depth, u32 keys, u32 key_bytes) {
    k->max_line_bytes = line_bytes;
    k->max_depth = depth < DEEPEST_OF_ALL ? depth : DEEPEST_OF_ALL;
    k->fast_depth = depth < DEEPEST ? depth : DEEPEST;
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

static bool keep_names(u8 **to, u8 **to_sizes, u32 count, const u8 *names, const u8 *sizes) {
    size_t total = 0;
    for (u32 i = 0; i < count; i++) total += sizes[i];
    *to = malloc(total + 1);
    *to_sizes = malloc(count + 1);
    if (!*to || !*to_sizes) return false;
    memcpy(*to, names, total);
    memcpy(*to_sizes, sizes, count);
    return true;
}

/* PII keys as they are compared: `names` are `count` texts of `sizes` bytes, one after the other;
 * `folded` has each ASCII character as it is compared, 0 for those left out. */
EXPORTED int kernel_names(Kernel *k, u32 count, const u8 *names, const u8 *sizes,
                          const u8 *folded, Ask ask) {
    k->ask = ask;
    k->name_count = count;
    memcpy(k->folded, folded, sizeof k->folded);
    for (u32 c = 0; c < 128; c++) {
        const u8 *name = names;
        for (u32 i = 0; i < count; name += sizes[i++])
            k->may_start_name[c] |= !folded[c] || folded[c] == *name;
    }
    return keep_names(&k->names, &k->name_sizes, count, names, sizes);
}

/* Names, in lower case, that the JSON SerDe would take for columns. */
EXPORTED int kernel_taken(Kernel *k, u32 count, const u8 *names, const u8 *sizes) {
    k->taken_count = count;
    return keep_names(&k->taken, &k->taken_sizes, count, names, sizes);
}

/* Whether to look into texts that are JSON, and, by column, into URLs. */
EXPORTED void kernel_texts(Kernel *k, int look_inside, const u8 *urls) {
    static const u8 ends[] = "=&?#;\"", odd[] = "%+[]";
    static const u8 starts[] = "{[ \\";
    k->levels = look_inside ? MOST_LEVELS : 0;
    for (size_t i = 0; i < sizeof starts - 1; i++) k->may_start_json[starts[i]] = look_inside;
    for (size_t i = 0; i < sizeof ends - 1; i++) k->in_parameter[ends[i]] = ENDS;
    for (size_t i = 0; i < sizeof odd - 1; i++) k->in_parameter[odd[i]] = ODD;
    memset(k->in_parameter + 0x80, ODD, 0x80);
    memcpy(k->urls, urls, k->columns);
}

/* The rules of the columns that have some; 0 without memory. */
EXPORTED int kernel_rules(Kernel *k, u32 count, const Rules *rules) {
    k->rules = malloc((count + 1) * sizeof *rules);
    if (!k->rules) return 0;
    memcpy(k->rules, rules, count * sizeof *rules);
    k->rule_count = count;
    return 1;
}

/* Say what becomes of fields with a key of the catalog's, in its quotes; 0 without memory. */
EXPORTED int kernel_learn(Kernel *k, const u8 *text, u32 size, int32_t column, int is_url) {
    u32 number = learn_key(k, text, size, column);
    if (!number) return 0;
    k->keys[number].is_url = is_url;
    k->own_keys = k->key_count;
    return 1;
}

/* The same of a key that has a value of a column, called `name`: of those that an event has, the one
 * counts that was learnt first. Names and keys are in their quotes, without escapes. */
EXPORTED int kernel_source(Kernel *k, const u8 *text, u32 size, u32 column, int is_url,
                           const u8 *name, u32 name_size) {
    Source *source = &k->sources[column];
    if (!source->name && !(source->name = malloc(name_size))) return 0;
    memcpy(source->name, name, name_size);
    source->size = name_size;
    k->has_sources = true;
    return kernel_learn(k, text, size, SOURCES - (int32_t)column, is_url);
}

/* Begin a call that reads some of a block's bytes. */
static bool begin_scan(Kernel *k, const u8 *data, u64 all, u64 size, u8 *json) {
    Scanned *s = &k->scanned;
    if (all >> 31 || !reserve(k, size)) return false;
    memset(s, 0, sizeof *s);
    memset(k->text_bytes, 0, k->columns * sizeof *k->text_bytes);
    memset(k->mismatched, 0, k->columns * sizeof *k->mismatched);
    memset(k->breaches, 0, (size_t)k->columns * BREACHES * sizeof *k->breaches);
    memset(k->present, 0, k->columns * sizeof *k->present);
    k->data = k->run = k->run_end = data;
    k->end = data + all;
    k->line_end = data - 1;
    k->json = k->json_end = json;
    k->rows = 0;
    k->decoded_size = k->gathered_size = 0;
    return true;
}

static int end_scan(Kernel *k, const u8 *p, const u8 *json) {
    Scanned *s = &k->scanned;
    s->consumed = (u64)(p - k->data);
    s->json = (u64)(k->json_end - json);
    s->rows = k->rows;
    if (k->no_memory) return 0;
    layout_columns(k);
    return 1;
}

/* Scan lines from `start` on, until the end or a full table; `start` is 0 in a new block.
 *
 * `data` has a zero byte after its `size` bytes, which are fewer than 2^31; `json` has room for
 * six times `size` bytes and 64 more for each of MOST_ROWS + MOST_JOINED + 1 events: a field of six
 * bytes may become a time of 26. Where columns have sources, each event has room for their names,
 * too. Returns 0 without memory.
 */
EXPORTED int kernel_scan(Kernel *k, const u8 *data, u64 size, u64 start, u8 *json) {
    const u8 *p = data + start;
    if (!begin_scan(k, data, size, size, json)) return 0;
    if (!start) k->in_line = false;
    while (p < k->end && k->rows < MOST_ROWS && !k->no_memory) p = scan_line(k, p);
    return end_scan(k, p, json);
}

/* Scan the runs of a part, from the first one on if it is `new`. Lines are counted from the start of
 * the block, and rejects are where they are in the part's `data`. Returns 0 without memory, 1 at a full
 * table, 2 at the end. */
EXPORTED int kernel_scan_part(Kernel *k, const RoutedPart *part, int new, u8 *json) {
    const u8 *p = part->data;
    if (!begin_scan(k, p, part->all, part->size, json)) return 0;
    if (new) {
        k->next_run = k->done_of_run = 0;
        k->in_line = false;
    }
    for (; k->next_run < part->count; k->next_run++) {
        const RoutedRun *run = &part->runs[k->next_run];
        const u8 *end = part->data + run->end;
        p = part->data + run->start + k->done_of_run;
        if (!k->done_of_run) k->run_line = (u32)run->line;
        k->scanned.lines = k->run_line;
        k->line_end = p - 1;
        while (p < end && k->rows < MOST_ROWS && !k->no_memory) p = scan_line(k, p);
        k->run_line = k->scanned.lines;
        if (p < end) {
            k->done_of_run = (u64)(p - part->data) - run->start;
            break;
        }
        k->done_of_run = 0;
    }
    if (!end_scan(k, p, json)) return 0;
    return k->next_run < part->count ? 1 : 2;
}

EXPORTED const Scanned *kernel_scanned(const Kernel *k) { return &k->scanned; }
EXPORTED const Reject *kernel_rejects(const Kernel *k) { return k->rejects; }
EXPORTED const u64 *kernel_mismatched(const Kernel *k) { return k->mismatched; }
EXPORTED const u64 *kernel_breaches(const Kernel *k) { return k->breaches; }
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

/* Behind the bracket that closes the one at `start`, or 0; `data` has a zero byte after it. */
EXPORTED u64 kernel_bracket_end(const u8 *data, u64 start, u64 end) {
    const u8 *found = bracket_end(data + start, data + end);
    return found ? (u64)(found - data) : 0;
}

/* Pass over texts of a line from `position` on, in a block that starts at `start`; where they end. */
EXPORTED u64 kernel_pass_texts(const u8 *data, u64 start, u64 position, u64 end, u64 most,
                               u64 longest) {
    return (u64)(pass_texts(data + start, data + position, data + end, most, longest) - data);
}

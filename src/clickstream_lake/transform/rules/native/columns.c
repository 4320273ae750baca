/* Cells -> the buffers of Arrow arrays: https://arrow.apache.org/docs/format/Columnar.html */
#include "kernel.h"

static bool is_text(u8 kind) { return kind == TEXT || kind == JSON || kind == EXTRA; }

/* Find a place for each buffer of each column. */
static void layout_columns(Kernel *k) {
    u64 total = 0, rows = k->rows;
    for (u32 column = 0; column < k->columns; column++) {
        Layout *layout = &k->layouts[column];
        u8 kind = k->kinds[column];
        layout->nulls = kind == PROCESSED ? 0 : rows - k->present[column];
        layout->size[0] = layout->nulls ? (rows + 7) / 8 : 0;
        if (is_text(kind)) layout->size[1] = 4 * (rows + 1);
        else layout->size[1] = kind == BOOLEAN ? (rows + 7) / 8 : 8 * rows;
        layout->size[2] = is_text(kind) ? k->text_bytes[column] : 0;
        for (int i = 0; i < 3; i++) {
            layout->start[i] = total;
            total += (layout->size[i] + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
    }
    k->scanned.arrow = total + ALIGNMENT; /* `copy_text` writes 16 bytes at a time */
}

static inline void copy_text(u8 *out, const u8 *text, u32 size, const u8 *readable_end) {
    if (size <= 16 && readable_end - text >= 16) memcpy(out, text, 16);
    else memcpy(out, text, size);
}

static void fill_texts(const Kernel *k, u32 column, int32_t *offsets, u8 *out) {
    const u8 *sources[] = {[INPUT] = k->data, [DECODED] = k->decoded, [GATHERED] = k->gathered};
    const u8 *ends[] = {
        [INPUT] = k->end, [DECODED] = k->decoded + k->room, [GATHERED] = k->gathered + k->room};
    int32_t at = 0;
    for (u32 row = 0; row < k->rows; row++) {
        size_t cell = (size_t)row * k->columns + column;
        u8 tag = k->tags[cell];
        offsets[row] = at;
        if (tag <= LACKING) continue;
        u32 size = k->cells[cell].text.size;
        copy_text(out + at, sources[tag] + k->cells[cell].text.start, size, ends[tag]);
        at += (int32_t)size;
    }
    offsets[k->rows] = at;
}

static void fill_column(const Kernel *k, u32 column, u8 *out) {
    const Layout *layout = &k->layouts[column];
    u8 kind = k->kinds[column], *values = out + layout->start[1];
    if (layout->size[0]) {
        u8 *valid = out + layout->start[0];
        memset(valid, 0, layout->size[0]);
        for (u32 row = 0; row < k->rows; row++)
            valid[row / 8] |=
                (u8)((k->tags[(size_t)row * k->columns + column] > LACKING) << row % 8);
    }
    if (is_text(kind)) {
        fill_texts(k, column, (int32_t *)values, out + layout->start[2]);
    } else if (kind == PROCESSED) {
        for (u32 row = 0; row < k->rows; row++) ((int64_t *)values)[row] = k->processed_ts;
    } else if (kind == BOOLEAN) {
        memset(values, 0, layout->size[1]);
        for (u32 row = 0; row < k->rows; row++) {
            size_t cell = (size_t)row * k->columns + column;
            values[row / 8] |= (u8)((k->tags[cell] == VALUE && k->cells[cell].whole) << row % 8);
        }
    } else {
        for (u32 row = 0; row < k->rows; row++) {
            size_t cell = (size_t)row * k->columns + column;
            ((int64_t *)values)[row] = k->tags[cell] == VALUE ? k->cells[cell].whole : 0;
        }
    }
}


/* The kernel's state, and what it tells its caller: see src/clickstream_lake/transform/rules/kernel.py. */
#ifndef CLICKSTREAM_KERNEL_H
#define CLICKSTREAM_KERNEL_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include "scan.h"

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

/* Rows, and declined lines, of one call at most: what the caller's loop makes of a larger block. */
#define MOST_ROWS 8192
#define MOST_DECLINED 1024
/* Keys of one line that are learnt at once. */
#define MOST_UNKNOWN 256
/* Buffers of Arrow arrays are aligned so. */
#define ALIGNMENT 64
/* What the kernel can nest; the caller's limit may be lower. */
#define DEEPEST 127

/* Of columns; the same numbers as in kernel.py. */
enum { TEXT, JSON, DOUBLE, BIGINT, BOOLEAN, TIMESTAMP, EXTRA, PROCESSED };

/* What becomes of a field; numbers from 0 on are columns. */
enum { DROPPED = -1, UNDECLARED = -2, REFUSED = -3, UNKNOWN = -4 };
/* Of an event's own fields, in quotes; a longer one is declined. */
#define LONGEST_KEY 258

/* Where the bytes of a cell are. */
enum { NOTHING, INPUT, DECODED, GATHERED, VALUE };

typedef struct {
    u8 *text; /* in its quotes */
    u32 size; /* quotes included */
    int32_t column;
    u32 seen; /* in the event with this number */
    u32 next; /* the key that came behind it last */
} Key;

typedef union {
    struct { u32 start, size; } text;
    int64_t whole;
    double number;
} Cell;

typedef struct {
    u64 start, end; /* in the block, from its first odd event on, line end left out */
    u64 json;       /* bytes of JSON lines before it */
    u32 row;        /* events before it */
    u32 line;       /* line ends before it */
} Declined;

/* What a failure goes back to. */
typedef struct {
    const u8 *at;
    u8 *json;
    u64 decoded, gathered;
    u32 rows;
} Mark;

typedef struct { u64 start, end; } Span; /* of a key in the block, quotes left out */

/* Of one call of `kernel_scan`. */
typedef struct {
    u64 consumed;   /* bytes of the block up to where it stopped */
    u64 json;       /* bytes of JSON lines */
    u64 arrow;      /* bytes that `kernel_fill` will write */
    u32 rows, blank, lines, declined;
    u32 unknown;    /* keys of the line that it stopped before */
} Scanned;

/* Of one column: validity, offsets or values, and texts. */
typedef struct {
    u64 start[3], size[3];
    u64 nulls;
} Layout;

typedef struct {
    Scanned scanned;
    Declined declined[MOST_DECLINED];
    Span unknown[MOST_UNKNOWN];

    /* The catalog and the limits. */
    u32 columns, extra, processed;
    u8 *kinds;
    Key *keys; /* number 0 is none, number 1 is any that is not known yet */
    u32 key_count, key_room, *slots, slot_mask;
    u8 *names, *name_sizes; /* PII keys in lower case, one behind the other */
    u32 name_count;
    u32 max_depth, max_keys, max_key_bytes;
    u64 max_line_bytes;
    u8 tail[64]; /* `,"processed_ts":"…"}` and a line end */
    u32 tail_size;
    int64_t processed_ts;
    locale_t c_locale; /* in which a point is a point, whatever the process has */
    bool ignore_unknown; /* decline their lines instead of stopping there */

    /* Of the block. */
    const u8 *data, *end;
    u8 *json, *json_end;          /* the caller's */
    const u8 *run, *run_end;      /* bytes of the block that are still to be copied there */
    u8 *decoded, *gathered;       /* texts that are not in the block as they have to be */
    u64 decoded_size, gathered_size, room;
    Cell *cells; /* MOST_ROWS x columns */
    u8 *tags;    /* the same */
    u64 *text_bytes;
    u32 *present; /* by column, of committed rows */
    Layout *layouts;

    /* Of the event. */
    u32 rows, number, keys_seen;
    u64 extra_start;
    bool has_extra;
} Kernel;

void layout_columns(Kernel *k);

#endif

/* The kernel's state, what its files share, and what it tells its caller: see
 * src/clickstream_lake/transform/rules/kernel.py. */
#ifndef CLICKSTREAM_KERNEL_H
#define CLICKSTREAM_KERNEL_H

#define _GNU_SOURCE /* strtod_l */
#include <float.h>
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
typedef _locale_t locale_t;
#define newlocale(mask, name, base) _create_locale(LC_ALL, name)
#define freelocale _free_locale
#define strtod_l _strtod_l
#else
#define EXPORTED __attribute__((visibility("default")))
#endif
#if defined(__APPLE__)
#include <xlocale.h>
#endif

/* What the compiler would call, and what it would not: it knows nothing of what is rare. Together
 * they save 6 % of a plain event's instructions. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define RARE static __attribute__((noinline, cold))

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are taken apart from the low end");

/* --- checks; a test leaves out each of them: see test_kernel_proofs.py */

#if defined(PROOFS)
EXPORTED const char *left_out = "";
#define WITHOUT(name) (!strcmp(left_out, #name))
#else
#define WITHOUT(name) false
#endif
/* Whether a check finds something wrong; false if it is left out. */
#define CHECK(name, wrong) (!WITHOUT(name) && (wrong))

/* --- the interface */

/* Version of the exported functions and of the structs that the caller reads: raise it with each
 * change, together with `ABI` of library.py. */
#define KERNEL_ABI 5

/* Rows after which a call ends: the caller loops over a larger block. */
#define MOST_ROWS 8192
/* Most texts that are looked at together, because commas join them: as in read/lines.py. */
#define MOST_JOINED 1024
/* Rejected texts of a raw object that are named one by one: as in rules/enrich.py. */
#define MOST_REJECTS 1000
/* Alignment of the buffers of Arrow arrays. */
#define ALIGNMENT 64
/* Deepest nesting of a plain event, and of any; the caller's limit may be lower. */
#define DEEPEST 127
#define DEEPEST_OF_ALL 511
/* Most keys of open objects in a plain event, its own aside. */
#define MOST_NESTED_KEYS 64
/* Texts in texts that are looked into: as in rules/scrub.py. */
#define MOST_LEVELS 3

/* Kinds of columns; the same numbers as in kernel.py. */
enum { TEXT, JSON, DOUBLE, BIGINT, BOOLEAN, TIMESTAMP, EXTRA, PROCESSED };

/* What a timestamp may be sent as, one bit each; the same as `TIME_FORMATS` of lake/catalog.py. */
enum {
    ISO = 1,
    SQL = 2,
    EPOCH_S = 4,
    EPOCH_MS = 8,
    EPOCH_US = 16,
    EPOCH_NS = 32,
    AUTO_EPOCH = 64,
    ANY_EPOCH = EPOCH_S | EPOCH_MS | EPOCH_US | EPOCH_NS | AUTO_EPOCH,
};

/* What becomes of a field; numbers from 0 on are columns, and SOURCES - n has a value of column n
 * under another name, or beside other fields that may have one. */
enum { UNDECLARED = -1, DROPPED = -2, REFUSED = -3, SOURCES = -4 };
/* Longest key that is remembered, quotes included. */
#define LONGEST_KEY 258

/* Why a text is not published, in the order of `LineReason` in rules/reasons.py. */
enum {
    NOT_JSON, NOT_OBJECT, NON_FINITE_NUMBER, NUMBER_OVERFLOW, INVALID_UTF8, TOO_DEEP,
    TOO_MANY_KEYS, KEY_TOO_LONG, LINE_TOO_LONG, NOT_IN_ENUM, NOT_LIKE_PATTERN, BELOW_MIN,
    ABOVE_MAX, OVER_MAX_LENGTH, MISSING_REQUIRED, REASONS, PUBLISHED = -1,
};

/* Bytes in the name of a URL's parameter: those of a plain name, those that end it, and those that
 * may stand for others, as in `user%5Fid`, `user+id` and `event[user_id]`. */
enum { PLAIN, ENDS, ODD };

/* Why a cell has no value, though one was sent or is required, and where the bytes of others are.
 * Rules stand in the order of their reasons, and of `Breach` in lake/quality.py. */
enum {
    NOTHING, MISFIT, OUT_OF_ENUM, OFF_PATTERN, BELOW, ABOVE, OVERLONG, LACKING,
    INPUT, DECODED, GATHERED, VALUE,
};
/* Ways in which a cell has none, NOTHING aside: as in kernel.py. */
#define BREACHES (LACKING - MISFIT + 1)

/* --- the state */

typedef struct {
    u8 *text; /* in its quotes */
    u32 size; /* quotes included */
    u32 hash;
    int32_t column;
    u32 seen; /* in the event with this number */
    u32 next; /* the key that came after it last */
    bool is_url; /* its texts are URLs, wherever they go */
} Key;

/* Where the values of a column come from, if it says so. */
typedef struct {
    u8 *name;    /* the column's, in its quotes */
    u32 size;    /* quotes included */
    u32 seen;    /* a source of it, in the event with this number */
    u32 chosen;  /* key number of the one that counts in an event */
    bool is_null; /* which has no value */
} Source;

typedef union {
    struct { u32 start, size; } text;
    int64_t whole;
    double number;
} Cell;

/* See lake/patterns.py; without steps there is none. */
typedef struct {
    const u32 *steps;
    const u8 *kinds;
    u32 start, first_end;
} Automaton;

/* Of one column; the caller keeps what it points to. */
typedef struct {
    Automaton texts, pattern;
    const Cell *numbers; /* in order; NULL for any */
    Cell least, most;
    u32 number_count, max_length, column;
    u8 required, rejects, unused[2];
} Rules;

/* The state that a failure returns to. */
typedef struct {
    u8 *json;
    u64 decoded, gathered;
    u32 rows;
} Mark;

typedef struct { u64 start, end; } Span;

typedef struct {
    const u8 *start, *end;
    bool whole; /* from a brace to the one that closes it */
} Text;

typedef struct {
    u64 offset; /* in the block */
    u32 line;   /* line ends before it in this call */
    u32 events; /* that it may hold at most */
    u32 reason, unused;
} Reject;

/* Rejected texts after those that are named. */
typedef struct {
    u64 texts, events, first, last; /* offsets in the block */
    u32 first_line, last_line;
} Tally;

/* Of one call of `kernel_scan`. */
typedef struct {
    u64 consumed; /* bytes of the block up to where it stopped */
    u64 json;     /* bytes of JSON lines */
    u64 arrow;    /* bytes that `kernel_fill` will write */
    u32 rows, blank, lines, rejects;
    u32 mismatches, repaired;
    u32 careful, unused; /* texts that were not plain */
    Tally tallies[REASONS];
} Scanned;

/* An array that grows, or, with `make_room`, a buffer. */
typedef struct {
    void *at;
    size_t count, room;
} Stack;

/* A field of an object that is looked into. */
typedef struct {
    u64 start, end;    /* of its key's opening quote and its value's end */
    size_t name, size; /* without quotes, in the text or, if it has escapes, in the arena */
    u32 hash;
    bool in_arena;
    bool drop;
} Member;

typedef struct {
    size_t first; /* of its members */
    bool is_object;
} Frame;

typedef int32_t (*Ask)(const u8 *name, u32 size);

/* Of one column: validity, offsets or values, and texts. */
typedef struct {
    u64 start[3], size[3];
    u64 nulls;
} Layout;

typedef struct {
    Scanned scanned;
    Reject rejects[MOST_REJECTS];

    /* The catalog and the limits. */
    u32 columns, extra;
    u8 *kinds, *formats; /* by column; formats of timestamps */
    Rules *rules;        /* of the columns that have some */
    u32 rule_count;
    u8 *urls;  /* by column: whether it holds them */
    Source *sources; /* by column */
    bool has_sources;
    Key source; /* the key of the field that has a column's value, as the column's */
    Key *keys; /* number 0 is none; from `own_keys` on they are the producers' */
    u32 key_count, key_room, own_keys, *slots, slot_mask;
    u64 seed;
    u8 *names, *name_sizes; /* PII keys as they are compared, one after the other */
    u8 *taken, *taken_sizes; /* names that the SerDe takes for columns, in lower case */
    u32 name_count, taken_count;
    u8 folded[128];           /* an ASCII letter as it is compared; 0 if it is left out */
    bool may_start_name[256]; /* whether a PII key could start like this */
    bool may_start_json[256]; /* whether a text that is looked into could start like this */
    u8 in_parameter[256];     /* what a byte says in the name of a URL's parameter */
    Ask ask;                  /* about names outside ASCII */
    unsigned levels;          /* texts in texts that are looked into */
    u32 max_depth, fast_depth, max_keys, max_key_bytes;
    u64 max_line_bytes;
    u8 tail[64]; /* `,"processed_ts":"…"}` and a line end */
    u32 tail_size;
    int64_t processed_ts;
    locale_t c_locale; /* its decimal sign is a point, whatever the process's is */
    u32 named;         /* rejects so far */

    /* Of the block. */
    const u8 *data, *end;
    u8 *json, *json_end;          /* the caller's */
    const u8 *run, *run_end;      /* bytes of the block that are still to be copied there */
    u8 *decoded, *gathered;       /* texts that differ from the block's */
    u64 decoded_size, gathered_size, room;
    Cell *cells; /* MOST_ROWS x columns */
    u8 *tags;    /* the same */
    u64 *text_bytes;
    u64 *mismatched; /* by column */
    u64 *breaches;   /* by column and way; those of rejected events, too */
    u32 *present; /* by column, of committed rows */
    Layout *layouts;

    /* Of the line. */
    const u8 *line_end;
    bool in_line; /* a text of it is done */
    u64 next_run, done_of_run; /* of the part; in bytes */
    u32 run_line;
    Text texts[MOST_JOINED + 1];

    /* Of the event. */
    u64 fingerprints[MOST_NESTED_KEYS];
    u8 open[DEEPEST_OF_ALL + 1];
    Stack repaired, clean, cuts, frames, members, arena, doubles, inner[MOST_LEVELS + 1];
    Stack name, key, moved;
    bool no_memory;
    u32 rows, number, keys_seen;
    u64 extra_start;
    bool has_extra;
} Kernel;

/* Whole lines of one family; or a text of a line that has those of others, too, copied behind the
 * block and a line end, with one. `from` is where they are in the block, and `line` counts line ends before. */
typedef struct {
    u64 start, end, from, line;
} RoutedRun;

/* What a block has of one family: `size` bytes of the `all` ones of `data`, after which is a zero. */
typedef struct {
    const u8 *data;
    u64 all, size, count;
    const RoutedRun *runs;
} RoutedPart;

typedef struct Router Router;

EXPORTED u32 kernel_abi(void);
EXPORTED Kernel *kernel_new(u32 columns, const u8 *kinds, const u8 *formats, u32 most_keys,
                            u64 seed);
EXPORTED void kernel_free(Kernel *k);
EXPORTED void kernel_limit(Kernel *k, u64 line_bytes, u32 depth, u32 keys, u32 key_bytes);
EXPORTED int kernel_stamp(Kernel *k, int64_t processed_ts, const u8 *tail, u32 size);
EXPORTED int kernel_names(Kernel *k, u32 count, const u8 *names, const u8 *sizes,
                          const u8 *folded, Ask ask);
EXPORTED int kernel_taken(Kernel *k, u32 count, const u8 *names, const u8 *sizes);
EXPORTED void kernel_texts(Kernel *k, int look_inside, const u8 *urls);
EXPORTED int kernel_rules(Kernel *k, u32 count, const Rules *rules);
EXPORTED int kernel_learn(Kernel *k, const u8 *text, u32 size, int32_t column, int is_url);
EXPORTED int kernel_source(Kernel *k, const u8 *text, u32 size, u32 column, int is_url,
                           const u8 *name, u32 name_size);
EXPORTED int kernel_scan(Kernel *k, const u8 *data, u64 size, u64 start, u8 *json);
EXPORTED int kernel_scan_part(Kernel *k, const RoutedPart *part, int new, u8 *json);
EXPORTED const Scanned *kernel_scanned(const Kernel *k);
EXPORTED const Reject *kernel_rejects(const Kernel *k);
EXPORTED const u64 *kernel_mismatched(const Kernel *k);
EXPORTED const u64 *kernel_breaches(const Kernel *k);
EXPORTED const Layout *kernel_layouts(const Kernel *k);
EXPORTED void kernel_fill(const Kernel *k, u8 *out);
EXPORTED u64 kernel_count_lines(const u8 *data, u64 size);
EXPORTED u64 kernel_bracket_end(const u8 *data, u64 start, u64 end);
EXPORTED u64 kernel_pass_texts(const u8 *data, u64 start, u64 position, u64 end, u64 most,
                               u64 longest);
EXPORTED Router *router_new(const u8 *key, u32 size, u32 families);
EXPORTED int router_value(Router *r, const u8 *text, u32 size, u32 family);
EXPORTED const RoutedPart *router_split(Router *r, const u8 *data, u64 size);
EXPORTED u64 router_lines(const Router *r);
EXPORTED void router_free(Router *r);

/* --- scan.c: strict JSON, token by token */

/* What a text has besides plain characters. */
enum {
    ESCAPES = 1,     /* a backslash */
    NOT_ASCII = 2,
};

/* A number as it is written: (-1)^negative * digits / 10^fraction, if `exact`. */
typedef struct {
    u64 digits;
    unsigned fraction; /* digits after the point */
    bool negative;
    bool whole; /* neither a fraction nor an exponent */
    bool exact; /* no exponent, and `digits` holds them all */
} Number;

typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef u8 ubytes16 __attribute__((vector_size(16)));
typedef u64 words2 __attribute__((vector_size(16)));

static inline bool is_digit(u8 c) { return (u8)(c - '0') < 10; }

/* Carriage returns are white space at the ends of lines and between events, never inside values. */
static inline bool is_space(u8 c) {
    return c == ' ' || c == '\t' || (WITHOUT(CARRIAGE_RETURN) && c == '\r');
}

/* The end of spaces and tabs. */
static inline const u8 *skip_space(const u8 *p, bool *seen) {
    if (!is_space(*p)) return p;
    *seen = true;
    do p++;
    while (is_space(*p));
    return p;
}

static inline const u8 *skip_white(const u8 *p) {
    while (*p == ' ' || *p == '\t' || *p == '\r') p++;
    return p;
}

static inline const u8 *skip_plain(const u8 *p, const u8 *end);
static const u8 *scan_utf8(const u8 *p);
static int hex_digit(u8 c);
static int hex4(const u8 *p);
ALWAYS_INLINE const u8 *scan_text(const u8 *p, const u8 *end, unsigned *has);
static const u8 *scan_number(const u8 *p, Number *number);
static inline const u8 *scan_word(const u8 *p, const char *word);
static u8 *decode_text(const u8 *p, const u8 *end, u8 *out);
static u8 *compact_value(const u8 *p, const u8 *end, u8 *out);

/* --- names.c: what becomes of a field, by its key */

static u32 hash_of(const Kernel *k, const u8 *text, size_t size);
static u32 find_key(const Kernel *k, const u8 *text, size_t size);
static u32 key_number(Kernel *k, const u8 *start, const u8 *end);
static u32 next_key_number(Kernel *k, u32 *last, const u8 *start, const u8 *end);
static u32 learn_key(Kernel *k, const u8 *text, size_t size, int32_t column);
static void forget_keys(Kernel *k);
static bool is_pii(const Kernel *k, const u8 *start, const u8 *end);
static int32_t fate_of_any(Kernel *k, u8 *name, size_t size);

/* --- nested.c: values of any kind */

static bool may_be_json(const u8 *p);
static bool add_cut(Kernel *k, u64 start, u64 end);
static const u8 *scan_value(Kernel *k, const u8 *p, bool *space);

/* --- instant.c: timestamps */

static bool instant_of(u8 formats, const u8 *p, const u8 *end, bool is_text, int64_t *millis,
                       bool *as_sent);
static size_t write_instant(int64_t millis, char *out);

/* --- cells.c: fields */

static inline void set_text(Kernel *k, size_t cell, u8 tag, u64 start, u64 size) {
    k->tags[cell] = tag;
    k->cells[cell].text.start = (u32)start;
    k->cells[cell].text.size = (u32)size;
}

static void put_literal(Kernel *k, const void *text, size_t size);
static void put_extra(Kernel *k, const u8 *key, size_t size, const u8 *p, const u8 *end,
                      bool moved);
RARE const u8 *take_moved(Kernel *k, const u8 *p, const Key *key);
static inline void put(Kernel *k, const u8 *start, const u8 *end);
static const u8 *take_value(Kernel *k, const u8 *p, const Key *key);

/* --- quality.c: rules of values */

static u8 breach_of_column(const Kernel *k, const Rules *rules);
static const Rules *rules_of(const Kernel *k, u32 column);
static const Rules *find_lacking(Kernel *k);
static bool is_good(Kernel *k);

/* --- events.c: plain events, and lines */

static const u8 *scan_line(Kernel *k, const u8 *p);

/* --- framing.c, check.c, scrub.c, careful.c: any text, with care */

static const u8 *line_end(Kernel *k, const u8 *p);
static const u8 *skip_separators(const u8 *p, const u8 *end, bool *comma);
static const u8 *string_end(const u8 *p, const u8 *end);
static const u8 *bracket_end(const u8 *p, const u8 *end);
static u32 next_texts(Text *texts, const u8 **p, const u8 *end);
static const u8 *careful_run(Kernel *k, const u8 *p, const u8 *end);
static const u8 *skip_blank(const u8 *p);
static int check_event(Kernel *k, const u8 *start, const u8 *end);
static void *push(Stack *s, size_t size);
static u8 *make_room(Stack *s, size_t size);
static bool is_blank(u8 c);
static const u8 *value_end(const u8 *p, const u8 *end);
static bool cut_walk(Kernel *k, const u8 *text, const u8 *end, unsigned level);
static int careful_event(Kernel *k, const u8 *start, const u8 *end);
static void reject(Kernel *k, const Text *text, int reason);

/* --- columns.c: Arrow's buffers */

static void layout_columns(Kernel *k);
static void fill_column(const Kernel *k, u32 column, u8 *out);

#endif

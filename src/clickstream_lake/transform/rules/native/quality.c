/* Rules of a column's values, as lake/quality.py has them. */
#include "kernel.h"

/* Whether an automaton takes a text: see lake/patterns.py. */
static inline bool takes(const Automaton *a, const u8 *p, const u8 *end) {
    const u32 *steps = a->steps;
    const u8 *kinds = a->kinds;
    u32 state = a->start;
    for (; end - p >= 4; p += 4) { /* a third fewer instructions than one by one */
        state = steps[state + kinds[p[0]]];
        state = steps[state + kinds[p[1]]];
        state = steps[state + kinds[p[2]]];
        state = steps[state + kinds[p[3]]];
    }
    while (p < end) state = steps[state + kinds[*p++]];
    return state >= a->first_end;
}

/* Whether a text of UTF-8 of more bytes than that has more than so many characters. */
RARE bool has_more(const u8 *p, const u8 *end, u64 most) {
    u64 characters = 0;
    if ((u64)(end - p) > 4 * most) return true;
    for (; p < end; p++) characters += (*p & 0xC0) != 0x80;
    return characters > most;
}

static bool is_one_of(const Rules *rules, Cell value, bool is_double) {
    u32 first = 0, end = rules->number_count;
    while (first < end) { /* in order, none twice */
        u32 middle = (first + end) / 2;
        Cell here = rules->numbers[middle];
        if (is_double ? here.number < value.number : here.whole < value.whole) first = middle + 1;
        else end = middle;
    }
    if (first == rules->number_count) return false;
    return is_double ? rules->numbers[first].number == value.number
                     : rules->numbers[first].whole == value.whole;
}

/* The tag of the rule that a value breaks; NOTHING if it breaks none. */
ALWAYS_INLINE u8 breach_of(const Kernel *k, const Rules *rules, u8 tag, const Cell *cell) {
    u8 kind = k->kinds[rules->column];
    if (kind == TEXT) {
        const u8 *p = (tag == INPUT ? k->data : k->decoded) + cell->text.start;
        u32 size = cell->text.size;
        if (rules->texts.steps && CHECK(ENUM_OF_TEXTS, !takes(&rules->texts, p, p + size)))
            return OUT_OF_ENUM;
        if (rules->pattern.steps && CHECK(PATTERN, !takes(&rules->pattern, p, p + size)))
            return OFF_PATTERN;
        /* Each character has a byte at least. */
        if (size > rules->max_length && CHECK(MAX_LENGTH, has_more(p, p + size, rules->max_length)))
            return OVERLONG;
        return NOTHING;
    }
    if (rules->numbers && CHECK(ENUM_OF_NUMBERS, !is_one_of(rules, *cell, kind == DOUBLE)))
        return OUT_OF_ENUM;
    if (kind == DOUBLE) {
        if (CHECK(LEAST_DOUBLE, cell->number < rules->least.number)) return BELOW;
        return CHECK(MOST_DOUBLE, cell->number > rules->most.number) ? ABOVE : NOTHING;
    }
    if (CHECK(LEAST_WHOLE, cell->whole < rules->least.whole)) return BELOW;
    return CHECK(MOST_WHOLE, cell->whole > rules->most.whole) ? ABOVE : NOTHING;
}

/* The same of the row's value of one column. */
static u8 breach_of_column(const Kernel *k, const Rules *rules) {
    size_t at = (size_t)k->rows * k->columns + rules->column;
    return breach_of(k, rules, k->tags[at], &k->cells[at]);
}

/* The rules of a column; NULL if it has none. */
static const Rules *rules_of(const Kernel *k, u32 column) {
    for (u32 i = 0; i < k->rule_count; i++)
        if (k->rules[i].column == column) return &k->rules[i];
    return NULL;
}

/* Whether an event is good without a value of a column, which is marked if it is required. */
static inline bool may_lack(const Rules *rules, u8 *tag) {
    if (!rules->required) return true;
    if (CHECK(LACKING_REJECTS, rules->rejects)) return false;
    if (*tag == NOTHING) *tag = LACKING;
    return true;
}

/* Whether a plain event breaks no rule, but for the lack of columns that does not reject it. */
static bool is_good(Kernel *k) {
    u8 *tags = k->tags + (size_t)k->rows * k->columns;
    const Cell *cells = k->cells + (size_t)k->rows * k->columns;
    const Rules *rules = k->rules, *end = rules + k->rule_count;
    for (; rules < end; rules++) {
        u8 *tag = &tags[rules->column];
        if (*tag <= LACKING) {
            if (!may_lack(rules, tag)) return false;
        } else if (breach_of(k, rules, *tag, &cells[rules->column]) != NOTHING) {
            return false;
        }
    }
    return true;
}

/* The first column whose lack rejects an event, or NULL. */
static const Rules *find_lacking(Kernel *k) {
    u8 *tags = k->tags + (size_t)k->rows * k->columns;
    for (u32 i = 0; i < k->rule_count; i++) {
        const Rules *rules = &k->rules[i];
        u8 *tag = &tags[rules->column];
        if (*tag <= LACKING && !may_lack(rules, tag)) return rules;
    }
    return NULL;
}

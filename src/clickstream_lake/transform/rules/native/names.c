/* What becomes of a field, by its key. */
#include "kernel.h"

/* Keys are of the producers' choice: without a secret start and factor, many could be made to
 * collide. Both halves of the product count, or a change of a word's last bit could be undone. */
static u32 hash_of(const Kernel *k, const u8 *text, size_t size) {
    u64 hash = k->seed ^ size, word;
    unsigned __int128 product;
    for (;; text += 8, size -= 8) {
        if (size >= 8) memcpy(&word, text, 8);
        else for (word = 0; size; size--) word = word << 8 | *text++;
        product = (unsigned __int128)(hash ^ word) * (k->seed | 1);
        hash = (u64)product ^ (u64)(product >> 64);
        if (size < 8) return (u32)(hash >> 32);
    }
}

static u32 find_key_of(const Kernel *k, const u8 *text, size_t size, u32 hash) {
    u32 slot = hash & k->slot_mask, number;
    while ((number = k->slots[slot])) {
        const Key *key = &k->keys[number];
        if (key->size == size && !memcmp(key->text, text, size)) return number;
        slot = (slot + 1) & k->slot_mask;
    }
    return 0;
}

static u32 find_key(const Kernel *k, const u8 *text, size_t size) {
    return find_key_of(k, text, size, hash_of(k, text, size));
}

static void put_into_slot(Kernel *k, u32 number) {
    u32 slot = k->keys[number].hash & k->slot_mask;
    while (k->slots[slot]) slot = (slot + 1) & k->slot_mask;
    k->slots[slot] = number;
}

/* The number of a key that is not known yet, in its quotes; 0 without room. */
static u32 learn_key(Kernel *k, const u8 *text, size_t size, int32_t column) {
    Key *key = &k->keys[k->key_count];
    if (k->key_count == k->key_room || !(key->text = malloc(size))) return 0;
    memcpy(key->text, text, size);
    key->size = (u32)size;
    key->hash = hash_of(k, text, size);
    key->column = column;
    key->seen = key->next = 0;
    key->is_url = false;
    put_into_slot(k, k->key_count);
    return k->key_count++;
}

static int32_t fate_of(const Kernel *k, const u8 *start, const u8 *end);

/* The number of a key in its quotes; 0 if it is new and there is no room. */
static u32 key_number(Kernel *k, const u8 *start, const u8 *end) {
    u32 number = find_key(k, start, (size_t)(end - start));
    if (number || k->key_count == k->key_room) return number;
    return learn_key(k, start, (size_t)(end - start), fate_of(k, start + 1, end - 1));
}

/* The same of the key after the one with number `last`, which it often followed before. */
static u32 next_key_number(Kernel *k, u32 *last, const u8 *start, const u8 *end) {
    const Key *guess = &k->keys[k->keys[*last].next];
    u32 number = k->keys[*last].next;
    if (!number || guess->size != (size_t)(end - start) || memcmp(guess->text, start, guess->size)) {
        number = key_number(k, start, end);
        if (!number) return 0;
        k->keys[*last].next = number;
    }
    return *last = number;
}

/* Forget the keys that events brought, if there is no room for others. */
static void forget_keys(Kernel *k) {
    if (k->key_count < k->key_room) return;
    for (u32 i = k->own_keys; i < k->key_count; i++) free(k->keys[i].text);
    k->key_count = k->own_keys;
    memset(k->slots, 0, (k->slot_mask + 1) * sizeof *k->slots);
    for (u32 i = 0; i < k->key_count; i++) {
        k->keys[i].next = 0;
        if (i) put_into_slot(k, i);
    }
}

static bool is_ascii(const u8 *p, const u8 *end) {
    u8 all = 0;
    while (p < end) all |= *p++;
    return all < 0x80;
}

/* Whether an ASCII name is that of PII. */
static bool is_pii(const Kernel *k, const u8 *start, const u8 *end) {
    const u8 *name = k->names;
    for (u32 i = 0; i < k->name_count; name += k->name_sizes[i++]) {
        size_t at = 0, size = k->name_sizes[i];
        const u8 *p = start;
        for (; p < end; p++) {
            u8 letter = k->folded[*p];
            if (!letter) continue;
            if (at == size || name[at] != letter) break;
            at++;
        }
        if (p == end && at == size) return true;
    }
    return false;
}

/* Whether the JSON SerDe would take an ASCII name that is no column for one: it ignores case, and
 * reads `_colN` as column N. */
static bool is_taken(const Kernel *k, const u8 *start, const u8 *end) {
    const u8 *name = k->taken, *p = start;
    size_t size = (size_t)(end - start);
    for (u32 i = 0; i < k->taken_count; name += k->taken_sizes[i++]) {
        size_t at = 0;
        if (k->taken_sizes[i] != size) continue;
        while (at < size && (name[at] == start[at] ||
                             ((u8)(start[at] - 'A') < 26 && name[at] == (start[at] | 32)))) at++;
        if (at == size) return true;
    }
    if (size < 5 || p[0] != '_' || (p[1] | 32) != 'c' || (p[2] | 32) != 'o' || (p[3] | 32) != 'l')
        return false;
    for (p += 4; p < end && is_digit(*p); p++) {}
    return p == end;
}

/* What becomes of a field with this name, which is no column. */
static int32_t fate_of(const Kernel *k, const u8 *start, const u8 *end) {
    if (!is_ascii(start, end)) return k->ask(start, (u32)(end - start));
    if (is_pii(k, start, end)) return DROPPED;
    return is_taken(k, start, end) ? REFUSED : UNDECLARED;
}

/* What becomes of a field with any name, which has a byte of room on either side. */
static int32_t fate_of_any(Kernel *k, u8 *name, size_t size) {
    u32 number;
    name[-1] = name[size] = '"';
    if (size + 2 > LONGEST_KEY) return fate_of(k, name, name + size);
    number = find_key(k, name - 1, size + 2);
    if (number) return k->keys[number].column;
    int32_t fate = fate_of(k, name, name + size);
    learn_key(k, name - 1, size + 2, fate); /* if there is room */
    return fate;
}

/* Has the kernel scan one text, as kernel.py does: for callgrind to count what that takes.
 *
 * usage: driver TEXT NAME:NUMBER... - a number from 0 on is the kind of the column of that name, one
 * below it is what becomes of fields of that name. `rules.h` has the rules of columns.
 */
#include "kernel.h"
#include "rules.h"

static u8 *read_file(const char *path, u64 *size) {
    FILE *file = fopen(path, "rb");
    u8 *data;
    if (!file || fseek(file, 0, SEEK_END)) return NULL;
    *size = (u64)ftell(file);
    rewind(file);
    data = calloc(*size + 1, 1);
    if (data && fread(data, 1, *size, file) != *size) return NULL;
    fclose(file);
    return data;
}

int main(int argc, char **argv) {
    static const u8 tail[] = ",\"processed_ts\":\"2025-11-26T12:00:00.000Z\"}\n";
    u8 kinds[64], formats[64], urls[64], folded[128], *text = NULL, *json, *arrow;
    u32 columns = 0, rows = 0;
    u64 size = 0, position = 0;
    Kernel *k;
    const Scanned *scanned;
    if (argc > 1) text = read_file(argv[1], &size);
    if (!text) return 1;
    for (int i = 2; i < argc; i++) {
        int number = atoi(strchr(argv[i], ':') + 1);
        if (number < 0) continue;
        urls[columns] = !strncmp(argv[i], "page_url", 8) || !strncmp(argv[i], "referrer", 8);
        formats[columns] = ISO | SQL | AUTO_EPOCH;
        kinds[columns++] = (u8)number;
    }
    k = kernel_new(columns, kinds, formats, 4096, 1);
    json = malloc(6 * size + 64 * (MOST_ROWS + MOST_JOINED + 1));
    if (!k || !json || !kernel_stamp(k, 1764158400000, tail, sizeof tail - 1)) return 1;
    kernel_limit(k, 4 << 20, 100, 10000, 10000);
    for (u32 c = 0; c < 128; c++)
        folded[c] = c < 33 || c == '_' || c == '-' || c == 127 ? 0 : c - 'A' < 26 ? c | 32 : c;
    if (!kernel_names(k, 1, (const u8 *)"userid", (const u8 *)"\6", folded, NULL)) return 1;
    if (!kernel_taken(k, 0, NULL, NULL)) return 1;
    kernel_texts(k, 1, urls);
    if (!kernel_rules(k, RULE_COUNT, RULES)) return 1;
    columns = 0;
    for (int i = 2; i < argc; i++) {
        int length = (int)(strchr(argv[i], ':') - argv[i]), number = atoi(argv[i] + length + 1);
        int is_url = number >= 0 && urls[columns];
        char key[LONGEST_KEY + 1];
        snprintf(key, sizeof key, "\"%.*s\"", length, argv[i]);
        if (number >= 0) {
            int column = (int)columns++;
            number = number >= EXTRA ? REFUSED : column;
        }
        if (!kernel_learn(k, (const u8 *)key, (u32)strlen(key), number, is_url)) return 1;
    }
    scanned = kernel_scanned(k);
    for (; position < size; position = scanned->consumed) {
        if (!kernel_scan(k, text, size, position, json)) return 1;
        if (scanned->careful) return 2;
        arrow = malloc(scanned->arrow);
        if (!arrow) return 1;
        kernel_fill(k, arrow);
        free(arrow);
        rows += scanned->rows;
    }
    printf("%u\n", rows);
    kernel_free(k);
    free(json);
    free(text);
    return 0;
}

/* Drive every variant of the gear kernel that this processor can run over random
 * ranges, in memory that ends where the range does, and compare with the plain loop. */
#include "gear/gear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static uint64_t word(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void compare(size_t start, size_t stop)
{
    /* Allocated, so that a read beyond it is seen. */
    uint64_t *table = malloc(256 * sizeof *table);
    uint8_t *data = malloc(stop);
    if (table == NULL || data == NULL)
        exit(2);
    for (int byte = 0; byte < 256; byte++)
        table[byte] = word();
    table[0] = 0; /* so that zeros are cuts under any mask */
    unsigned symbols = word() % 3 ? 256 : 2;
    for (size_t i = 0; i < stop; i++)
        data[i] = (uint8_t)((word() >> 20) % symbols);
    if (stop - start > 100 && word() % 4) {
        size_t last = stop - start - BKP_GEAR_WINDOW;
        memset(data + start + (word() % 2 ? last : word() % last), 0, BKP_GEAR_WINDOW);
    }
    uint64_t mask = ~(uint64_t)0 << word() % 64;
    if (word() % 8 == 0)
        mask = word() & word();

    size_t expected = bkp_gear_variants[0].find(table, mask, data, start, stop);
    for (const bkp_gear_variant *it = bkp_gear_variants; it->name; it++) {
        if (!it->runs_here())
            continue;
        size_t found = it->find(table, mask, data, start, stop);
        if (found != expected) {
            fprintf(stderr, "gear, %s: mask %llx in %zu..%zu: found %zu, not %zu\n", it->name,
                    (unsigned long long)mask, start, stop, found, expected);
            exit(1);
        }
    }
    free(data);
    free(table);
}

int main(void)
{
    for (size_t stop = BKP_GEAR_WINDOW; stop < 500; stop++)
        compare(BKP_GEAR_WINDOW, stop);
    /* Around what whole strips leave over. */
    for (size_t length = 4 * 1088 - 4; length < 4 * 1088 + 4; length++)
        for (int round = 0; round < 200; round++)
            compare(BKP_GEAR_WINDOW + round, BKP_GEAR_WINDOW + round + length * (1 + round % 3));
    for (int round = 0; round < 4000; round++) {
        size_t limit = round % 4 ? 20000 : 200000;
        size_t start = BKP_GEAR_WINDOW + word() % (limit / 2);
        compare(start, start + word() % limit);
    }
    for (const bkp_gear_variant *it = bkp_gear_variants; it->name; it++)
        printf("gear, %s: %s\n", it->name, it->runs_here() ? "as plain" : "does not run here");
    return 0;
}

/* Drive every variant of the Rabin kernel that this processor can run over random
 * ranges, in memory that ends where the range does, and compare with the plain loop. */
#include "rabin/rabin.h"

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

/* Noise, sparse bytes, few symbols or zeros, mostly short. */
static void fill(uint8_t *data, size_t length)
{
    unsigned kind = (unsigned)(word() % 6);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)(word() >> 20);
        data[i] = kind < 3 ? byte : kind == 3 ? byte & 1 : kind == 4 ? byte / 251 : 0;
    }
}

static void compare(size_t start, size_t stop)
{
    bkp_rabin_tables tables;
    bkp_rabin_prepare(&tables, (uint64_t)1 << BKP_RABIN_DEGREE | word() >> 11 | 1);
    uint64_t mask = ((uint64_t)1 << word() % 54) - 1;
    if (word() % 8 == 0)
        mask = word() & word();

    uint8_t *data = malloc(stop);
    if (data == NULL)
        exit(2);
    fill(data, stop);
    size_t expected = bkp_rabin_variants[0].find(&tables, mask, data, start, stop);
    for (const bkp_rabin_variant *it = bkp_rabin_variants; it->name; it++) {
        if (!it->runs_here())
            continue;
        size_t found = it->find(&tables, mask, data, start, stop);
        if (found != expected) {
            fprintf(stderr, "rabin, %s: mask %llx in %zu..%zu: found %zu, not %zu\n", it->name,
                    (unsigned long long)mask, start, stop, found, expected);
            exit(1);
        }
    }
    free(data);
}

int main(void)
{
    for (size_t stop = BKP_RABIN_WINDOW; stop < 1500; stop++)
        compare(BKP_RABIN_WINDOW, stop);
    for (int round = 0; round < 4000; round++) {
        size_t limit = round % 16 ? 6000 : 300000;
        size_t start = BKP_RABIN_WINDOW + word() % (limit / 2);
        compare(start, start + word() % limit);
    }
    for (const bkp_rabin_variant *it = bkp_rabin_variants; it->name; it++)
        printf("rabin, %s: %s\n", it->name, it->runs_here() ? "as plain" : "does not run here");
    return 0;
}

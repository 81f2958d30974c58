/* Four strips of the range in step, four bytes of each at a time.
 *
 * The plain loop is bound by instructions: six a byte, one of which doubles the
 * hash and two of which count.  Here one shift makes room for four bytes, whose
 * entries are doubled beforehand as often as each needs, so that hardly more
 * than a load, an addition and a test is left. */
#include "gear/searches.h"

enum {
    STRIPS = 4,
    STEPS = 4,
    LENGTH = 1024 + BKP_GEAR_WINDOW, /* constant, so that the four need one pointer */
    FEWEST_BITS = 9,                 /* with fewer, mistakes cost more than strips save */
};

/* The table times 8, 4, 2 and 1. */
typedef uint64_t scaled[STEPS][256];

/* Hash byte number `step` of a group, and leave the loop if that may be a cut. */
#define STEP(hash, bytes, step)                                      \
    hash = (step ? hash : hash << STEPS) + table[step][(bytes)[step]]; \
    if (__builtin_expect((hash & mask) == 0, 0))                     \
        break;

#define GROUP(hash, bytes)   \
    STEP(hash, (bytes), 0)   \
    STEP(hash, (bytes), 1)   \
    STEP(hash, (bytes), 2)   \
    STEP(hash, (bytes), 3)

/* Search the positions after `from` in four strips, those after `to` being in the next.
 *
 * Returns the place in the first strip of the group in which one of the strips
 * may have a cut, or `to` if none may. */
static size_t next_group(const scaled table, uint64_t mask, const uint8_t *data,
                         size_t from, size_t to)
{
    const uint8_t *p = data + from - BKP_GEAR_WINDOW;
    const uint8_t *end = data + to;
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (int i = 0; i < BKP_GEAR_WINDOW; i++, p++) {
        a = (a << 1) + table[STEPS - 1][p[0]];
        b = (b << 1) + table[STEPS - 1][p[LENGTH]];
        c = (c << 1) + table[STEPS - 1][p[2 * LENGTH]];
        d = (d << 1) + table[STEPS - 1][p[3 * LENGTH]];
    }
    for (; p < end; p += STEPS) {
        GROUP(a, p)
        GROUP(b, p + LENGTH)
        GROUP(c, p + 2 * LENGTH)
        GROUP(d, p + 3 * LENGTH)
    }
    return (size_t)(p - data);
}

/* Find the first cut of all strips, each searched after `from` to `to` of its own. */
static size_t first_of_strips(const uint64_t plain[256], uint64_t mask, const uint8_t *data,
                              size_t from, size_t to)
{
    size_t cut = 0;
    for (int strip = 0; strip < STRIPS && !cut && from < to; strip++) {
        cut = bkp_gear_find_plain(plain, mask, data, from + 1, to);
        from += LENGTH;
        to += LENGTH;
    }
    return cut;
}

/* Tell whether a group of any strip has a cut. */
static int has_cut(const uint64_t plain[256], uint64_t mask, const uint8_t *data, size_t group)
{
    return first_of_strips(plain, mask, data, group, group + STEPS) != 0;
}

size_t bkp_gear_find_strips(const uint64_t table[256], uint64_t mask,
                            const uint8_t *data, size_t start, size_t stop)
{
    scaled times;
    /* In a hash times 8, the three upper bits are lost and the lower three are zero. */
    const uint64_t lasting = mask & mask << 1 & mask << 2 & mask << 3;
    size_t cut = bkp_gear_find_plain(table, mask, data, start, start);

    if (cut || start == stop)
        return cut;
    if (stop - start < STRIPS * LENGTH || __builtin_popcountll(lasting) < FEWEST_BITS)
        return bkp_gear_find_plain(table, mask, data, start + 1, stop);
    for (int step = 0; step < STEPS; step++)
        for (int byte = 0; byte < 256; byte++)
            times[step][byte] = table[byte] << (STEPS - 1 - step);
    while (stop - start >= STRIPS * LENGTH) {
        size_t end = start + LENGTH, at = start;
        while ((at = next_group(times, lasting, data, at, end)) < end) {
            if (has_cut(table, mask, data, at))
                return first_of_strips(table, mask, data, at, end);
            at += STEPS;
        }
        start += STRIPS * LENGTH;
    }
    return start < stop ? bkp_gear_find_plain(table, mask, data, start + 1, stop) : 0;
}

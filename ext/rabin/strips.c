/* Four strips of the range in step, in portable C.
 *
 * A fingerprint waits some seven cycles for its next byte, which the others use. */
#include "rabin/searches.h"

/* The distance is constant, so that the four need one pointer. */
enum { STRIPS = 4, LENGTH = 1024 + BKP_RABIN_WINDOW };

/* Search the positions after `at` in STRIPS strips of LENGTH until one has a cut, perhaps
 * not the first.  Returns the position in the first strip that the search came to. */
static size_t any_cut(const bkp_rabin_tables *tables, uint64_t mask, const uint8_t *data,
                      size_t at, uint64_t digest[STRIPS])
{
    const uint64_t *out = tables->out;
    const uint64_t *mod = tables->mod;
    const uint8_t *old = data + at - BKP_RABIN_WINDOW;
    const uint8_t *end = old + LENGTH;
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (int i = 0; i < BKP_RABIN_WINDOW; i++) {
        a = bkp_rabin_append(mod, a, old[i]);
        b = bkp_rabin_append(mod, b, old[i + LENGTH]);
        c = bkp_rabin_append(mod, c, old[i + 2 * LENGTH]);
        d = bkp_rabin_append(mod, d, old[i + 3 * LENGTH]);
    }
    do {
        const uint8_t *new = old + BKP_RABIN_WINDOW;
        a = bkp_rabin_append(mod, a ^ out[old[0]], new[0]);
        b = bkp_rabin_append(mod, b ^ out[old[LENGTH]], new[LENGTH]);
        c = bkp_rabin_append(mod, c ^ out[old[2 * LENGTH]], new[2 * LENGTH]);
        d = bkp_rabin_append(mod, d ^ out[old[3 * LENGTH]], new[3 * LENGTH]);
        old++;
    } while ((a & mask) && (b & mask) && (c & mask) && (d & mask) && old < end);
    digest[0] = a;
    digest[1] = b;
    digest[2] = c;
    digest[3] = d;
    return (size_t)(old + BKP_RABIN_WINDOW - data);
}

/* Find the first cut after `at` in STRIPS strips of LENGTH. */
static size_t search(const bkp_rabin_tables *tables, uint64_t mask, const uint8_t *data, size_t at)
{
    uint64_t digest[STRIPS];
    size_t here = any_cut(tables, mask, data, at, digest);
    size_t cut = 0;

    /* What is left of a strip comes before all of the next. */
    for (int strip = 0; strip < STRIPS && !cut; strip++) {
        at += LENGTH;
        if ((digest[strip] & mask) == 0)
            cut = here;
        else if (here < at)
            cut = bkp_rabin_find_plain(tables, mask, data, here + 1, at);
        here += LENGTH;
    }
    return cut;
}

size_t bkp_rabin_find_strips(const bkp_rabin_tables *tables, uint64_t mask,
                             const uint8_t *data, size_t start, size_t stop)
{
    size_t cut;

    if ((bkp_rabin_fingerprint(tables->mod, data + start - BKP_RABIN_WINDOW) & mask) == 0)
        return start;
    for (; stop - start >= STRIPS * LENGTH; start += STRIPS * LENGTH)
        if ((cut = search(tables, mask, data, start)))
            return cut;
    return start < stop ? bkp_rabin_find_plain(tables, mask, data, start + 1, stop) : 0;
}

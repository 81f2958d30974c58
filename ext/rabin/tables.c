#include "rabin/searches.h"

static uint64_t times_x(uint64_t value, uint64_t polynomial)
{
    value <<= 1;
    return (value >> BKP_RABIN_DEGREE) & 1 ? value ^ polynomial : value;
}

/* Split a linear map into one from bytes to bytes for each byte of the result. */
static void split(bkp_rabin_map *map, const uint64_t image[256])
{
    for (int plane = 0; plane < BKP_RABIN_PLANES; plane++) {
        /* The shift by 3 makes the fingerprint's 53 bits the upper ones of 56. */
        int shift = 8 * plane;
        for (unsigned nibble = 0; nibble < 16; nibble++) {
            map->low[plane][nibble] = (uint8_t)(image[nibble] << 3 >> shift);
            map->high[plane][nibble] = (uint8_t)(image[nibble << 4] << 3 >> shift);
        }
        map->matrix[plane] = 0;
        /* Byte 7 - r of the matrix has the bits of the argument that make bit r. */
        for (int row = 0; row < 8; row++)
            for (int bit = 0; bit < 8; bit++) {
                uint64_t set = image[1u << bit] << 3 >> (shift + row) & 1;
                map->matrix[plane] |= set << (8 * (7 - row) + bit);
            }
    }
}

void bkp_rabin_prepare(bkp_rabin_tables *tables, uint64_t polynomial)
{
    uint64_t image[256];

    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int i = 0; i < BKP_RABIN_DEGREE; i++)
            value = times_x(value, polynomial);
        tables->mod[byte] = value | ((uint64_t)byte << BKP_RABIN_DEGREE);
        image[byte] = value;
    }
    split(&tables->reduced, image);
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int i = 1; i < BKP_RABIN_WINDOW; i++)
            value = bkp_rabin_append(tables->mod, value, 0);
        tables->out[byte] = value;
        image[byte] = bkp_rabin_append(tables->mod, value, 0);
    }
    split(&tables->leaving, image);
}

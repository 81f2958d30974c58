#include "gear/searches.h"

size_t bkp_gear_find_plain(const uint64_t table[256], uint64_t mask,
                           const uint8_t *data, size_t start, size_t stop)
{
    uint64_t hash = 0;

    for (size_t i = start - BKP_GEAR_WINDOW; i < start; i++)
        hash = (hash << 1) + table[data[i]];
    if ((hash & mask) == 0)
        return start;

    for (size_t i = start; i < stop; i++) {
        hash = (hash << 1) + table[data[i]];
        if ((hash & mask) == 0)
            return i + 1;
    }
    return 0;
}

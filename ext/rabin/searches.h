/* The variants of the search, for the files that call or list them. */
#ifndef BKP_RABIN_SEARCHES_H
#define BKP_RABIN_SEARCHES_H

#include "rabin/rabin.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define BKP_RABIN_X86 1
#endif

bkp_rabin_search bkp_rabin_find_plain;
bkp_rabin_search bkp_rabin_find_strips;
#ifdef BKP_RABIN_X86
bkp_rabin_search bkp_rabin_find_ssse3;
bkp_rabin_search bkp_rabin_find_avx2;
bkp_rabin_search bkp_rabin_find_gfni;
bkp_rabin_search bkp_rabin_find_gfni512;
#endif

/* Append one byte to a reduced polynomial, and reduce it again. */
static inline uint64_t bkp_rabin_append(const uint64_t mod[256], uint64_t digest, uint8_t byte)
{
    return ((digest << 8) | byte) ^ mod[digest >> (BKP_RABIN_DEGREE - 8)];
}

static inline uint64_t bkp_rabin_fingerprint(const uint64_t mod[256], const uint8_t *window)
{
    uint64_t digest = 0;
    for (int i = 0; i < BKP_RABIN_WINDOW; i++)
        digest = bkp_rabin_append(mod, digest, window[i]);
    return digest;
}

#endif

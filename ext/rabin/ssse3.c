/* Byte planes of 16 strips, maps by pairs of pshufb. */
#include "rabin/searches.h"

#ifdef BKP_RABIN_X86
#include <immintrin.h>

#define TARGET __attribute__((target("ssse3")))
#define FUNCTION static inline __attribute__((always_inline)) TARGET
enum { LANES = 16 };
typedef __m128i vec;

typedef struct {
    vec low, high;
} operand;

FUNCTION vec splat(uint8_t byte)
{
    return _mm_set1_epi8((char)byte);
}

FUNCTION operand as_operand(vec bytes)
{
    vec nibble = splat(0x0f);
    return (operand){bytes & nibble, _mm_srli_epi16(bytes, 4) & nibble};
}

FUNCTION vec looked_up(const uint8_t table[16], vec nibbles)
{
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)table), nibbles);
}

FUNCTION vec image(const bkp_rabin_map *map, int plane, operand of)
{
    return looked_up(map->low[plane], of.low) ^ looked_up(map->high[plane], of.high);
}

FUNCTION vec times_8(vec bytes)
{
    return _mm_slli_epi16(bytes, 3) & splat(0xf8);
}

FUNCTION vec over_32(vec bytes)
{
    return _mm_srli_epi16(bytes, 5) & splat(0x07);
}

FUNCTION vec lesser(vec a, vec b)
{
    return _mm_min_epu8(a, b);
}

FUNCTION uint64_t zeros(vec bytes)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
}

FUNCTION vec rows(const uint8_t *at, size_t stride)
{
    (void)stride;
    return _mm_loadu_si128((const __m128i *)at);
}

FUNCTION vec zip_low(vec a, vec b)
{
    return _mm_unpacklo_epi8(a, b);
}

FUNCTION vec zip_high(vec a, vec b)
{
    return _mm_unpackhi_epi8(a, b);
}

#include "rabin/planes.h"

TARGET size_t bkp_rabin_find_ssse3(const bkp_rabin_tables *tables, uint64_t mask,
                                  const uint8_t *data, size_t start, size_t stop)
{
    return find(tables, mask, data, start, stop);
}
#endif

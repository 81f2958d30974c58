/* Byte planes of 32 strips, maps by pairs of vpshufb. */
#include "rabin/searches.h"

#ifdef BKP_RABIN_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define FUNCTION static inline __attribute__((always_inline)) TARGET
enum { LANES = 32 };
typedef __m256i vec;

typedef struct {
    vec low, high;
} operand;

FUNCTION vec splat(uint8_t byte)
{
    return _mm256_set1_epi8((char)byte);
}

FUNCTION operand as_operand(vec bytes)
{
    vec nibble = splat(0x0f);
    return (operand){bytes & nibble, _mm256_srli_epi16(bytes, 4) & nibble};
}

FUNCTION vec looked_up(const uint8_t table[16], vec nibbles)
{
    __m128i once = _mm_loadu_si128((const __m128i *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(once), nibbles);
}

FUNCTION vec image(const bkp_rabin_map *map, int plane, operand of)
{
    return looked_up(map->low[plane], of.low) ^ looked_up(map->high[plane], of.high);
}

FUNCTION vec times_8(vec bytes)
{
    return _mm256_slli_epi16(bytes, 3) & splat(0xf8);
}

FUNCTION vec over_32(vec bytes)
{
    return _mm256_srli_epi16(bytes, 5) & splat(0x07);
}

#include "rabin/lanes256.h"
#include "rabin/planes.h"

TARGET size_t bkp_rabin_find_avx2(const bkp_rabin_tables *tables, uint64_t mask,
                                  const uint8_t *data, size_t start, size_t stop)
{
    return find(tables, mask, data, start, stop);
}
#endif

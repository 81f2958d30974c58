/* Byte planes of 32 strips, maps by vgf2p8affineqb. */
#include "rabin/searches.h"

#ifdef BKP_RABIN_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,gfni")))
#define FUNCTION static inline __attribute__((always_inline)) TARGET
enum { LANES = 32 };
typedef __m256i vec;

typedef vec operand;

FUNCTION vec splat(uint8_t byte)
{
    return _mm256_set1_epi8((char)byte);
}

FUNCTION operand as_operand(vec bytes)
{
    return bytes;
}

FUNCTION vec image(const bkp_rabin_map *map, int plane, operand of)
{
    __m256i matrix = _mm256_set1_epi64x((long long)map->matrix[plane]);
    return _mm256_gf2p8affine_epi64_epi8(of, matrix, 0);
}

FUNCTION vec times_8(vec bytes)
{
    __m256i matrix = _mm256_set1_epi64x(0x0102040810204080 >> 24);
    return _mm256_gf2p8affine_epi64_epi8(bytes, matrix, 0);
}

FUNCTION vec over_32(vec bytes)
{
    __m256i matrix = _mm256_set1_epi64x(0x2040800000000000);
    return _mm256_gf2p8affine_epi64_epi8(bytes, matrix, 0);
}

FUNCTION vec lesser(vec a, vec b)
{
    return _mm256_min_epu8(a, b);
}

FUNCTION uint64_t zeros(vec bytes)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256()));
}

FUNCTION vec rows(const uint8_t *at, size_t stride)
{
    return _mm256_loadu2_m128i((const __m128i *)(at + 16 * stride), (const __m128i *)at);
}

FUNCTION vec zip_low(vec a, vec b)
{
    return _mm256_unpacklo_epi8(a, b);
}

FUNCTION vec zip_high(vec a, vec b)
{
    return _mm256_unpackhi_epi8(a, b);
}

#include "rabin/planes.h"

TARGET size_t bkp_rabin_find_gfni(const bkp_rabin_tables *tables, uint64_t mask,
                                  const uint8_t *data, size_t start, size_t stop)
{
    return find(tables, mask, data, start, stop);
}
#endif

/* Byte planes of 64 strips, maps by vgf2p8affineqb. */
#include "rabin/searches.h"

#ifdef BKP_RABIN_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512bw,gfni")))
#define FUNCTION static inline __attribute__((always_inline)) TARGET
enum { LANES = 64 };
typedef __m512i vec;

typedef vec operand;

FUNCTION vec splat(uint8_t byte)
{
    return _mm512_set1_epi8((char)byte);
}

FUNCTION operand as_operand(vec bytes)
{
    return bytes;
}

FUNCTION vec image(const bkp_rabin_map *map, int plane, operand of)
{
    __m512i matrix = _mm512_set1_epi64((long long)map->matrix[plane]);
    return _mm512_gf2p8affine_epi64_epi8(of, matrix, 0);
}

FUNCTION vec times_8(vec bytes)
{
    __m512i matrix = _mm512_set1_epi64(0x0102040810204080 >> 24);
    return _mm512_gf2p8affine_epi64_epi8(bytes, matrix, 0);
}

FUNCTION vec over_32(vec bytes)
{
    __m512i matrix = _mm512_set1_epi64(0x2040800000000000);
    return _mm512_gf2p8affine_epi64_epi8(bytes, matrix, 0);
}

FUNCTION vec lesser(vec a, vec b)
{
    return _mm512_min_epu8(a, b);
}

FUNCTION uint64_t zeros(vec bytes)
{
    return _mm512_testn_epi8_mask(bytes, bytes);
}

FUNCTION vec rows(const uint8_t *at, size_t stride)
{
    const uint8_t *b = at + 16 * stride, *c = b + 16 * stride, *d = c + 16 * stride;
    vec four = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)at));
    four = _mm512_inserti32x4(four, _mm_loadu_si128((const __m128i *)b), 1);
    four = _mm512_inserti32x4(four, _mm_loadu_si128((const __m128i *)c), 2);
    return _mm512_inserti32x4(four, _mm_loadu_si128((const __m128i *)d), 3);
}

FUNCTION vec zip_low(vec a, vec b)
{
    return _mm512_unpacklo_epi8(a, b);
}

FUNCTION vec zip_high(vec a, vec b)
{
    return _mm512_unpackhi_epi8(a, b);
}

#include "rabin/planes.h"

TARGET size_t bkp_rabin_find_gfni512(const bkp_rabin_tables *tables, uint64_t mask,
                                  const uint8_t *data, size_t start, size_t stop)
{
    return find(tables, mask, data, start, stop);
}
#endif

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

#include "rabin/lanes256.h"
#include "rabin/planes.h"

TARGET size_t bkp_rabin_find_gfni(const bkp_rabin_tables *tables, uint64_t mask,
                                  const uint8_t *data, size_t start, size_t stop)
{
    return find(tables, mask, data, start, stop);
}
#endif

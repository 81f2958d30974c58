/* What is done with 32 lanes alike, however bytes are mapped; no header by itself: it is for
 * variants that defined FUNCTION, vec and LANES for 256 bits. */
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

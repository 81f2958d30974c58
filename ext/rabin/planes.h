/* The byte-plane search, for vectors of any width.
 *
 * LANES strips of the range are searched in step.  A fingerprint times x^3 has
 * 56 bits, and plane k is a vector of byte k of those of all strips.  Appending
 * a byte to each shifts them by 8, which only renames the planes, and adds what
 * the byte pushed out at the top and the one leaving the window reduce to.  Both
 * are linear maps from one byte to 7, so they come from 14 small maps of bytes
 * to bytes, which a processor applies to a whole vector by one or two instructions.
 *
 * A file for an instruction set defines before it includes this one:
 *
 *   FUNCTION                     static inline, always, with the target attribute
 *   vec, LANES                   bytes that ^ & | work on, and how many
 *   operand, as_operand(vec)     what image() takes, made from a vector
 *   image(map, plane, operand)   one byte of a map's result, for each byte
 *   splat(byte)                  a vector of one byte
 *   times_8(vec), over_32(vec)   bytes << 3 and >> 5
 *   lesser(vec, vec)             the smaller of each two unsigned bytes
 *   zeros(vec)                   bit n set where byte n is zero
 *   rows(at, stride)             16 bytes each of strips 0, 16, 32...
 *   zip_low, zip_high(vec, vec)  interleave the halves of each 16 bytes
 */
#include "rabin/searches.h"

enum {
    GROUP = 16,                              /* steps between two looks for a cut */
    WARM_UP = BKP_RABIN_WINDOW / GROUP,      /* groups */
    RING = 2 * WARM_UP,
    SHORTEST = 4096 / LANES,
    LONGEST = 1024 + BKP_RABIN_WINDOW, /* no power of two: 32 strips would share few cache sets */
};

typedef struct {
    vec p0, p1, p2, p3, p4, p5, p6;
} planes;

/* Read 16 bytes of each strip; vector n of the column gets all bytes number n.
 *
 * A perfect shuffle of 256 bytes, repeated four times, swaps rows and columns. */
FUNCTION void transpose(vec column[GROUP], const uint8_t *at, size_t stride)
{
    vec a[GROUP], b[GROUP];
    for (int n = 0; n < GROUP; n++)
        a[n] = rows(at + (size_t)n * stride, stride);
#pragma GCC unroll 2
    for (int round = 0; round < 2; round++) {
#pragma GCC unroll 8
        for (int n = 0; n < GROUP / 2; n++) {
            b[2 * n] = zip_low(a[n], a[n + GROUP / 2]);
            b[2 * n + 1] = zip_high(a[n], a[n + GROUP / 2]);
        }
#pragma GCC unroll 8
        for (int n = 0; n < GROUP / 2; n++) {
            a[2 * n] = zip_low(b[n], b[n + GROUP / 2]);
            a[2 * n + 1] = zip_high(b[n], b[n + GROUP / 2]);
        }
    }
#pragma GCC unroll 16
    for (int n = 0; n < GROUP; n++)
        column[n] = a[n];
}

/* What the byte pushed out of plane 6, and the one leaving if any, add to a plane. */
FUNCTION vec change(const bkp_rabin_tables *tables, int plane, operand top, const operand *old)
{
    vec sum = image(&tables->reduced, plane, top);
    if (old)
        sum ^= image(&tables->leaving, plane, *old);
    return sum;
}

/* Append a byte to every strip's window and, unless it is still filling, take one away.
 *
 * One plane after the other, from the top: so 16 registers are enough. */
FUNCTION planes step(const bkp_rabin_tables *tables, planes s, vec entering, const operand *old)
{
    operand top = as_operand(s.p6);
    s.p6 = s.p5 ^ change(tables, 6, top, old);
    s.p5 = s.p4 ^ change(tables, 5, top, old);
    s.p4 = s.p3 ^ change(tables, 4, top, old);
    s.p3 = s.p2 ^ change(tables, 3, top, old);
    s.p2 = s.p1 ^ change(tables, 2, top, old);
    s.p1 = s.p0 ^ change(tables, 1, top, old) ^ over_32(entering);
    s.p0 = times_8(entering) ^ change(tables, 0, top, old);
    return s;
}

/* Search the positions after `at` in LANES strips of `length`, a multiple of GROUP. */
FUNCTION size_t search(const bkp_rabin_tables *tables, uint64_t mask, const uint8_t *data,
                       size_t at, size_t length)
{
    /* 21 bits of the mask; where these are zero the plain loop has a closer look. */
    const vec mask_0 = splat((uint8_t)(mask << 3));
    const vec mask_1 = splat((uint8_t)(mask >> 5));
    const vec mask_2 = splat((uint8_t)(mask >> 13));
    const uint8_t *window = data + at - BKP_RABIN_WINDOW;
    const size_t groups = WARM_UP + length / GROUP;
    uint64_t wanted = ~(uint64_t)0 >> (64 - LANES);
    size_t best = 0;
    vec ring[RING][GROUP];
    planes s = {0};

    for (size_t group = 0; group < WARM_UP; group++) {
        transpose(ring[group], window + group * GROUP, length);
        for (int n = 0; n < GROUP; n++)
            s = step(tables, s, ring[group][n], NULL);
    }
    for (size_t group = WARM_UP; group < groups; group++) {
        vec *entering = ring[group % RING];
        const vec *leaving = ring[(group - WARM_UP) % RING];
        vec least = splat(0xff);

        if (group % 4 == 0)
            for (int n = 0; n < LANES; n++)
                __builtin_prefetch(window + group * GROUP + (size_t)n * length + 192);
        transpose(entering, window + group * GROUP, length);
        for (int n = 0; n < GROUP; n++) {
            operand old = as_operand(leaving[n]);
            s = step(tables, s, entering[n], &old);
            least = lesser(least, (s.p0 & mask_0) | (s.p1 & mask_1) | (s.p2 & mask_2));
        }
        /* A cut in one strip leaves only those before it of interest. */
        for (uint64_t hits = zeros(least) & wanted; hits; hits &= hits - 1) {
            int strip = __builtin_ctzll(hits);
            size_t before = at + (size_t)strip * length + (group - WARM_UP) * GROUP;
            size_t cut = bkp_rabin_find_plain(tables, mask, data, before + 1, before + GROUP);
            if (cut) {
                best = cut;
                wanted = ((uint64_t)1 << strip) - 1;
                break;
            }
        }
        if (wanted == 0)
            break;
    }
    return best;
}

FUNCTION size_t find(const bkp_rabin_tables *tables, uint64_t mask, const uint8_t *data,
                     size_t start, size_t stop)
{
    size_t length = SHORTEST;
    size_t at = start;

    if ((bkp_rabin_fingerprint(tables->mod, data + start - BKP_RABIN_WINDOW) & mask) == 0)
        return start;
    /* Twice as much each time: little is searched beyond a near cut, and little
     * warmed up on the way to a far one. */
    while (stop - at >= LANES * GROUP) {
        size_t fits = (stop - at) / LANES / GROUP * GROUP;
        if (length > fits)
            length = fits;
        size_t cut = search(tables, mask, data, at, length);
        if (cut)
            return cut;
        at += LANES * length;
        length = 2 * length < LONGEST ? 2 * length : LONGEST;
    }
    return at < stop ? bkp_rabin_find_plain(tables, mask, data, at + 1, stop) : 0;
}

/* Rabin fingerprints of a 64-byte window, as restic cuts by them.
 *
 * The fingerprint of 64 bytes b[0]..b[63] is the polynomial over GF(2) whose
 * coefficients are their bits, b[0] first, modulo an irreducible polynomial of
 * degree 53.  Nothing here keeps state, allocates memory or knows of minimum
 * and maximum sizes: a cut is a property of the 64 bytes before it alone, so
 * a range may be searched in any order, in pieces, or by several lanes at once.
 */
#ifndef BKP_RABIN_H
#define BKP_RABIN_H

#include <stddef.h>
#include <stdint.h>

#define BKP_RABIN_WINDOW 64
#define BKP_RABIN_DEGREE 53
#define BKP_RABIN_PLANES 7

/* A linear map from one byte to the 7 bytes of a shifted fingerprint (planes.h),
 * in the two forms that processors can apply to many bytes at once. */
typedef struct {
    uint8_t low[BKP_RABIN_PLANES][16];  /* images of the low nibble alone */
    uint8_t high[BKP_RABIN_PLANES][16]; /* images of the high nibble alone */
    uint64_t matrix[BKP_RABIN_PLANES];  /* bits, as gf2p8affineqb takes them */
} bkp_rabin_map;

/* What one polynomial needs to be rolled by bytes. */
typedef struct {
    uint64_t out[256]; /* fingerprint of a byte followed by 63 zero bytes */
    uint64_t mod[256]; /* b * x^53 mod P, with b << 53 to cancel the overflow */
    bkp_rabin_map reduced; /* b * x^53 mod P */
    bkp_rabin_map leaving; /* b * x^512 mod P */
} bkp_rabin_tables;

/* Fill the tables for a polynomial: its bits, x^53 being 1 << 53.
 *
 * The polynomial must have degree 53 exactly; it is not tested for being
 * irreducible. */
void bkp_rabin_prepare(bkp_rabin_tables *tables, uint64_t polynomial);

/* Find the first cut in data[0..stop).
 *
 * Returns the smallest position p, start <= p <= stop, at which the
 * fingerprint of data[p-64..p) has no bit of the mask; 0 if there is none.
 * Needs BKP_RABIN_WINDOW <= start <= stop, and stop readable bytes. */
typedef size_t bkp_rabin_search(const bkp_rabin_tables *tables, uint64_t mask,
                                const uint8_t *data, size_t start, size_t stop);

/* A way to do that.  All return the same; they differ in speed. */
typedef struct {
    const char *name;
    bkp_rabin_search *find;
    int (*runs_here)(void); /* whether this processor can */
} bkp_rabin_variant;

/* All variants of this build, the slowest first, ended by one without a name.
 * The first, "plain", is the definition; it and "strips" run everywhere. */
extern const bkp_rabin_variant bkp_rabin_variants[];

#endif

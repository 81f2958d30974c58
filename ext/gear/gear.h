/* The gear hash of a 64-byte window, as FastCDC cuts by it.
 *
 * The hash of 64 bytes b[0]..b[63] is the sum of table[b[i]] << (63 - i)
 * modulo 2^64.  It is always taken over a whole window, so, unlike in most
 * implementations, a cut is a property of the 64 bytes before it alone.
 * Nothing here keeps state, allocates memory or knows of sizes.
 */
#ifndef BKP_GEAR_H
#define BKP_GEAR_H

#include <stddef.h>
#include <stdint.h>

#define BKP_GEAR_WINDOW 64

/* Find the first cut in data[0..stop).
 *
 * Returns the smallest position p, start <= p <= stop, at which the hash of
 * data[p-64..p) has no bit of the mask; 0 if there is none.  Bit k of the hash
 * depends on the last k + 1 bytes only, so masks belong into the top bits.
 * Needs BKP_GEAR_WINDOW <= start <= stop, and stop readable bytes. */
typedef size_t bkp_gear_search(const uint64_t table[256], uint64_t mask,
                               const uint8_t *data, size_t start, size_t stop);

/* A way to do that.  All return the same; they differ in speed. */
typedef struct {
    const char *name;
    bkp_gear_search *find;
    int (*runs_here)(void); /* whether this processor can */
} bkp_gear_variant;

/* All variants of this build, the slowest first, ended by one without a name.
 * The first, "plain", is the definition; it and "strips" run everywhere. */
extern const bkp_gear_variant bkp_gear_variants[];

#endif

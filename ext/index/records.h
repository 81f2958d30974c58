/* Records: one copy of a blob in 45 bytes, ordered by comparing them.
 *
 *     id 32 | pack 28 bits | offset 28 bits | length 24 bits | raw length 24 bits
 *
 * big-endian.  A length is never 0, so a record whose length is 0 is something
 * else: with raw length 0, an odd place, whose numbers do not fit and are in a
 * table at the place that `offset` says; with raw length 1, a removed one.
 */
#ifndef BKP_RECORDS_H
#define BKP_RECORDS_H

#include <string.h>

#include "index.h"

#define BKP_MAX_PACKS ((size_t)1 << 28)
#define BKP_MAX_ODD ((size_t)1 << 28)

/* Places whose numbers do not fit into a record: a part that was saved, and one that grows. */
typedef struct {
    const uint8_t *base;
    size_t base_count;
    uint8_t *own;
    size_t own_count, own_room;
} bkp_odd;

static inline uint64_t bkp_load64(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t bkp_load32(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static inline uint32_t bkp_load24(const uint8_t *from) {
    return (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
}

static inline void bkp_store24(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 16);
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)value;
}

static inline void bkp_store32(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 24);
    bkp_store24(to + 1, value);
}

static inline int bkp_is_removed(const uint8_t *record) {
    return bkp_load24(record + 39) == 0 && bkp_load24(record + 42) == 1;
}

static inline void bkp_remove(uint8_t *record) {
    memset(record + 39, 0, 5);
    record[44] = 1;
}

/* Write a record; BKP_TOO_MANY if there is no room for its pack or an odd place. */
int bkp_encode(uint8_t *record, const bkp_entry *entry, bkp_odd *odd);

/* Read a place that was not removed.  One that cannot be, because saved bytes
 * were changed under us, has BKP_UNKNOWN as its pack. */
bkp_place bkp_decode(const uint8_t *record, size_t pack_count, const bkp_odd *odd);

/* Order: by id, then pack, offset, length, raw length. */
int bkp_compare(const uint8_t *a, const uint8_t *b, const bkp_odd *odd);
int bkp_compare_entry(const uint8_t *record, const bkp_entry *entry, const bkp_odd *odd);

/* Sort in place, without further memory. */
void bkp_sort(uint8_t *records, size_t count, const bkp_odd *odd);

/* A search that can be left and taken up, so that several wait for memory together. */
typedef struct {
    const uint8_t *id;
    uint64_t prefix; /* its first bytes */
    size_t count, low, high; /* what is before low is smaller, from high on it is not */
    size_t guess, stride;
    int guesses, was_low;
} bkp_search;

void bkp_search_begin(bkp_search *search, const uint8_t *records, size_t count,
                      const uint8_t *id);
/* Look at one record; 0 if it was over: what is sought begins at `low`. */
int bkp_search_step(bkp_search *search, const uint8_t *records);

/* Where the first record with this id or a greater one is, in sorted records. */
size_t bkp_find(const uint8_t *records, size_t count, const uint8_t *id);

/* Where the first record is that does not come before an entry. */
size_t bkp_find_entry(const uint8_t *records, size_t count, const bkp_entry *entry,
                      const bkp_odd *odd);

#endif

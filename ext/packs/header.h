/* The header of a pack, unsealed: one entry a blob, in the order in which they lie in the pack.
 *
 *   type u8 | sealed length u32 LE | id 32                      0 data, 1 tree: stored plain
 *   type u8 | sealed length u32 LE | raw length u32 LE | id 32  2 data, 3 tree: compressed
 *
 * Source: restic's doc/design.rst, "Pack Format".
 */
#ifndef BKP_PACKS_HEADER_H
#define BKP_PACKS_HEADER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BKP_PACKED_ID = 32, BKP_HEADER_ENTRY_MAX = 41, BKP_COMPRESSED = 2 };

typedef struct {
    const uint8_t *id;
    uint32_t length, raw_length; /* sealed, and plain: 0 if stored without compression */
    int is_tree;
} bkp_packed;

static inline uint32_t bkp_read_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint8_t *bkp_write_u32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        *at++ = (uint8_t)(number >> 8 * i);
    return at;
}

/* Write an entry, at most BKP_HEADER_ENTRY_MAX bytes; return where it ends. */
static inline uint8_t *bkp_header_write(uint8_t *at, const bkp_packed *blob)
{
    *at++ = (uint8_t)(blob->is_tree | (blob->raw_length ? BKP_COMPRESSED : 0));
    at = bkp_write_u32(at, blob->length);
    if (blob->raw_length)
        at = bkp_write_u32(at, blob->raw_length);
    memcpy(at, blob->id, BKP_PACKED_ID);
    return at + BKP_PACKED_ID;
}

/* Read the entry at `at`; return where it ends, NULL if there is no whole one. */
static inline const uint8_t *bkp_header_read(const uint8_t *at, const uint8_t *end,
                                             bkp_packed *blob)
{
    if (at == end || *at > 3)
        return NULL;
    const int is_compressed = *at & BKP_COMPRESSED;
    const ptrdiff_t size = BKP_HEADER_ENTRY_MAX - (is_compressed ? 0 : 4);
    if (end - at < size)
        return NULL;
    blob->is_tree = *at & 1;
    blob->length = bkp_read_u32(at + 1);
    blob->raw_length = is_compressed ? bkp_read_u32(at + 5) : 0;
    blob->id = at + size - BKP_PACKED_ID;
    return at + size;
}

#endif

/* Numbers for packs: an id once, however many blobs are in the pack. */
#ifndef BKP_PACKS_H
#define BKP_PACKS_H

#include "index.h"
#include "memory.h"

typedef struct {
    const uint8_t *base; /* ids that were saved; they have the first numbers */
    size_t base_count;
    bkp_block own;
    size_t own_count;
    uint32_t *slots; /* 1 + number; made when a pack is first looked for */
    unsigned slot_bits;
    uint64_t seed;
} bkp_packs;

void bkp_packs_free(bkp_packs *packs);

static inline size_t bkp_packs_count(const bkp_packs *packs) {
    return packs->base_count + packs->own_count;
}

static inline const uint8_t *bkp_pack_id(const bkp_packs *packs, size_t number) {
    return number < packs->base_count
               ? packs->base + number * BKP_ID_SIZE
               : packs->own.data + (number - packs->base_count) * BKP_ID_SIZE;
}

/* Return the number of a pack in *number, BKP_UNKNOWN if it has none; may need memory. */
int bkp_packs_find(bkp_packs *packs, const uint8_t *id, uint32_t *number);

/* The same, giving it one. */
int bkp_packs_number(bkp_packs *packs, const uint8_t *id, uint32_t *number);

size_t bkp_packs_memory(const bkp_packs *packs);

#endif

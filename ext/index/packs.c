#include "packs.h"

#include <stdlib.h>
#include <string.h>

#include "records.h"

void bkp_packs_free(bkp_packs *packs) {
    bkp_block_shrink(&packs->own, 0);
    free(packs->slots);
    packs->slots = NULL;
}

size_t bkp_packs_memory(const bkp_packs *packs) {
    size_t slots = packs->slots ? sizeof(uint32_t) << packs->slot_bits : 0;
    return packs->own_count * BKP_ID_SIZE + slots;
}

/* The slot that a pack is in, or the empty one where it would be. */
static uint32_t *slot_of(const bkp_packs *packs, const uint8_t *id) {
    size_t last = ((size_t)1 << packs->slot_bits) - 1;
    size_t slot = (size_t)((bkp_load64(id) * packs->seed) >> (64 - packs->slot_bits));
    while (packs->slots[slot] &&
           memcmp(bkp_pack_id(packs, packs->slots[slot] - 1), id, BKP_ID_SIZE) != 0)
        slot = slot == last ? 0 : slot + 1;
    return packs->slots + slot;
}

static int make_slots(bkp_packs *packs, unsigned bits) {
    uint32_t *slots = calloc((size_t)1 << bits, sizeof(uint32_t));
    if (!slots)
        return BKP_NO_MEMORY;
    free(packs->slots);
    packs->slots = slots;
    packs->slot_bits = bits;
    for (size_t number = 0; number < bkp_packs_count(packs); number++)
        *slot_of(packs, bkp_pack_id(packs, number)) = (uint32_t)number + 1;
    return BKP_OK;
}

/* Make room for one more, at most 7 of 8 slots used. */
static int prepare(bkp_packs *packs) {
    size_t count = bkp_packs_count(packs) + 1;
    unsigned bits = packs->slots ? packs->slot_bits : 4;
    while (((size_t)7 << bits) / 8 < count)
        bits++;
    return packs->slots && bits == packs->slot_bits ? BKP_OK : make_slots(packs, bits);
}

int bkp_packs_find(bkp_packs *packs, const uint8_t *id, uint32_t *number) {
    *number = BKP_UNKNOWN;
    int failed = prepare(packs);
    if (!failed && *slot_of(packs, id))
        *number = *slot_of(packs, id) - 1;
    return failed;
}

int bkp_packs_number(bkp_packs *packs, const uint8_t *id, uint32_t *number) {
    int failed = bkp_packs_find(packs, id, number);
    if (failed || *number != BKP_UNKNOWN)
        return failed;
    size_t count = bkp_packs_count(packs);
    if (count >= BKP_MAX_PACKS)
        return BKP_TOO_MANY;
    if (bkp_block_grow(&packs->own, (packs->own_count + 1) * BKP_ID_SIZE))
        return BKP_NO_MEMORY;
    uint32_t *slot = slot_of(packs, id);
    memcpy(packs->own.data + packs->own_count * BKP_ID_SIZE, id, BKP_ID_SIZE);
    packs->own_count++;
    *slot = (uint32_t)count + 1;
    *number = (uint32_t)count;
    return BKP_OK;
}

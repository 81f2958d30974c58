/* Blocks that grow without being copied, so that growing never needs twice the memory. */
#ifndef BKP_MEMORY_H
#define BKP_MEMORY_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data;
    size_t room; /* bytes */
} bkp_block;

/* Make room for at least so many bytes, keeping what is there; -1 if there is no memory.
 * Room that was never written to takes no memory. */
int bkp_block_grow(bkp_block *block, size_t bytes);

/* Give back the room beyond so many bytes; 0 frees it. */
void bkp_block_shrink(bkp_block *block, size_t bytes);

#endif

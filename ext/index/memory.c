#define _GNU_SOURCE
#include "memory.h"

#include <stdlib.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

/* From here on the kernel moves pages instead of bytes.  malloc would do so too, but only until
 * its threshold has crept up. */
#define MAPPED ((size_t)1 << 18)
#define PAGE ((size_t)1 << 12)
/* From here on in huge pages, if there are any: a lookup waits for page tables most of all, and
 * the last page, half empty, is no more than a hundredth. */
#define HUGE ((size_t)1 << 27)

static size_t rounded(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

static uint8_t *resize(uint8_t *data, size_t from, size_t to) {
#ifdef __linux__
    if (from >= MAPPED && to >= MAPPED) {
        void *moved = mremap(data, from, to, MREMAP_MAYMOVE);
        return moved == MAP_FAILED ? NULL : moved;
    }
    if (to >= MAPPED) {
        uint8_t *mapped =
            mmap(NULL, to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED)
            return NULL;
        if (from)
            __builtin_memcpy(mapped, data, from);
        free(data);
        return mapped;
    }
    if (from >= MAPPED) {
        uint8_t *small = to ? malloc(to) : NULL;
        if (to && !small)
            return NULL;
        if (to)
            __builtin_memcpy(small, data, to);
        munmap(data, from);
        return small;
    }
#endif
    (void)from;
    if (to)
        return realloc(data, to);
    free(data);
    return NULL;
}

int bkp_block_grow(bkp_block *block, size_t bytes) {
    if (bytes <= block->room)
        return 0;
    size_t room = bytes + bytes / 16;
    if (room >= MAPPED)
        room = rounded(room);
    uint8_t *grown = resize(block->data, block->room, room);
    if (!grown)
        return -1;
#ifdef MADV_HUGEPAGE
    if (room >= HUGE)
        madvise(grown, room, MADV_HUGEPAGE);
#endif
    block->data = grown;
    block->room = room;
    return 0;
}

void bkp_block_shrink(bkp_block *block, size_t bytes) {
    size_t room = bytes >= MAPPED ? rounded(bytes) : bytes;
    if (room >= block->room)
        return;
    uint8_t *shrunk = resize(block->data, block->room, room);
    if (!shrunk && room)
        return; /* it stays larger than it needs to be */
    block->data = shrunk;
    block->room = room;
}

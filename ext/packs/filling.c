#include <stdlib.h>

#include "packs.h"

/* Make room for `more` bytes, and some for those that follow. */
static int reserve(uint8_t **data, size_t size, size_t *room, size_t more)
{
    if (more <= *room - size)
        return 0;
    const size_t wanted = size + more + (size + more) / 8;
    uint8_t *grown = realloc(*data, wanted);
    if (!grown)
        return -1;
    *data = grown;
    *room = wanted;
    return 0;
}

int bkp_filling_append(bkp_filling *pack, const uint8_t *data, size_t size)
{
    if (reserve(&pack->data, pack->size, &pack->room, size))
        return -1;
    if (size)
        memcpy(pack->data + pack->size, data, size);
    pack->size += size;
    return 0;
}

int bkp_filling_add(bkp_filling *pack, const bkp_packed *blob, const uint8_t *sealed)
{
    if (reserve(&pack->header, pack->header_size, &pack->header_room, BKP_HEADER_ENTRY_MAX)
        || bkp_filling_append(pack, sealed, blob->length))
        return -1;
    uint8_t *at = pack->header + pack->header_size;
    pack->header_size += (size_t)(bkp_header_write(at, blob) - at);
    pack->count++;
    return 0;
}

int bkp_filling_join(bkp_filling *pack, const bkp_filling *other)
{
    if (reserve(&pack->header, pack->header_size, &pack->header_room, other->header_size)
        || bkp_filling_append(pack, other->data, other->size))
        return -1;
    if (other->header_size)
        memcpy(pack->header + pack->header_size, other->header, other->header_size);
    pack->header_size += other->header_size;
    pack->count += other->count;
    return 0;
}

void bkp_filling_clear(bkp_filling *pack) { pack->size = pack->header_size = pack->count = 0; }

void bkp_filling_free(bkp_filling *pack)
{
    free(pack->data);
    free(pack->header);
    memset(pack, 0, sizeof *pack);
}

/* Packs being filled, and what an index says of them.
 *
 * A pack is filled in memory that is used again for the next one: getting
 * 16 MiB anew costs more than filling them.  What is in a pack is kept as the
 * entries of its header and as nothing else; offsets follow from the lengths.
 */
#ifndef BKP_PACKS_H
#define BKP_PACKS_H

#include "packs/header.h"

/* All zero at first. */
typedef struct {
    uint8_t *data, *header;
    size_t size, room;
    size_t header_size, header_room;
    size_t count; /* blobs */
} bkp_filling;

/* Append a sealed blob and its entry.  Returns 0, or -1 without memory: then nothing is added. */
int bkp_filling_add(bkp_filling *pack, const bkp_packed *blob, const uint8_t *sealed);

/* Append bytes that are no blob, or all of another pack.  Return as above. */
int bkp_filling_append(bkp_filling *pack, const uint8_t *data, size_t size);
int bkp_filling_join(bkp_filling *pack, const bkp_filling *other);

/* Empty it, and keep its memory; or give that back. */
void bkp_filling_clear(bkp_filling *pack);
void bkp_filling_free(bkp_filling *pack);

/* Write the JSON of a pack as it stands in an index object, `{"id":...,"blobs":[...]}`.
 *
 * Needs BKP_PACK_JSON_MAX(blobs) bytes.  Returns the length, 0 if `header` is no header or its
 * blobs do not lie within 4 GiB. */
#define BKP_BLOB_JSON_MAX 176
#define BKP_PACK_JSON_MAX(blobs) (96 + BKP_BLOB_JSON_MAX * (blobs))
size_t bkp_pack_json(const uint8_t id[BKP_PACKED_ID], const uint8_t *header, size_t size,
                     uint8_t *out);

#endif

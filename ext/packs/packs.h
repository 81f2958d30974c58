/* What an index says of a pack, from the pack's header. */
#ifndef BKP_PACKS_H
#define BKP_PACKS_H

#include "packs/header.h"

/* Write the JSON of a pack as it stands in an index object, `{"id":...,"blobs":[...]}`.
 *
 * Needs BKP_PACK_JSON_MAX(blobs) bytes.  Returns the length, 0 if `header` is no header or its
 * blobs do not lie within 4 GiB. */
#define BKP_BLOB_JSON_MAX 176
#define BKP_PACK_JSON_MAX(blobs) (96 + BKP_BLOB_JSON_MAX * (blobs))
size_t bkp_pack_json(const uint8_t id[BKP_PACKED_ID], const uint8_t *header, size_t size,
                     uint8_t *out);

#endif

#include "packs.h"
#include "text.h"

static uint8_t *write_id(uint8_t *at, const uint8_t id[BKP_PACKED_ID])
{
    return bkp_write_hex(BKP_WRITE(at, "{\"id\":\""), id, BKP_PACKED_ID);
}

static uint8_t *write_blob(uint8_t *at, const bkp_packed *blob, uint64_t offset)
{
    at = write_id(at, blob->id);
    at = blob->is_tree ? BKP_WRITE(at, "\",\"type\":\"tree\",\"offset\":")
                       : BKP_WRITE(at, "\",\"type\":\"data\",\"offset\":");
    at = bkp_write_number(at, offset);
    at = bkp_write_number(BKP_WRITE(at, ",\"length\":"), blob->length);
    if (blob->raw_length)
        at = bkp_write_number(BKP_WRITE(at, ",\"uncompressed_length\":"), blob->raw_length);
    *at++ = '}';
    return at;
}

size_t bkp_pack_json(const uint8_t id[BKP_PACKED_ID], const uint8_t *header, size_t size,
                     uint8_t *out)
{
    const uint8_t *end = header + size;
    uint64_t offset = 0;
    uint8_t *at = BKP_WRITE(write_id(out, id), "\",\"blobs\":[");
    for (const uint8_t *entry = header; entry != end;) {
        bkp_packed blob;
        entry = bkp_header_read(entry, end, &blob);
        if (!entry || offset > UINT32_MAX)
            return 0;
        at = write_blob(at, &blob, offset);
        offset += blob.length;
        *at++ = entry == end ? ']' : ',';
    }
    if (!size)
        *at++ = ']';
    *at++ = '}';
    return (size_t)(at - out);
}

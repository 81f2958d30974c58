#include "packs.h"

#define WRITE(at, literal) write_bytes(at, (const uint8_t *)(literal), sizeof(literal) - 1)

static uint8_t *write_bytes(uint8_t *at, const uint8_t *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

static uint8_t *write_number(uint8_t *at, uint64_t number)
{
    uint8_t digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number);
    return write_bytes(at, digits + first, sizeof digits - first);
}

static uint8_t *write_id(uint8_t *at, const uint8_t id[BKP_PACKED_ID])
{
    static const char digits[] = "0123456789abcdef";
    at = WRITE(at, "{\"id\":\"");
    for (int i = 0; i < BKP_PACKED_ID; i++) {
        *at++ = (uint8_t)digits[id[i] >> 4];
        *at++ = (uint8_t)digits[id[i] & 15];
    }
    return at;
}

static uint8_t *write_blob(uint8_t *at, const bkp_packed *blob, uint64_t offset)
{
    at = write_id(at, blob->id);
    at = blob->is_tree ? WRITE(at, "\",\"type\":\"tree\",\"offset\":")
                       : WRITE(at, "\",\"type\":\"data\",\"offset\":");
    at = write_number(at, offset);
    at = write_number(WRITE(at, ",\"length\":"), blob->length);
    if (blob->raw_length)
        at = write_number(WRITE(at, ",\"uncompressed_length\":"), blob->raw_length);
    *at++ = '}';
    return at;
}

size_t bkp_pack_json(const uint8_t id[BKP_PACKED_ID], const uint8_t *header, size_t size,
                     uint8_t *out)
{
    const uint8_t *end = header + size;
    uint64_t offset = 0;
    uint8_t *at = WRITE(write_id(out, id), "\",\"blobs\":[");
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

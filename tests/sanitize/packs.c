/* Headers of packs under the sanitizers: cut anywhere, and damaged anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packs/packs.h"

#include "check.h"

#define BLOBS 20u

/* Write the header of so many blobs, and return where it ends. */
static uint8_t *fill(uint8_t *at, unsigned blobs)
{
    uint8_t id[BKP_PACKED_ID];
    for (unsigned i = 0; i < blobs; i++) {
        const bkp_packed blob = {id, 1 + i * 7 % 1000, i % 3 * (UINT32_MAX / 2), i % 2};
        memset(id, (int)i, sizeof id);
        at = bkp_header_write(at, &blob);
    }
    return at;
}

/* JSON of a header in memory that ends where it ends, and in no more room than was said. */
static size_t json(const uint8_t *header, size_t size)
{
    static const uint8_t id[BKP_PACKED_ID] = {0xab};
    uint8_t *exact = malloc(size ? size : 1), *out = malloc(BKP_PACK_JSON_MAX(size / 37 + 1));
    memcpy(exact, header, size);
    const size_t length = bkp_pack_json(id, exact, size, out);
    free(exact);
    free(out);
    return length;
}

static void test_json(void)
{
    uint8_t header[BLOBS * BKP_HEADER_ENTRY_MAX];
    const size_t size = (size_t)(fill(header, BLOBS) - header);
    size_t whole = 0;
    for (size_t cut = 0; cut <= size; cut++)
        whole += json(header, cut) > 0;
    CHECK(whole == BLOBS + 1);
    for (size_t at = 0; at < size; at++) {
        header[at] ^= 0xff;
        json(header, size);
        header[at] ^= 0xff;
    }
}

int main(void)
{
    test_json();
    puts("packs: ok");
    return 0;
}

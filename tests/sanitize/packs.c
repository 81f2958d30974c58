/* Packs under the sanitizers: filling, joining and clearing, and headers that are cut anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packs/packs.h"

#include "check.h"

#define BLOBS 300u

static void fill(bkp_filling *pack, unsigned blobs)
{
    uint8_t id[BKP_PACKED_ID], sealed[1000];
    for (unsigned i = 0; i < blobs; i++) {
        const bkp_packed blob = {id, 1 + i * 7 % 1000, i % 3 * UINT32_MAX / 2, i % 2};
        memset(id, (int)i, sizeof id);
        memset(sealed, (int)i, sizeof sealed);
        CHECK(!bkp_filling_add(pack, &blob, sealed));
    }
}

static void test_filling(void)
{
    bkp_filling one = {0}, other = {0};
    fill(&one, BLOBS);
    fill(&other, 10);
    const size_t size = one.size;
    CHECK(!bkp_filling_join(&one, &other));
    CHECK(one.size == size + other.size && one.count == BLOBS + 10);
    CHECK(!bkp_filling_append(&one, (const uint8_t *)"end", 3));
    CHECK(!bkp_filling_append(&one, NULL, 0));
    bkp_filling_clear(&one);
    CHECK(!one.size && !one.header_size && !one.count);
    fill(&one, 5);
    bkp_filling_clear(&other);
    CHECK(!bkp_filling_join(&one, &other));
    bkp_filling_free(&one);
    bkp_filling_free(&other);
    bkp_filling_free(&other);
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
    bkp_filling pack = {0};
    fill(&pack, 20);
    CHECK(json(pack.header, pack.header_size));
    CHECK(json(pack.header, 0));
    size_t whole = 0;
    for (size_t size = 0; size <= pack.header_size; size++)
        whole += json(pack.header, size) > 0;
    CHECK(whole == 21);
    for (size_t at = 0; at < pack.header_size; at++) {
        pack.header[at] ^= 0xff;
        json(pack.header, pack.header_size);
        pack.header[at] ^= 0xff;
    }
    bkp_filling_free(&pack);
}

int main(void)
{
    test_filling();
    test_json();
    puts("packs: ok");
    return 0;
}

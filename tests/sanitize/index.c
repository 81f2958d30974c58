/* The blob index under the sanitizers: parsing what is cut and changed everywhere, tables that
 * grow, merge, lose blobs and stand on saved bytes that somebody overwrites, from several threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index/index.h"

#include "check.h"

#define BLOBS 20000u

static uint64_t drawn = 88172645463325252u;

static uint64_t draw(void) {
    drawn ^= drawn << 13;
    drawn ^= drawn >> 7;
    return drawn ^= drawn << 17;
}

/* The id of a blob or pack by its number; every fourth begins with the same bytes. */
static void id_of(uint64_t number, uint8_t *id) {
    uint64_t state = number * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < BKP_ID_SIZE; i++) {
        state ^= state >> 29;
        state *= 0xbf58476d1ce4e5b9u;
        id[i] = (uint8_t)(state >> 56);
    }
    if (number % 4 == 0)
        memset(id, 0xff, 24);
}

static bkp_entry entry_of(uint64_t number) {
    bkp_entry entry = {.place = {0, (uint32_t)number * 50, 50, 0}};
    if (number % 100 == 0)
        entry.place.length = UINT32_MAX; /* an odd place */
    id_of(number, entry.id);
    return entry;
}

static void add(bkp_index *index, uint64_t first, uint64_t last, int is_bulk) {
    bkp_staged staged;
    uint8_t id[BKP_ID_SIZE];
    bkp_staged_init(&staged);
    id_of(first + 1000000000, id);
    CHECK(bkp_staged_add_pack(&staged, id) == BKP_OK);
    for (uint64_t number = first; number < last; number++) {
        bkp_entry entry = entry_of(number);
        CHECK(bkp_staged_add(&staged, number % 3 == 0, &entry) == BKP_OK);
    }
    CHECK(bkp_index_add(index, &staged, is_bulk) == BKP_OK);
    bkp_staged_free(&staged);
}

static size_t copies_of(bkp_index *index, uint64_t number) {
    uint8_t id[BKP_ID_SIZE];
    bkp_place places[2];
    size_t found;
    id_of(number, id);
    CHECK(bkp_index_places(index, number % 3 == 0, id, places, 2, &found, 1) == BKP_OK);
    return found;
}

/* ---- parsing ---- */

static const char TEXT[] =
    "{\"later\":[1,{\"a\":null}],\"packs\":[{\"id\":"
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"blobs\":[{\"id\":"
    "\"ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"type\":\"tree\","
    "\"offset\":5,\"length\":4294967295,\"uncompressed_length\":77}]}],\"packs_to_delete\":[{"
    "\"time\":\"t\",\"size\":9,\"blobs\":null,\"id\":"
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}]}\n";

static int parse(const uint8_t *text, size_t size) {
    uint8_t *exact = malloc(size ? size : 1); /* so that reading beyond its end is noticed */
    bkp_staged staged;
    if (size)
        memcpy(exact, text, size);
    int status = bkp_staged_parse(&staged, exact, size);
    bkp_staged_free(&staged);
    free(exact);
    return status;
}

static void parse_everything(void) {
    const uint8_t *text = (const uint8_t *)TEXT;
    size_t size = sizeof TEXT - 1;
    uint8_t changed[sizeof TEXT];
    CHECK(parse(text, size) == BKP_OK);
    for (size_t cut = 0; cut + 1 < size; cut++)
        CHECK(parse(text, cut) == BKP_UNUSUAL);
    for (size_t at = 0; at < size; at++)
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(changed, text, size);
            changed[at] = (uint8_t)byte;
            parse(changed, size);
        }
    memset(changed, '[', sizeof changed);
    CHECK(parse(changed, sizeof changed) == BKP_UNUSUAL);
}

/* ---- tables ---- */

static void grow_and_lose(void) {
    bkp_index *index = bkp_index_new(12345);
    size_t blobs, copies;
    for (uint64_t first = 0; first < BLOBS; first += 500)
        add(index, first, first + 500, first % 2000 == 0);
    for (uint64_t first = 0; first < BLOBS; first += 500)
        add(index, first, first + 500, first % 3000 == 0); /* again: changes nothing */
    for (uint64_t number = 0; number < BLOBS; number++)
        CHECK(copies_of(index, number) == 1);
    CHECK(copies_of(index, BLOBS) == 0);
    CHECK(bkp_index_blobs(index, &blobs) == BKP_OK && blobs == BLOBS);
    for (uint64_t number = 0; number < BLOBS; number += 7) {
        uint8_t id[BKP_ID_SIZE];
        id_of(number, id);
        CHECK(bkp_index_distrust(index, number % 3 == 0, id) == BKP_OK);
        CHECK(copies_of(index, number) == 0);
    }
    add(index, 0, BLOBS, 0);
    add(index, 0, BLOBS, 1);
    CHECK(bkp_index_copies(index, &copies) == BKP_OK && copies > BLOBS && copies < 3 * BLOBS);
    bkp_index_free(index);
}

/* ---- saved ---- */

static uint8_t *exported(bkp_index *index, int kind, size_t *count) {
    uint8_t *records = malloc((size_t)BLOBS * BKP_RECORD_SIZE);
    *count = 0;
    for (size_t found = 1; found; *count += found) {
        uint8_t *next = records + *count * BKP_RECORD_SIZE;
        CHECK(bkp_index_export(index, kind, *count ? next - BKP_RECORD_SIZE : NULL, next,
                               BLOBS - *count < 777 ? BLOBS - *count : 777, &found) == BKP_OK);
    }
    return records;
}

static void use(bkp_index *index) {
    uint8_t *ids = malloc((size_t)BLOBS * BKP_ID_SIZE);
    uint32_t *columns = malloc((size_t)BLOBS * 5 * sizeof *columns);
    size_t packs = bkp_index_pack_count(index), blobs;
    uint64_t *bytes = malloc(packs * sizeof *bytes);
    uint32_t *sums = malloc(2 * packs * sizeof *sums);
    for (uint64_t number = 0; number < BLOBS; number++)
        id_of(number, ids + number * BKP_ID_SIZE);
    CHECK(bkp_index_first_each(index, 0, ids, BLOBS, columns) == BKP_OK);
    CHECK(bkp_stored_order(columns, BLOBS, columns + 4 * (size_t)BLOBS) == BKP_OK);
    CHECK(bkp_index_has_each(index, 1, ids, BLOBS, (uint8_t *)columns) == BKP_OK);
    CHECK(bkp_index_totals(index, packs, bytes, sums, sums + packs) == BKP_OK);
    CHECK(bkp_index_blobs(index, &blobs) == BKP_OK);
    bkp_entry entries[100], *last = NULL;
    for (size_t found = 1, steps = 0; found; last = &entries[found - 1], steps++) {
        CHECK(bkp_index_walk(index, 0, last, entries, 100, &found) == BKP_OK);
        CHECK(steps < BLOBS); /* it ends, whatever is in the base */
        if (!found)
            break;
    }
    bkp_index_distrust(index, 0, ids + BKP_ID_SIZE);
    add(index, 0, 600, 0);
    add(index, 300, 900, 1);
    CHECK(bkp_index_settle(index) == BKP_OK);
    free(ids);
    free(columns);
    free(bytes);
    free(sums);
}

static void stand_on_sand(void) {
    bkp_index *index = bkp_index_new(1);
    bkp_base base;
    uint8_t packs[BKP_ID_SIZE], *odd = malloc((size_t)BLOBS * BKP_ODD_SIZE);
    add(index, 0, BLOBS, 1);
    for (int kind = 0; kind < BKP_KINDS; kind++)
        base.records[kind] = exported(index, kind, &base.record_count[kind]);
    base.packs = packs;
    base.pack_count = bkp_index_pack_ids(index, 0, packs, 1);
    base.odd = odd;
    base.odd_count = bkp_index_odd(index, 0, odd, BLOBS);
    bkp_index_free(index);
    for (int round = 0; round < 8; round++) {
        index = bkp_index_new(draw());
        CHECK(bkp_index_attach(index, &base) == BKP_OK);
        CHECK(round || copies_of(index, BLOBS - 1) == 1);
        use(index);
        bkp_index_free(index);
        for (int change = 0; change < 2000 * round; change++) {
            int kind = (int)(draw() % 2);
            base.records[kind][draw() % (base.record_count[kind] * BKP_RECORD_SIZE)] =
                (uint8_t)draw();
        }
    }
    free(base.records[0]);
    free(base.records[1]);
    free(odd);
}

/* ---- threads ---- */

static void *look_up(void *index) {
    for (int round = 0; round < 5; round++)
        for (uint64_t number = 0; number < 2000; number++)
            CHECK(copies_of(index, number) <= 1);
    return NULL;
}

static void add_while_others_look(void) {
    bkp_index *index = bkp_index_new(3);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, look_up, index) == 0);
    for (uint64_t first = 0; first < BLOBS; first += 100)
        add(index, first, first + 100, first % 300 == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    bkp_index_free(index);
}

int main(void) {
    parse_everything();
    grow_and_lose();
    stand_on_sand();
    add_while_others_look();
    puts("index: ok");
    return 0;
}

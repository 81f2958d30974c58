#include "records.h"

#include <stdlib.h>

#define SMALL ((uint32_t)1 << 24)
#define NEAR ((uint32_t)1 << 28)

/* Buckets below this are sorted by insertion; measured, flat between 16 and 48. */
#define FEW 24
/* Bytes of ids by which to distribute.  Ids are hashes: four tell billions apart, and where
 * somebody made them alike, a sort that does not care takes over. */
#define RADIX_BYTES 4

static int add_odd(bkp_odd *odd, const bkp_place *place, uint32_t *number) {
    size_t count = odd->base_count + odd->own_count;
    if (count >= BKP_MAX_ODD)
        return BKP_TOO_MANY;
    if (odd->own_count == odd->own_room) {
        size_t room = odd->own_room + odd->own_room / 8 + 16;
        uint8_t *grown = realloc(odd->own, room * BKP_ODD_SIZE);
        if (!grown)
            return BKP_NO_MEMORY;
        odd->own = grown;
        odd->own_room = room;
    }
    uint8_t *to = odd->own + odd->own_count * BKP_ODD_SIZE;
    bkp_store32(to, place->offset);
    bkp_store32(to + 4, place->length);
    bkp_store32(to + 8, place->raw_length);
    odd->own_count++;
    *number = (uint32_t)count;
    return BKP_OK;
}

int bkp_encode(uint8_t *record, const bkp_entry *entry, bkp_odd *odd) {
    bkp_place place = entry->place;
    if (place.pack >= BKP_MAX_PACKS)
        return BKP_TOO_MANY;
    if (place.length == 0 || place.length >= SMALL || place.raw_length >= SMALL ||
        place.offset >= NEAR) {
        int failed = add_odd(odd, &entry->place, &place.offset);
        if (failed)
            return failed;
        place.length = place.raw_length = 0;
    }
    memcpy(record, entry->id, BKP_ID_SIZE);
    bkp_store32(record + 32, place.pack << 4 | place.offset >> 24);
    bkp_store24(record + 36, place.offset);
    bkp_store24(record + 39, place.length);
    bkp_store24(record + 42, place.raw_length);
    return BKP_OK;
}

static bkp_place decode(const uint8_t *record, const bkp_odd *odd) {
    uint32_t top = bkp_load32(record + 32);
    bkp_place place = {top >> 4, (top & 15) << 24 | bkp_load24(record + 36),
                       bkp_load24(record + 39), bkp_load24(record + 42)};
    if (place.length)
        return place;
    size_t number = place.offset;
    const uint8_t *from;
    if (place.raw_length == 0 && number < odd->base_count)
        from = odd->base + number * BKP_ODD_SIZE;
    else if (place.raw_length == 0 && number - odd->base_count < odd->own_count)
        from = odd->own + (number - odd->base_count) * BKP_ODD_SIZE;
    else
        return (bkp_place){BKP_UNKNOWN, 0, 0, 0};
    place.offset = bkp_load32(from);
    place.length = bkp_load32(from + 4);
    place.raw_length = bkp_load32(from + 8);
    return place;
}

bkp_place bkp_decode(const uint8_t *record, size_t pack_count, const bkp_odd *odd) {
    bkp_place place = decode(record, odd);
    return place.pack < pack_count ? place : (bkp_place){BKP_UNKNOWN, 0, 0, 0};
}

static int compare_numbers(uint32_t a, uint32_t b) { return (a > b) - (a < b); }

static int compare_places(const bkp_place *a, const bkp_place *b) {
    int order = compare_numbers(a->pack, b->pack);
    if (!order)
        order = compare_numbers(a->offset, b->offset);
    if (!order)
        order = compare_numbers(a->length, b->length);
    return order ? order : compare_numbers(a->raw_length, b->raw_length);
}

int bkp_compare(const uint8_t *a, const uint8_t *b, const bkp_odd *odd) {
    int order = memcmp(a, b, BKP_ID_SIZE);
    if (order)
        return order;
    bkp_place here = decode(a, odd), there = decode(b, odd);
    return compare_places(&here, &there);
}

int bkp_compare_entry(const uint8_t *record, const bkp_entry *entry, const bkp_odd *odd) {
    int order = memcmp(record, entry->id, BKP_ID_SIZE);
    if (order)
        return order;
    bkp_place here = decode(record, odd);
    return compare_places(&here, &entry->place);
}

/* ---- sorting: in place by the first bytes of ids, then by insertion ---- */

static uint8_t *at(uint8_t *records, size_t index) { return records + index * BKP_RECORD_SIZE; }

static void swap(uint8_t *a, uint8_t *b) {
    uint8_t kept[BKP_RECORD_SIZE];
    memcpy(kept, a, BKP_RECORD_SIZE);
    memcpy(a, b, BKP_RECORD_SIZE);
    memcpy(b, kept, BKP_RECORD_SIZE);
}

static void sort_few(uint8_t *records, size_t count, const bkp_odd *odd) {
    uint8_t moved[BKP_RECORD_SIZE];
    for (size_t next = 1; next < count; next++) {
        size_t to = next;
        while (to > 0 && bkp_compare(at(records, to - 1), at(records, next), odd) > 0)
            to--;
        if (to == next)
            continue;
        memcpy(moved, at(records, next), BKP_RECORD_SIZE);
        memmove(at(records, to + 1), at(records, to), (next - to) * BKP_RECORD_SIZE);
        memcpy(at(records, to), moved, BKP_RECORD_SIZE);
    }
}

static void sink(uint8_t *records, size_t root, size_t count, const bkp_odd *odd) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && bkp_compare(at(records, child), at(records, child + 1), odd) < 0)
            child++;
        if (bkp_compare(at(records, root), at(records, child), odd) >= 0)
            return;
        swap(at(records, root), at(records, child));
    }
}

static void sort_alike(uint8_t *records, size_t count, const bkp_odd *odd) {
    for (size_t root = count / 2; root-- > 0;)
        sink(records, root, count, odd);
    for (size_t last = count; last-- > 1;) {
        swap(at(records, 0), at(records, last));
        sink(records, 0, last, odd);
    }
}

static void sort_from(uint8_t *records, size_t count, unsigned byte, const bkp_odd *odd) {
    if (count <= FEW) {
        sort_few(records, count, odd);
        return;
    }
    if (byte == RADIX_BYTES) {
        sort_alike(records, count, odd);
        return;
    }
    size_t start[257] = {0}, next[256];
    for (size_t i = 0; i < count; i++)
        start[at(records, i)[byte] + 1]++;
    for (unsigned bucket = 0; bucket < 256; bucket++) {
        next[bucket] = start[bucket];
        start[bucket + 1] += start[bucket];
    }
    for (unsigned bucket = 0; bucket < 256; bucket++) {
        while (next[bucket] < start[bucket + 1]) {
            uint8_t *record = at(records, next[bucket]);
            unsigned goes = record[byte];
            if (goes != bucket)
                swap(record, at(records, next[goes]));
            next[goes]++;
        }
    }
    for (unsigned bucket = 0; bucket < 256; bucket++)
        sort_from(at(records, start[bucket]), start[bucket + 1] - start[bucket], byte + 1, odd);
}

void bkp_sort(uint8_t *records, size_t count, const bkp_odd *odd) {
    sort_from(records, count, 0, odd);
}

/* ---- searching: ids are hashes, so the id says about where it is ---- */

static size_t scaled(uint64_t part, size_t count) {
#ifdef __SIZEOF_INT128__
    return (size_t)(((unsigned __int128)part * count) >> 64);
#else
    return (size_t)((double)part * 0x1p-64 * (double)count);
#endif
}

static int is_before(const uint8_t *record, uint64_t prefix, const uint8_t *id) {
    uint64_t here = bkp_load64(record);
    if (here != prefix)
        return here < prefix;
    return memcmp(record + 8, id + 8, BKP_ID_SIZE - 8) < 0;
}

/* Each guess comes from how far off the last one was: three leave some tens of records. */
#define GUESSES 3
#define FIRST_STRIDE 8

static void aim(bkp_search *search, const uint8_t *records, size_t guess) {
    if (guess < search->low)
        guess = search->low;
    if (guess >= search->high)
        guess = search->high - 1;
    search->guess = guess;
    __builtin_prefetch(records + guess * BKP_RECORD_SIZE);
}

void bkp_search_begin(bkp_search *search, const uint8_t *records, size_t count,
                      const uint8_t *id) {
    *search = (bkp_search){.id = id, .prefix = bkp_load64(id), .count = count, .high = count};
    search->stride = FIRST_STRIDE;
    if (count)
        aim(search, records, scaled(search->prefix, count));
}

int bkp_search_step(bkp_search *search, const uint8_t *records) {
    if (search->low >= search->high)
        return 0;
    const uint8_t *record = records + search->guess * BKP_RECORD_SIZE;
    uint64_t here = bkp_load64(record);
    int was_low = is_before(record, search->prefix, search->id);
    if (was_low)
        search->low = search->guess + 1;
    else
        search->high = search->guess;
    if (search->low >= search->high)
        return 0;
    size_t far = 0;
    if (search->guesses < GUESSES) {
        far = scaled(was_low ? search->prefix - here : here - search->prefix, search->count);
        search->guesses++;
        search->was_low = was_low;
    } else if (search->stride && was_low == search->was_low) { /* gallop on */
        far = search->stride;
        search->stride *= 4;
    } else { /* between two that are near: halve, which is right whatever the ids are */
        search->stride = 0;
        aim(search, records, search->low + (search->high - search->low) / 2);
        return 1;
    }
    if (was_low)
        aim(search, records, search->low + far);
    else
        aim(search, records, far < search->high ? search->high - far : 0);
    return 1;
}

size_t bkp_find(const uint8_t *records, size_t count, const uint8_t *id) {
    bkp_search search;
    bkp_search_begin(&search, records, count, id);
    while (bkp_search_step(&search, records))
        ;
    return search.low;
}

size_t bkp_find_entry(const uint8_t *records, size_t count, const bkp_entry *entry,
                      const bkp_odd *odd) {
    size_t low = bkp_find(records, count, entry->id);
    if (low == count || bkp_compare_entry(records + low * BKP_RECORD_SIZE, entry, odd) >= 0)
        return low;
    size_t high = count;
    for (size_t stride = 1; low + stride < high; stride *= 2) { /* copies are few, mostly */
        if (bkp_compare_entry(records + (low + stride) * BKP_RECORD_SIZE, entry, odd) >= 0) {
            high = low + stride;
            break;
        }
        low += stride;
    }
    low++;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bkp_compare_entry(records + middle * BKP_RECORD_SIZE, entry, odd) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

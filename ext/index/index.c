#define _GNU_SOURCE
#include "index.h"

#include <pthread.h>
#include <stdlib.h>

#include "packs.h"
#include "records.h"
#include "table.h"

struct bkp_index {
    pthread_rwlock_t lock;
    bkp_table tables[BKP_KINDS];
    bkp_packs packs;
    bkp_odd odd;
};

bkp_index *bkp_index_new(uint64_t seed) {
    bkp_index *index = calloc(1, sizeof *index);
    if (!index)
        return NULL;
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
    /* Else those who look up could keep out for ever whoever adds. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    int failed = pthread_rwlock_init(&index->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    if (failed) {
        free(index);
        return NULL;
    }
    index->packs.seed = index->tables[0].seed = index->tables[1].seed = seed | 1;
    return index;
}

void bkp_index_free(bkp_index *index) {
    if (!index)
        return;
    for (int kind = 0; kind < BKP_KINDS; kind++)
        bkp_table_free(&index->tables[kind]);
    bkp_packs_free(&index->packs);
    free(index->odd.own);
    pthread_rwlock_destroy(&index->lock);
    free(index);
}

static void lock_to_write(bkp_index *index) { pthread_rwlock_wrlock(&index->lock); }
static void unlock(bkp_index *index) { pthread_rwlock_unlock(&index->lock); }

/* Lock to look up in a table that is settled; with the lock of who writes if it had to be done. */
static int lock_settled(bkp_index *index, int kind, int may_wait) {
    if (may_wait)
        pthread_rwlock_rdlock(&index->lock);
    else if (pthread_rwlock_tryrdlock(&index->lock))
        return BKP_BUSY;
    if (bkp_table_is_settled(&index->tables[kind]))
        return BKP_OK;
    unlock(index);
    if (!may_wait)
        return BKP_BUSY;
    lock_to_write(index);
    int failed = bkp_table_settle(&index->tables[kind], &index->odd);
    if (failed)
        unlock(index);
    return failed;
}

/* Lock to go through a table in order. */
static int lock_merged(bkp_index *index, int kind) {
    lock_to_write(index);
    int failed = bkp_table_merge(&index->tables[kind], &index->odd);
    if (failed)
        unlock(index);
    return failed;
}

int bkp_index_attach(bkp_index *index, const bkp_base *base) {
    if (base->pack_count > BKP_MAX_PACKS || base->odd_count > BKP_MAX_ODD)
        return BKP_TOO_MANY;
    lock_to_write(index);
    int is_empty = bkp_packs_count(&index->packs) == 0 && index->odd.own_count == 0 &&
                   index->odd.base_count == 0;
    for (int kind = 0; kind < BKP_KINDS; kind++)
        is_empty = is_empty && bkp_table_records(&index->tables[kind]) == 0;
    if (is_empty) {
        free(index->packs.slots);
        index->packs.slots = NULL;
        index->packs.base = base->packs;
        index->packs.base_count = base->pack_count;
        index->odd.base = base->odd;
        index->odd.base_count = base->odd_count;
        for (int kind = 0; kind < BKP_KINDS; kind++) {
            index->tables[kind].base = base->records[kind];
            index->tables[kind].base_count = base->record_count[kind];
            index->tables[kind].is_counted = 0;
        }
    }
    unlock(index);
    return is_empty ? BKP_OK : BKP_TOO_MANY;
}

/* ---- changing ---- */

static int add_all(bkp_index *index, const bkp_staged *staged, const uint32_t *numbers,
                   int is_bulk) {
    int failed = BKP_OK;
    for (size_t i = 0; i < staged->entry_count && !failed; i++) {
        bkp_entry entry = staged->entries[i];
        bkp_table *table = &index->tables[staged->kinds[i]];
        entry.place.pack = numbers[entry.place.pack];
        failed = is_bulk ? bkp_table_add_later(table, &entry, &index->odd)
                         : bkp_table_add(table, &entry, &index->odd);
    }
    return failed;
}

int bkp_index_add(bkp_index *index, const bkp_staged *staged, int is_bulk) {
    uint32_t *numbers = malloc((staged->pack_count + 1) * sizeof *numbers);
    int failed = BKP_OK;
    if (!numbers)
        return BKP_NO_MEMORY;
    lock_to_write(index);
    for (size_t i = 0; i < staged->pack_count && !failed; i++)
        failed = bkp_packs_number(&index->packs, staged->packs + i * BKP_ID_SIZE, numbers + i);
    if (!failed)
        failed = add_all(index, staged, numbers, is_bulk);
    unlock(index);
    free(numbers);
    return failed;
}

int bkp_index_settle(bkp_index *index) {
    int failed = BKP_OK;
    lock_to_write(index);
    for (int kind = 0; kind < BKP_KINDS && !failed; kind++)
        failed = bkp_table_settle(&index->tables[kind], &index->odd);
    unlock(index);
    return failed;
}

int bkp_index_distrust(bkp_index *index, int kind, const uint8_t *id) {
    lock_to_write(index);
    int failed = bkp_table_remove(&index->tables[kind], id, &index->odd);
    unlock(index);
    return failed;
}

/* ---- looking up ---- */

/* The next copy that can be decoded; pack BKP_UNKNOWN if there is none. */
static bkp_place next_place(const bkp_index *index, bkp_copies *copies) {
    size_t packs = bkp_packs_count(&index->packs);
    for (const uint8_t *record; (record = bkp_next_copy(copies)) != NULL;) {
        bkp_place place = bkp_decode(record, packs, &index->odd);
        if (place.pack != BKP_UNKNOWN)
            return place;
    }
    return (bkp_place){BKP_UNKNOWN, 0, 0, 0};
}

int bkp_index_places(bkp_index *index, int kind, const uint8_t *id, bkp_place *places,
                     size_t room, size_t *found, int may_wait) {
    int failed = lock_settled(index, kind, may_wait);
    if (failed)
        return failed;
    bkp_copies copies = bkp_table_copies(&index->tables[kind], id);
    size_t count = 0;
    for (bkp_place place; (place = next_place(index, &copies)).pack != BKP_UNKNOWN; count++)
        if (count < room)
            places[count] = place;
    unlock(index);
    *found = count;
    return BKP_OK;
}

/* Call for the first place of each of many blobs. */
static int first_of_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                         void (*take)(void *context, size_t i, bkp_place place), void *context) {
    bkp_copies copies[BKP_TOGETHER];
    int failed = lock_settled(index, kind, 1);
    if (failed)
        return failed;
    for (size_t i = 0; i < count; i += BKP_TOGETHER) {
        size_t many = count - i < BKP_TOGETHER ? count - i : BKP_TOGETHER;
        bkp_table_copies_each(&index->tables[kind], ids + i * BKP_ID_SIZE, many, copies);
        for (size_t j = 0; j < many; j++)
            take(context, i + j, next_place(index, &copies[j]));
    }
    unlock(index);
    return BKP_OK;
}

static void take_known(void *context, size_t i, bkp_place place) {
    uint8_t *known = context;
    known[i] = place.pack != BKP_UNKNOWN;
}

int bkp_index_has_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                       uint8_t *known) {
    return first_of_each(index, kind, ids, count, take_known, known);
}

typedef struct {
    uint32_t *columns;
    size_t count;
} filling;

static void take_place(void *context, size_t i, bkp_place place) {
    filling *to = context;
    to->columns[i] = place.pack;
    to->columns[to->count + i] = place.offset;
    to->columns[2 * to->count + i] = place.length;
    to->columns[3 * to->count + i] = place.raw_length;
}

int bkp_index_first_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                         uint32_t *columns) {
    filling to = {columns, count};
    return first_of_each(index, kind, ids, count, take_place, &to);
}

typedef struct {
    uint32_t pack, offset, position;
} stored;

static int compare_stored(const void *one, const void *other) {
    const stored *a = one, *b = other;
    if (a->pack != b->pack)
        return a->pack < b->pack ? -1 : 1;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

int bkp_stored_order(const uint32_t *columns, size_t count, uint32_t *order) {
    stored *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted)
        return BKP_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (stored){columns[i], columns[count + i], (uint32_t)i};
    qsort(sorted, count, sizeof *sorted, compare_stored);
    for (size_t i = 0; i < count; i++)
        order[i] = sorted[i].position;
    free(sorted);
    return BKP_OK;
}

/* ---- all of them ---- */

typedef struct {
    const bkp_index *index;
    bkp_entry *entries;
    uint8_t *records;
    size_t room, found;
} taking;

static int take_entry(void *context, const uint8_t *record) {
    taking *all = context;
    if (all->found == all->room)
        return 1;
    bkp_entry *entry = all->entries + all->found;
    entry->place = bkp_decode(record, bkp_packs_count(&all->index->packs), &all->index->odd);
    memcpy(entry->id, record, BKP_ID_SIZE);
    all->found += entry->place.pack != BKP_UNKNOWN;
    return 0;
}

int bkp_index_walk(bkp_index *index, int kind, const bkp_entry *after, bkp_entry *entries,
                   size_t room, size_t *found) {
    taking all = {index, entries, NULL, room, 0};
    int failed = lock_merged(index, kind);
    if (failed)
        return failed;
    bkp_table_walk(&index->tables[kind], after, &index->odd, take_entry, &all);
    unlock(index);
    *found = all.found;
    return BKP_OK;
}

static int take_record(void *context, const uint8_t *record) {
    taking *all = context;
    if (all->found == all->room)
        return 1;
    memcpy(all->records + all->found++ * BKP_RECORD_SIZE, record, BKP_RECORD_SIZE);
    return 0;
}

int bkp_index_export(bkp_index *index, int kind, const uint8_t *after, uint8_t *records,
                     size_t room, size_t *found) {
    taking all = {index, NULL, records, room, 0};
    bkp_entry from;
    int failed = lock_merged(index, kind);
    if (failed)
        return failed;
    if (after) {
        memcpy(from.id, after, BKP_ID_SIZE);
        from.place = bkp_decode(after, SIZE_MAX, &index->odd);
    }
    bkp_table_walk(&index->tables[kind], after ? &from : NULL, &index->odd, take_record, &all);
    unlock(index);
    *found = all.found;
    return BKP_OK;
}

typedef struct {
    const bkp_index *index;
    size_t count;
    uint64_t *bytes;
    uint32_t *copies, *compressed;
} summing;

static int sum_record(void *context, const uint8_t *record) {
    summing *sums = context;
    bkp_place place = bkp_decode(record, sums->count, &sums->index->odd);
    if (place.pack != BKP_UNKNOWN) {
        sums->bytes[place.pack] += place.length;
        sums->copies[place.pack]++;
        sums->compressed[place.pack] += place.raw_length != 0;
    }
    return 0;
}

int bkp_index_totals(bkp_index *index, size_t count, uint64_t *bytes, uint32_t *copies,
                     uint32_t *compressed) {
    summing sums = {index, count, bytes, copies, compressed};
    memset(bytes, 0, count * sizeof *bytes);
    memset(copies, 0, count * sizeof *copies);
    memset(compressed, 0, count * sizeof *compressed);
    for (int kind = 0; kind < BKP_KINDS; kind++) {
        int failed = lock_merged(index, kind);
        if (failed)
            return failed;
        if (sums.count > bkp_packs_count(&index->packs))
            sums.count = bkp_packs_count(&index->packs);
        bkp_table_walk(&index->tables[kind], NULL, &index->odd, sum_record, &sums);
        unlock(index);
    }
    return BKP_OK;
}

int bkp_index_blobs(bkp_index *index, size_t *blobs) {
    *blobs = 0;
    for (int kind = 0; kind < BKP_KINDS; kind++) {
        int failed = lock_merged(index, kind);
        if (failed)
            return failed;
        *blobs += bkp_table_blobs(&index->tables[kind], &index->odd);
        unlock(index);
    }
    return BKP_OK;
}

int bkp_index_copies(bkp_index *index, size_t *copies) {
    *copies = 0;
    for (int kind = 0; kind < BKP_KINDS; kind++) {
        int failed = lock_settled(index, kind, 1);
        if (failed)
            return failed;
        *copies += bkp_table_records(&index->tables[kind]);
        unlock(index);
    }
    return BKP_OK;
}

size_t bkp_index_pack_count(bkp_index *index) {
    pthread_rwlock_rdlock(&index->lock);
    size_t count = bkp_packs_count(&index->packs);
    unlock(index);
    return count;
}

size_t bkp_index_pack_ids(bkp_index *index, size_t first, uint8_t *ids, size_t room) {
    pthread_rwlock_rdlock(&index->lock);
    size_t last = bkp_packs_count(&index->packs), i;
    for (i = first; i < last && i - first < room; i++)
        memcpy(ids + (i - first) * BKP_ID_SIZE, bkp_pack_id(&index->packs, i), BKP_ID_SIZE);
    unlock(index);
    return i - first;
}

uint32_t bkp_index_pack_number(bkp_index *index, const uint8_t *id) {
    uint32_t number;
    lock_to_write(index);
    bkp_packs_find(&index->packs, id, &number);
    unlock(index);
    return number;
}

size_t bkp_index_odd_count(bkp_index *index) {
    pthread_rwlock_rdlock(&index->lock);
    size_t count = index->odd.base_count + index->odd.own_count;
    unlock(index);
    return count;
}

size_t bkp_index_odd(bkp_index *index, size_t first, uint8_t *odd, size_t room) {
    const bkp_odd *from = &index->odd;
    pthread_rwlock_rdlock(&index->lock);
    size_t last = from->base_count + from->own_count, i;
    for (i = first; i < last && i - first < room; i++)
        memcpy(odd + (i - first) * BKP_ODD_SIZE,
               i < from->base_count ? from->base + i * BKP_ODD_SIZE
                                    : from->own + (i - from->base_count) * BKP_ODD_SIZE,
               BKP_ODD_SIZE);
    unlock(index);
    return i - first;
}

size_t bkp_index_memory(bkp_index *index) {
    pthread_rwlock_rdlock(&index->lock);
    size_t bytes = sizeof *index + index->odd.own_room * BKP_ODD_SIZE +
                   bkp_packs_memory(&index->packs);
    for (int kind = 0; kind < BKP_KINDS; kind++)
        bytes += bkp_table_memory(&index->tables[kind]);
    unlock(index);
    return bytes;
}

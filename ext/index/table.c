#include "table.h"

#include <stdlib.h>

#define SIZE BKP_RECORD_SIZE
#define MERGED_AT 64 /* a part of own */
#define RECENT_LEAST 256

static uint8_t *own_at(const bkp_table *table, size_t i) { return table->own.data + i * SIZE; }
static uint8_t *recent_at(const bkp_table *table, size_t i) {
    return table->recent.data + i * SIZE;
}

void bkp_table_free(bkp_table *table) {
    bkp_block_shrink(&table->own, 0);
    bkp_block_shrink(&table->recent, 0);
    free(table->slots);
    table->slots = NULL;
}

size_t bkp_table_memory(const bkp_table *table) {
    size_t slots = table->slots ? sizeof(uint32_t) << table->slot_bits : 0;
    return (table->own_count + table->waiting + table->recent_count) * SIZE + slots;
}

/* ---- merging ---- */

/* Merge sorted records into own from behind, in place: own has room for them. */
static void merge_from_behind(bkp_table *table, const uint8_t *more, size_t count,
                              const bkp_odd *odd) {
    size_t left = table->own_count;
    uint8_t *end = own_at(table, left + count);
    table->own_count += count;
    while (count > 0) {
        const uint8_t *record = more + (count - 1) * SIZE;
        size_t low = 0, high = left; /* the first of own that comes after it */
        for (size_t stride = 1; high > 0; stride *= 2) {
            size_t probe = high > stride ? high - stride : 0;
            if (bkp_compare(own_at(table, probe), record, odd) <= 0) {
                low = probe + 1;
                break;
            }
            high = probe;
        }
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (bkp_compare(own_at(table, middle), record, odd) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        size_t moved = (left - low) * SIZE;
        end -= moved;
        memmove(end, own_at(table, low), moved);
        left = low;
        end -= SIZE;
        memcpy(end, record, SIZE);
        count--;
    }
}

static void drop_removed(bkp_table *table) {
    size_t kept = 0;
    for (size_t i = 0; i < table->own_count; i++)
        if (!bkp_is_removed(own_at(table, i))) {
            if (kept != i)
                memcpy(own_at(table, kept), own_at(table, i), SIZE);
            kept++;
        }
    table->own_count = kept;
    table->removed[1] = 0;
}

static int is_in_base(const bkp_table *table, const uint8_t *record, const bkp_odd *odd) {
    bkp_entry entry;
    memcpy(entry.id, record, BKP_ID_SIZE);
    entry.place = bkp_decode(record, SIZE_MAX, odd);
    size_t found = bkp_find_entry(table->base, table->base_count, &entry, odd);
    return found < table->base_count && bkp_compare(table->base + found * SIZE, record, odd) == 0;
}

static void drop_doubles(bkp_table *table, const bkp_odd *odd) {
    size_t kept = 0;
    for (size_t i = 0; i < table->own_count; i++) {
        uint8_t *record = own_at(table, i);
        if (kept && bkp_compare(own_at(table, kept - 1), record, odd) == 0)
            continue;
        if (table->base_count && is_in_base(table, record, odd))
            continue;
        if (kept != i)
            memcpy(own_at(table, kept), record, SIZE);
        kept++;
    }
    table->own_count = kept;
}

static void forget_recent(bkp_table *table) {
    table->recent_count = table->recent_most = table->removed[2] = 0;
    bkp_block_shrink(&table->recent, 0);
    free(table->slots);
    table->slots = NULL;
}

static int merge_recent(bkp_table *table, const bkp_odd *odd) {
    size_t count = 0;
    if (table->removed[1])
        drop_removed(table);
    if (bkp_block_grow(&table->own, (table->own_count + table->recent_count) * SIZE))
        return BKP_NO_MEMORY;
    for (size_t i = 0; i < table->recent_count; i++)
        if (!bkp_is_removed(recent_at(table, i))) {
            if (count != i)
                memcpy(recent_at(table, count), recent_at(table, i), SIZE);
            count++;
        }
    bkp_sort(table->recent.data, count, odd);
    merge_from_behind(table, table->recent.data, count, odd);
    forget_recent(table);
    return BKP_OK;
}

int bkp_table_settle(bkp_table *table, const bkp_odd *odd) {
    size_t count = table->waiting;
    if (!count)
        return BKP_OK;
    if (table->recent_count) { /* what waits stands in the way of merging: take it along */
        size_t all = table->own_count + count;
        if (bkp_block_grow(&table->own, (all + table->recent_count) * SIZE))
            return BKP_NO_MEMORY;
        for (size_t i = 0; i < table->recent_count; i++)
            if (!bkp_is_removed(recent_at(table, i))) {
                memcpy(own_at(table, all + count - table->waiting), recent_at(table, i), SIZE);
                count++;
            }
        forget_recent(table);
    }
    uint8_t *more = own_at(table, table->own_count);
    uint8_t *aside = NULL;
    if (count <= table->own_count / MERGED_AT && !table->removed[1])
        aside = malloc(count * SIZE);
    if (aside) {
        memcpy(aside, more, count * SIZE);
        bkp_sort(aside, count, odd);
        merge_from_behind(table, aside, count, odd);
        free(aside);
    } else {
        table->own_count += count;
        drop_removed(table);
        bkp_sort(table->own.data, table->own_count, odd);
    }
    table->waiting = 0;
    table->is_counted = 0;
    drop_doubles(table, odd);
    bkp_block_shrink(&table->own, table->own_count * SIZE);
    return BKP_OK;
}

int bkp_table_merge(bkp_table *table, const bkp_odd *odd) {
    int failed = bkp_table_settle(table, odd);
    return failed || !table->recent_count ? failed : merge_recent(table, odd);
}

/* ---- what is recent ---- */

static size_t slot_of(const bkp_table *table, const uint8_t *id) {
    return (size_t)((bkp_load64(id) * table->seed) >> (64 - table->slot_bits));
}

static int begin_recent(bkp_table *table) {
    size_t most = table->own_count / MERGED_AT;
    unsigned bits = 1;
    if (most < RECENT_LEAST)
        most = RECENT_LEAST;
    while (((size_t)1 << bits) < most + most / 3)
        bits++;
    table->slots = calloc((size_t)1 << bits, sizeof(uint32_t));
    if (!table->slots)
        return BKP_NO_MEMORY;
    table->slot_bits = bits;
    table->recent_most = most;
    return BKP_OK;
}

static int add_recent(bkp_table *table, const bkp_entry *entry, bkp_odd *odd) {
    size_t last = ((size_t)1 << table->slot_bits) - 1;
    size_t slot = slot_of(table, entry->id);
    while (table->slots[slot])
        slot = slot == last ? 0 : slot + 1;
    if (bkp_block_grow(&table->recent, (table->recent_count + 1) * SIZE))
        return BKP_NO_MEMORY;
    int failed = bkp_encode(recent_at(table, table->recent_count), entry, odd);
    if (!failed)
        table->slots[slot] = (uint32_t)++table->recent_count;
    return failed;
}

/* ---- copies of a blob ---- */

static void begin_part(bkp_copies *copies) {
    const bkp_table *table = copies->table;
    uint8_t *records = copies->part == 0 ? table->base : table->own.data;
    size_t count = copies->part == 0 ? table->base_count : table->own_count;
    copies->next = copies->end = NULL;
    if (!count)
        return;
    size_t found =
        copies->is_found ? copies->found[copies->part] : bkp_find(records, count, copies->id);
    copies->next = records + found * SIZE;
    copies->end = records + count * SIZE;
}

bkp_copies bkp_table_copies(const bkp_table *table, const uint8_t *id) {
    bkp_copies copies = {.table = table, .id = id};
    begin_part(&copies);
    return copies;
}

static void search_each(const uint8_t *records, size_t count, const uint8_t *ids, size_t many,
                        bkp_copies *copies, int part) {
    bkp_search searches[BKP_TOGETHER];
    for (size_t i = 0; i < many; i++)
        bkp_search_begin(&searches[i], records, count, ids + i * BKP_ID_SIZE);
    for (int go_on = 1; go_on;) {
        go_on = 0;
        for (size_t i = 0; i < many; i++)
            go_on |= bkp_search_step(&searches[i], records);
    }
    for (size_t i = 0; i < many; i++)
        copies[i].found[part] = searches[i].low;
}

void bkp_table_copies_each(const bkp_table *table, const uint8_t *ids, size_t count,
                           bkp_copies *copies) {
    search_each(table->base, table->base_count, ids, count, copies, 0);
    search_each(table->own.data, table->own_count, ids, count, copies, 1);
    for (size_t i = 0; i < count; i++) {
        copies[i].table = table;
        copies[i].id = ids + i * BKP_ID_SIZE;
        copies[i].part = 0;
        copies[i].is_found = 1;
        begin_part(&copies[i]);
    }
}

static uint8_t *next_recent(bkp_copies *copies) {
    const bkp_table *table = copies->table;
    if (!table->slots)
        return NULL;
    size_t last = ((size_t)1 << table->slot_bits) - 1;
    for (uint32_t number; (number = table->slots[copies->slot]) != 0;) {
        copies->slot = copies->slot == last ? 0 : copies->slot + 1;
        uint8_t *record = recent_at(table, number - 1);
        if (memcmp(record, copies->id, BKP_ID_SIZE) == 0 && !bkp_is_removed(record))
            return record;
    }
    return NULL;
}

uint8_t *bkp_next_copy(bkp_copies *copies) {
    while (copies->part < 2) {
        while (copies->next < copies->end && memcmp(copies->next, copies->id, BKP_ID_SIZE) == 0) {
            uint8_t *record = copies->next;
            copies->next += SIZE;
            if (!bkp_is_removed(record))
                return record;
        }
        copies->part++;
        if (copies->part == 1)
            begin_part(copies);
        else if (copies->table->slots)
            copies->slot = slot_of(copies->table, copies->id);
    }
    return next_recent(copies);
}

int bkp_table_remove(bkp_table *table, const uint8_t *id, const bkp_odd *odd) {
    int failed = bkp_table_settle(table, odd);
    if (failed)
        return failed;
    bkp_copies copies = bkp_table_copies(table, id);
    int was_there = 0;
    for (uint8_t *record; (record = bkp_next_copy(&copies)) != NULL;) {
        was_there = 1;
        table->removed[copies.part]++;
        bkp_remove(record);
    }
    table->blobs -= table->is_counted && was_there;
    return BKP_OK;
}

/* ---- adding ---- */

static int has_entry(const uint8_t *records, size_t count, const bkp_entry *entry,
                     const bkp_odd *odd) {
    size_t found = bkp_find_entry(records, count, entry, odd);
    return found < count && bkp_compare_entry(records + found * SIZE, entry, odd) == 0;
}

/* Whether this copy of a known blob is known; there may be very many copies. */
static int has_copy(const bkp_table *table, const bkp_entry *entry, const bkp_odd *odd) {
    if (has_entry(table->base, table->base_count, entry, odd) ||
        has_entry(table->own.data, table->own_count, entry, odd))
        return 1;
    bkp_copies copies = {.table = table, .id = entry->id, .part = 2};
    if (table->slots)
        copies.slot = slot_of(table, entry->id);
    for (uint8_t *record; (record = bkp_next_copy(&copies)) != NULL;)
        if (bkp_compare_entry(record, entry, odd) == 0)
            return 1;
    return 0;
}

int bkp_table_add(bkp_table *table, const bkp_entry *entry, bkp_odd *odd) {
    int failed = bkp_table_settle(table, odd);
    if (failed)
        return failed;
    bkp_copies copies = bkp_table_copies(table, entry->id);
    int is_known = bkp_next_copy(&copies) != NULL;
    if (is_known && has_copy(table, entry, odd))
        return BKP_OK;
    if (table->slots && table->recent_count == table->recent_most)
        failed = merge_recent(table, odd);
    if (!failed && !table->slots)
        failed = begin_recent(table);
    if (!failed)
        failed = add_recent(table, entry, odd);
    if (!failed && table->is_counted && !is_known)
        table->blobs++;
    return failed;
}

int bkp_table_add_later(bkp_table *table, const bkp_entry *entry, bkp_odd *odd) {
    size_t count = table->own_count + table->waiting;
    if (bkp_block_grow(&table->own, (count + 1) * SIZE))
        return BKP_NO_MEMORY;
    int failed = bkp_encode(own_at(table, count), entry, odd);
    if (!failed)
        table->waiting++;
    return failed;
}

/* ---- in order ---- */

void bkp_table_walk(const bkp_table *table, const bkp_entry *after, const bkp_odd *odd,
                    int (*take)(void *context, const uint8_t *record), void *context) {
    const uint8_t *part[2] = {table->base, table->own.data};
    size_t count[2] = {table->base_count, table->own_count}, next[2] = {0, 0};
    const uint8_t *last = NULL;
    for (int i = 0; i < 2 && after; i++) {
        if (!count[i])
            continue;
        next[i] = bkp_find_entry(part[i], count[i], after, odd);
        if (next[i] < count[i] &&
            bkp_compare_entry(part[i] + next[i] * SIZE, after, odd) == 0)
            next[i]++;
    }
    while (next[0] < count[0] || next[1] < count[1]) {
        int from = next[0] == count[0];
        if (next[0] < count[0] && next[1] < count[1])
            from = bkp_compare(part[0] + next[0] * SIZE, part[1] + next[1] * SIZE, odd) > 0;
        const uint8_t *record = part[from] + next[from] * SIZE;
        next[from]++;
        if (bkp_is_removed(record))
            continue;
        /* Only forward, even if somebody wrote into the base: else a walk could have no end. */
        if (last ? bkp_compare(record, last, odd) <= 0
                 : after && bkp_compare_entry(record, after, odd) <= 0)
            continue;
        last = record;
        if (take(context, record))
            return;
    }
}

typedef struct {
    const uint8_t *last;
    size_t blobs;
} counting;

static int count_blob(void *context, const uint8_t *record) {
    counting *so_far = context;
    so_far->blobs += !so_far->last || memcmp(so_far->last, record, BKP_ID_SIZE) != 0;
    so_far->last = record;
    return 0;
}

size_t bkp_table_blobs(bkp_table *table, const bkp_odd *odd) {
    if (!table->is_counted) {
        counting so_far = {NULL, 0};
        bkp_table_walk(table, NULL, odd, count_blob, &so_far);
        table->blobs = so_far.blobs;
        table->is_counted = 1;
    }
    return table->blobs;
}

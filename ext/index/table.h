/* The copies of all blobs of one kind.
 *
 * Three parts, in which a blob is looked for in turn:
 *
 *   base    sorted; a file that was saved before, mapped.  Never grows.
 *   own     sorted; what was read since.  Behind it may wait what was added
 *           in bulk, unsorted; `settle` sorts it in.
 *   recent  unsorted, found by a hash table; what this run adds.  Merged into
 *           `own` from behind when it has a 64th of its size: so it costs a
 *           64th more memory at most, and each record is moved 64 times.
 *
 * No two records of a table are equal, removed ones aside.  Removing removes
 * all copies of a blob, so those that are next to each other in one part are
 * removed all or none, and their order then does not matter.
 */
#ifndef BKP_TABLE_H
#define BKP_TABLE_H

#include "memory.h"
#include "records.h"

typedef struct {
    uint8_t *base;
    size_t base_count;
    bkp_block own;
    size_t own_count, waiting;
    bkp_block recent;
    size_t recent_count, recent_most;
    uint32_t *slots; /* 1 + number in recent; 0: empty */
    unsigned slot_bits;
    uint64_t seed;
    size_t removed[3]; /* records that are marked, in base, own and recent */
    size_t blobs; /* distinct ones */
    int is_counted;
} bkp_table;

void bkp_table_free(bkp_table *table);

/* Add a record unless it is there; settles before. */
int bkp_table_add(bkp_table *table, const bkp_entry *entry, bkp_odd *odd);

/* Add a record to be sorted in later. */
int bkp_table_add_later(bkp_table *table, const bkp_entry *entry, bkp_odd *odd);

static inline int bkp_table_is_settled(const bkp_table *table) { return !table->waiting; }
int bkp_table_settle(bkp_table *table, const bkp_odd *odd);

/* Settle, and merge what is recent, so that everything is sorted. */
int bkp_table_merge(bkp_table *table, const bkp_odd *odd);

/* The copies of a blob in a settled table, in turn: NULL when there are no more. */
typedef struct {
    const bkp_table *table;
    const uint8_t *id;
    uint8_t *next, *end; /* in a sorted part */
    int part;
    size_t slot;
    int is_found;
    size_t found[2]; /* where they begin in base and own, if that is known */
} bkp_copies;

bkp_copies bkp_table_copies(const bkp_table *table, const uint8_t *id);

/* The same for many ids, at most BKP_TOGETHER, while memory answers all of them at once. */
#define BKP_TOGETHER 16
void bkp_table_copies_each(const bkp_table *table, const uint8_t *ids, size_t count,
                           bkp_copies *copies);

uint8_t *bkp_next_copy(bkp_copies *copies);

/* Forget all copies of a blob. */
int bkp_table_remove(bkp_table *table, const uint8_t *id, const bkp_odd *odd);

/* Call for all records of a merged table in order, beginning after an entry or, if that is NULL,
 * at the start; stops when `take` returns non-zero. */
void bkp_table_walk(const bkp_table *table, const bkp_entry *after, const bkp_odd *odd,
                    int (*take)(void *context, const uint8_t *record), void *context);

/* The distinct blobs of a merged table. */
size_t bkp_table_blobs(bkp_table *table, const bkp_odd *odd);

static inline size_t bkp_table_records(const bkp_table *table) {
    return table->base_count + table->own_count + table->waiting + table->recent_count -
           table->removed[0] - table->removed[1] - table->removed[2];
}

size_t bkp_table_memory(const bkp_table *table);

#endif

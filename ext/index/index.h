/* Where is each blob: a table of hundreds of millions of places, and a reader of index JSON.
 *
 * This kernel owns memory; that is its job.  A blob costs RECORD_SIZE bytes and
 * a pack about 40; see records.h and table.h for how.  Every function that
 * takes an index locks it: any number of threads may look up while one
 * changes it, none needs the GIL, and none takes it while it holds the lock.
 *
 * `kind` is 0 for data, 1 for trees.  Functions that can fail return BKP_OK,
 * BKP_NO_MEMORY or BKP_TOO_MANY; after a failure what was there before is
 * still there, and what was being added may be there in part.
 */
#ifndef BKP_INDEX_H
#define BKP_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define BKP_ID_SIZE 32
#define BKP_RECORD_SIZE 45
#define BKP_ODD_SIZE 12
#define BKP_KINDS 2
#define BKP_UNKNOWN UINT32_MAX /* number of the pack of a blob that is in no index */

enum { BKP_OK = 0, BKP_NO_MEMORY = -1, BKP_TOO_MANY = -2, BKP_BUSY = -3, BKP_UNUSUAL = -4 };

/* One copy of a blob; offsets and lengths in bytes. */
typedef struct {
    uint32_t pack; /* number of its pack */
    uint32_t offset;
    uint32_t length; /* sealed */
    uint32_t raw_length; /* 0: stored without compression */
} bkp_place;

typedef struct {
    uint8_t id[BKP_ID_SIZE];
    bkp_place place;
} bkp_entry;

/* What an index object says, not yet in an index; the pack in a place is its position here. */
typedef struct {
    uint8_t *packs; /* ids, one after the other */
    size_t pack_count, pack_room;
    bkp_entry *entries;
    uint8_t *kinds; /* of each entry */
    size_t entry_count, entry_room;
} bkp_staged;

/* What a saved index consists of: memory that outlives the index and may be written to.
 * Nothing in it is trusted for bounds; if it is not sorted, blobs are not found. */
typedef struct {
    const uint8_t *packs;
    size_t pack_count;
    const uint8_t *odd;
    size_t odd_count;
    uint8_t *records[BKP_KINDS];
    size_t record_count[BKP_KINDS];
} bkp_base;

typedef struct bkp_index bkp_index;

/* The seed makes it hard to choose blobs whose ids collide. NULL: no memory. */
bkp_index *bkp_index_new(uint64_t seed);
void bkp_index_free(bkp_index *index);

/* Stand on a saved index; only an index that has nothing in it can. */
int bkp_index_attach(bkp_index *index, const bkp_base *base);

/* Read the JSON of an index object.
 *
 * Takes what programs write and much more; whatever is not plainly right, or
 * plain, is BKP_UNUSUAL and for a general parser to judge.  What is taken,
 * that parser takes as well, with the same meaning.  Packs to be deleted are
 * checked and left out.  `staged` need not be prepared; it is empty after a
 * failure, and otherwise to be freed. */
int bkp_staged_parse(bkp_staged *staged, const uint8_t *text, size_t size);

/* Prepare, fill and free by hand. */
void bkp_staged_init(bkp_staged *staged);
int bkp_staged_add_pack(bkp_staged *staged, const uint8_t *id);
int bkp_staged_add(bkp_staged *staged, int kind, const bkp_entry *entry);
void bkp_staged_free(bkp_staged *staged);

/* Add what was staged.  Adding again what is there changes nothing.
 *
 * `is_bulk` adds faster, but leaves work to whoever looks up next; meant for
 * adding one index object after the other. */
int bkp_index_add(bkp_index *index, const bkp_staged *staged, int is_bulk);

/* Do the work that adding in bulk left. */
int bkp_index_settle(bkp_index *index);

/* Forget all copies of a blob, until one is added again. */
int bkp_index_distrust(bkp_index *index, int kind, const uint8_t *id);

/* Look up one blob: *found is the number of its copies, of which the first `room` are stored.
 *
 * Without `may_wait` it returns BKP_BUSY instead of waiting for a change. */
int bkp_index_places(bkp_index *index, int kind, const uint8_t *id, bkp_place *places,
                     size_t room, size_t *found, int may_wait);

/* Look up many: known[i] is 1 if the i-th of the concatenated ids is there, else 0. */
int bkp_index_has_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                       uint8_t *known);

/* The first copy of each of many: `columns` has 4 columns of `count` numbers, as in a place.
 * The pack of one that is not there is BKP_UNKNOWN, the other numbers 0. */
int bkp_index_first_each(bkp_index *index, int kind, const uint8_t *ids, size_t count,
                         uint32_t *columns);

/* The order in which the blobs of such columns lie: by pack, then offset; unknown ones last. */
int bkp_stored_order(const uint32_t *columns, size_t count, uint32_t *order);

/* Copies that come after a given one (NULL: from the start), in a fixed order, at most `room`.
 * *found is less than room only at the end. */
int bkp_index_walk(bkp_index *index, int kind, const bkp_entry *after, bkp_entry *entries,
                   size_t room, size_t *found);

/* The same as records, to be saved. `after` is the last record of the call before, or NULL. */
int bkp_index_export(bkp_index *index, int kind, const uint8_t *after, uint8_t *records,
                     size_t room, size_t *found);

/* Sum up, for each of the first `count` packs, its copies and their sealed lengths, and how many
 * of the copies are compressed. */
int bkp_index_totals(bkp_index *index, size_t count, uint64_t *bytes, uint32_t *copies,
                     uint32_t *compressed);

/* Numbers of blobs, which may take a pass over all of them, and of copies. */
int bkp_index_blobs(bkp_index *index, size_t *blobs);
int bkp_index_copies(bkp_index *index, size_t *copies);

size_t bkp_index_pack_count(bkp_index *index);
/* Copy ids of packs from a number on, at most `room`; return how many. */
size_t bkp_index_pack_ids(bkp_index *index, size_t first, uint8_t *ids, size_t room);
/* The number of a pack, or BKP_UNKNOWN. */
uint32_t bkp_index_pack_number(bkp_index *index, const uint8_t *id);
size_t bkp_index_odd_count(bkp_index *index);
/* Copy the odd places (see records.h) from a number on, at most `room`; return how many. */
size_t bkp_index_odd(bkp_index *index, size_t first, uint8_t *odd, size_t room);

/* Bytes allocated, without what was attached. */
size_t bkp_index_memory(bkp_index *index);

#endif

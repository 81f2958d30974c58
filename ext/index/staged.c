#include <stdlib.h>
#include <string.h>

#include "index.h"

void bkp_staged_init(bkp_staged *staged) { memset(staged, 0, sizeof *staged); }

void bkp_staged_free(bkp_staged *staged) {
    free(staged->packs);
    free(staged->entries);
    free(staged->kinds);
    bkp_staged_init(staged);
}

int bkp_staged_add_pack(bkp_staged *staged, const uint8_t *id) {
    if (staged->pack_count == staged->pack_room) {
        size_t room = staged->pack_room + staged->pack_room / 2 + 4;
        uint8_t *grown = realloc(staged->packs, room * BKP_ID_SIZE);
        if (!grown)
            return BKP_NO_MEMORY;
        staged->packs = grown;
        staged->pack_room = room;
    }
    memcpy(staged->packs + staged->pack_count++ * BKP_ID_SIZE, id, BKP_ID_SIZE);
    return BKP_OK;
}

int bkp_staged_add(bkp_staged *staged, int kind, const bkp_entry *entry) {
    if (staged->entry_count == staged->entry_room) {
        size_t room = staged->entry_room + staged->entry_room / 2 + 16;
        bkp_entry *entries = realloc(staged->entries, room * sizeof *entries);
        if (!entries)
            return BKP_NO_MEMORY;
        staged->entries = entries;
        uint8_t *kinds = realloc(staged->kinds, room);
        if (!kinds)
            return BKP_NO_MEMORY;
        staged->kinds = kinds;
        staged->entry_room = room;
    }
    staged->kinds[staged->entry_count] = (uint8_t)kind;
    staged->entries[staged->entry_count++] = *entry;
    return BKP_OK;
}

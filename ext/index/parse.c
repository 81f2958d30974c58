/* Reading index JSON: a parser for what is plain, that says so when it is not. */

#include <string.h>

#include "index.h"

#define DEEPEST 16 /* of what is skipped */
#define SEALED_LEAST 32 /* bytes: a seal without anything in it */

typedef struct {
    const uint8_t *at, *end;
    bkp_staged *staged;
    uint32_t pack; /* the one being read */
    int is_kept; /* or checked only */
} reader;

typedef struct {
    const char *text;
    size_t size;
} slice;

/* Reads the value of the member `key` of an object, a bit for each in `seen`. */
typedef int (*member_reader)(reader *in, slice key, unsigned *seen, void *object);

static void skip_space(reader *in) {
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
        in->at++;
}

static int next_is(reader *in, uint8_t character) {
    skip_space(in);
    if (in->at == in->end || *in->at != character)
        return 0;
    in->at++;
    return 1;
}

static int next_word(reader *in, const char *word) {
    size_t size = strlen(word);
    skip_space(in);
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, word, size) != 0)
        return 0;
    in->at += size;
    return 1;
}

static int is_key(slice key, const char *name) {
    return key.size == strlen(name) && memcmp(key.text, name, key.size) == 0;
}

/* Printable ASCII without escapes, which means the same to everybody. */
static int read_string(reader *in, slice *text) {
    if (!next_is(in, '"'))
        return BKP_UNUSUAL;
    text->text = (const char *)in->at;
    while (in->at < in->end && *in->at >= 0x20 && *in->at < 0x7f && *in->at != '"' &&
           *in->at != '\\')
        in->at++;
    text->size = (size_t)(in->at - (const uint8_t *)text->text);
    if (in->at == in->end || *in->at != '"')
        return BKP_UNUSUAL;
    in->at++;
    return BKP_OK;
}

static const uint8_t HEX[256] = {
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21, ['6'] = 22, ['7'] = 23,
    ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
};

static int read_id(reader *in, uint8_t *id) {
    if (!next_is(in, '"') || in->end - in->at < 2 * BKP_ID_SIZE + 1 ||
        in->at[2 * BKP_ID_SIZE] != '"')
        return BKP_UNUSUAL;
    unsigned is_hex = 16;
    for (int i = 0; i < BKP_ID_SIZE; i++, in->at += 2) {
        unsigned high = HEX[in->at[0]], low = HEX[in->at[1]];
        is_hex &= high & low;
        id[i] = (uint8_t)(high << 4 | (low & 15));
    }
    in->at++;
    return is_hex ? BKP_OK : BKP_UNUSUAL;
}

static int is_digit(const reader *in) {
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

/* A plain integer of at most 15 digits, which any parser can hold. */
static int read_integer(reader *in, uint64_t *number) {
    skip_space(in);
    const uint8_t *start = in->at;
    for (*number = 0; is_digit(in); in->at++) {
        *number = *number * 10 + (*in->at - '0');
        if (in->at - start == 15)
            return BKP_UNUSUAL;
    }
    if (in->at == start || (*start == '0' && in->at - start > 1))
        return BKP_UNUSUAL;
    if (in->at < in->end && (*in->at == '.' || *in->at == 'e' || *in->at == 'E'))
        return BKP_UNUSUAL;
    return BKP_OK;
}

static int read_u32(reader *in, uint32_t *value) {
    uint64_t number;
    if (read_integer(in, &number) || number > UINT32_MAX)
        return BKP_UNUSUAL;
    *value = (uint32_t)number;
    return BKP_OK;
}

static int read_u32_or_null(reader *in, uint32_t *value) {
    *value = 0;
    return next_word(in, "null") ? BKP_OK : read_u32(in, value);
}

static int read_object(reader *in, member_reader read_member, unsigned *seen, void *object) {
    *seen = 0;
    if (!next_is(in, '{'))
        return BKP_UNUSUAL;
    if (next_is(in, '}'))
        return BKP_OK;
    do {
        slice key;
        int failed = read_string(in, &key);
        if (!failed && !next_is(in, ':'))
            failed = BKP_UNUSUAL;
        if (!failed)
            failed = read_member(in, key, seen, object);
        if (failed)
            return failed;
    } while (next_is(in, ','));
    return next_is(in, '}') ? BKP_OK : BKP_UNUSUAL;
}

static int read_list(reader *in, int (*read_item)(reader *in)) {
    if (!next_is(in, '['))
        return BKP_UNUSUAL;
    if (next_is(in, ']'))
        return BKP_OK;
    do {
        int failed = read_item(in);
        if (failed)
            return failed;
    } while (next_is(in, ','));
    return next_is(in, ']') ? BKP_OK : BKP_UNUSUAL;
}

/* Note that a member was seen; a second one means what the general parser says it does. */
static int is_again(unsigned *seen, unsigned bit) {
    int again = (*seen & bit) != 0;
    *seen |= bit;
    return again;
}

/* ---- members nobody here knows ---- */

static int skip_value(reader *in, int depth);

static int skip_members(reader *in, int depth) {
    slice text;
    if (next_is(in, '}'))
        return BKP_OK;
    do {
        if (read_string(in, &text) || !next_is(in, ':') || skip_value(in, depth + 1))
            return BKP_UNUSUAL;
    } while (next_is(in, ','));
    return next_is(in, '}') ? BKP_OK : BKP_UNUSUAL;
}

static int skip_items(reader *in, int depth) {
    if (next_is(in, ']'))
        return BKP_OK;
    do {
        if (skip_value(in, depth + 1))
            return BKP_UNUSUAL;
    } while (next_is(in, ','));
    return next_is(in, ']') ? BKP_OK : BKP_UNUSUAL;
}

static int skip_value(reader *in, int depth) {
    uint64_t number;
    slice text;
    if (depth > DEEPEST)
        return BKP_UNUSUAL;
    if (next_is(in, '{'))
        return skip_members(in, depth);
    if (next_is(in, '['))
        return skip_items(in, depth);
    if (next_word(in, "null") || next_word(in, "true") || next_word(in, "false"))
        return BKP_OK;
    if (in->at < in->end && *in->at == '"')
        return read_string(in, &text);
    return read_integer(in, &number);
}

/* ---- blobs, packs, the whole ---- */

enum { BLOB_ID = 1, BLOB_TYPE = 2, BLOB_OFFSET = 4, BLOB_LENGTH = 8, BLOB_RAW = 16 };
enum { PACK_ID = 1, PACK_BLOBS = 2, PACK_TIME = 4, PACK_SIZE = 8 };
enum { PACKS = 1, PACKS_TO_DELETE = 2 };

typedef struct {
    bkp_entry entry;
    int kind;
} blob;

static int read_type(reader *in, int *kind) {
    slice type;
    if (read_string(in, &type))
        return BKP_UNUSUAL;
    *kind = is_key(type, "tree");
    return *kind || is_key(type, "data") ? BKP_OK : BKP_UNUSUAL;
}

static int read_blob_member(reader *in, slice key, unsigned *seen, void *object) {
    blob *read = object;
    bkp_place *place = &read->entry.place;
    if (is_key(key, "id"))
        return is_again(seen, BLOB_ID) ? BKP_UNUSUAL : read_id(in, read->entry.id);
    if (is_key(key, "type"))
        return is_again(seen, BLOB_TYPE) ? BKP_UNUSUAL : read_type(in, &read->kind);
    if (is_key(key, "offset"))
        return is_again(seen, BLOB_OFFSET) ? BKP_UNUSUAL : read_u32(in, &place->offset);
    if (is_key(key, "length"))
        return is_again(seen, BLOB_LENGTH) ? BKP_UNUSUAL : read_u32(in, &place->length);
    if (is_key(key, "uncompressed_length"))
        return is_again(seen, BLOB_RAW) ? BKP_UNUSUAL : read_u32_or_null(in, &place->raw_length);
    return skip_value(in, 0);
}

static int read_blob(reader *in) {
    blob read = {.entry.place.pack = in->pack};
    unsigned seen, needed = BLOB_ID | BLOB_TYPE;
    int failed = read_object(in, read_blob_member, &seen, &read);
    if (failed)
        return failed;
    if ((seen & needed) != needed || read.entry.place.length < SEALED_LEAST)
        return BKP_UNUSUAL;
    return in->is_kept ? bkp_staged_add(in->staged, read.kind, &read.entry) : BKP_OK;
}

static int read_pack_member(reader *in, slice key, unsigned *seen, void *object) {
    slice text;
    uint32_t size;
    if (is_key(key, "id"))
        return is_again(seen, PACK_ID) ? BKP_UNUSUAL : read_id(in, object);
    if (is_key(key, "blobs")) {
        if (is_again(seen, PACK_BLOBS))
            return BKP_UNUSUAL;
        return next_word(in, "null") ? BKP_OK : read_list(in, read_blob);
    }
    if (is_key(key, "time")) {
        if (is_again(seen, PACK_TIME))
            return BKP_UNUSUAL;
        return next_word(in, "null") ? BKP_OK : read_string(in, &text);
    }
    if (is_key(key, "size"))
        return is_again(seen, PACK_SIZE) ? BKP_UNUSUAL : read_u32_or_null(in, &size);
    return skip_value(in, 0);
}

static int read_pack(reader *in) {
    uint8_t id[BKP_ID_SIZE];
    unsigned seen, needed = PACK_ID | PACK_BLOBS;
    in->pack = (uint32_t)in->staged->pack_count;
    int failed = read_object(in, read_pack_member, &seen, id);
    if (failed)
        return failed;
    if ((seen & needed) != needed || in->staged->pack_count >= UINT32_MAX)
        return BKP_UNUSUAL;
    return in->is_kept ? bkp_staged_add_pack(in->staged, id) : BKP_OK;
}

static int read_index_member(reader *in, slice key, unsigned *seen, void *object) {
    (void)object;
    if (is_key(key, "packs")) {
        if (is_again(seen, PACKS))
            return BKP_UNUSUAL;
        in->is_kept = 1;
        return next_word(in, "null") ? BKP_OK : read_list(in, read_pack);
    }
    if (is_key(key, "packs_to_delete")) {
        in->is_kept = 0;
        return is_again(seen, PACKS_TO_DELETE) ? BKP_UNUSUAL : read_list(in, read_pack);
    }
    if (is_key(key, "bkp_writers")) /* which are only beside packs to delete */
        return BKP_UNUSUAL;
    return skip_value(in, 0);
}

int bkp_staged_parse(bkp_staged *staged, const uint8_t *text, size_t size) {
    reader in = {.at = text, .end = text + size, .staged = staged};
    unsigned seen;
    bkp_staged_init(staged);
    int failed = read_object(&in, read_index_member, &seen, NULL);
    skip_space(&in);
    if (!failed && (in.at != in.end || !(seen & PACKS)))
        failed = BKP_UNUSUAL;
    if (failed)
        bkp_staged_free(staged);
    return failed;
}

/* Drive the nodes kernel over good and damaged trees, each in memory of exactly its size. */
#include "nodes/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char TREE[] =
    "{\"nodes\":[{\"name\":\"a b\",\"type\":\"file\",\"mode\":420,\"mtime\":\"2020-01-01T00:00:00Z\","
    "\"atime\":\"\",\"ctime\":\"\",\"uid\":0,\"gid\":4294967295,\"user\":\"r\\u00fc\\n\","
    "\"inode\":18446744073709551615,\"size\":9223372036854775807,\"links\":1,"
    "\"extended_attributes\":[{\"name\":\"user.x\",\"value\":\"AAE=\"},{\"name\":\"y\",\"value\":null}],"
    "\"content\":[\"" HEX "\",\"" HEX "\"]},"
    "{\"name\":\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\",\"type\":\"symlink\",\"linktarget\":\"x\\ufffd\","
    "\"linktarget_raw\":\"eP8=\",\"content\":null},"
    "{\"name\":\"\\\\xff\",\"type\":\"dir\",\"content\":null,\"subtree\":\"" HEX "\"}]}\n";

static const char *const PIECES[] = {
    "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "=", "\\u", "\\ud800", "\xf0\x9f", "\xed\xa0\x80",
    "\xff", "null", "\"content\":[", "\"subtree\":\"", ",\"error\":\"x\"", "99999999999999999999",
};
#define PIECE_COUNT (sizeof PIECES / sizeof *PIECES)

static uint64_t state = 1;

static size_t below(size_t limit)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(state >> 33) % limit;
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "nodes: %s\n", what);
        exit(1);
    }
}

/* A copy with nothing readable after it. */
static uint8_t *copy(const void *from, size_t length)
{
    uint8_t *made = malloc(length);
    require(made != NULL || !length, "out of memory");
    if (length)
        memcpy(made, from, length);
    return made;
}

static size_t count_nodes(const uint8_t *data, size_t length, bkp_tree_step *end)
{
    bkp_tree tree = {data, length, 0};
    bkp_node node;
    size_t count = 0, last = 0;
    const size_t room = BKP_TREE_IDS(length) * BKP_NODE_ID_SIZE;
    uint8_t *blobs = malloc(room + 1), *subtrees = malloc(room + 1);
    bkp_tree_needs needs = {blobs, subtrees};
    require(blobs && subtrees, "out of memory");
    bkp_tree_find_needs(data, length, &needs);
    require(needs.blobs <= blobs + room && needs.subtrees <= subtrees + room, "too many needs");
    free(blobs);
    free(subtrees);
    while ((*end = bkp_tree_next(&tree, &node)) == BKP_TREE_NODE) {
        uint8_t name[BKP_NODE_ID_SIZE];
        require(last < node.start && node.start < node.name && node.name <= node.name_end
                    && node.name_end < node.end && node.end <= length,
                "parts out of order");
        if (node.subtree)
            require(bkp_node_read_hex(data + node.subtree, BKP_NODE_ID_SIZE, name), "subtree");
        last = node.end;
        count++;
    }
    return count;
}

static void read_damaged_trees(void)
{
    const size_t whole = sizeof TREE - 1;
    bkp_tree_step end;
    uint8_t *good = copy(TREE, whole);
    require(count_nodes(good, whole, &end) == 3 && end == BKP_TREE_END, "the good tree");
    free(good);
    for (size_t length = 0; length < whole; length++) {
        uint8_t *part = copy(TREE, length);
        count_nodes(part, length, &end);
        require(end == BKP_TREE_NOT_PLAIN, "a part passed for the whole");
        free(part);
    }
    for (int round = 0; round < 200000; round++) {
        char changed[sizeof TREE + 64];
        const char *piece = PIECES[below(PIECE_COUNT)];
        size_t start = below(whole), skipped = below(4), length = strlen(piece);
        if (skipped > whole - start)
            skipped = whole - start;
        memcpy(changed, TREE, start);
        memcpy(changed + start, piece, length);
        memcpy(changed + start + length, TREE + start + skipped, whole - start - skipped);
        length += whole - skipped;
        uint8_t *data = copy(changed, length);
        count_nodes(data, length, &end);
        free(data);
    }
}

static void write_heads(void)
{
    static const int64_t TIMES[] = {INT64_MIN, -1, 0, 1, 1720000000120000000, INT64_MAX};
    static const int32_t OFFSETS[] = {-359999, -59, 0, 59, 3600, 359999, 360000, INT32_MIN + 1};
    uint8_t name[BKP_NODE_NAME_MAX], owner[BKP_NODE_OWNER_MAX];
    memset(name, 'n', sizeof name);
    memset(owner, 'o', sizeof owner);
    for (size_t i = 0; i < 6 * 8; i++) {
        int32_t offset = OFFSETS[i / 6];
        bkp_node_facts facts = {
            .name = name, .name_length = sizeof name, .user = owner, .user_length = sizeof owner,
            .group = owner, .group_length = sizeof owner, .st_mode = i % 2 ? 0107777 : 047777,
            .uid = UINT32_MAX, .gid = UINT32_MAX, .mtime = TIMES[i % 6], .ctime = TIMES[5 - i % 6],
            .mtime_offset = offset, .ctime_offset = offset, .inode = UINT64_MAX,
            .device_id = UINT64_MAX, .size = UINT64_MAX, .links = UINT64_MAX,
        };
        uint8_t *head = malloc(BKP_NODE_HEAD_MAX);
        require(head != NULL, "out of memory");
        size_t length = bkp_node_head(&facts, head);
        require((length != 0) == (-360000 < offset && offset < 360000), "offsets");
        require(length <= BKP_NODE_HEAD_MAX, "a head too long");
        free(head);
    }
}

static void write_and_read_contents(void)
{
    for (size_t count = 0; count < 5; count++) {
        size_t length = BKP_NODE_CONTENT_LENGTH(count), counted = 99;
        uint8_t *names = malloc(count * BKP_NODE_ID_SIZE + 1), *text = malloc(length);
        uint8_t *again = malloc(count * BKP_NODE_ID_SIZE + 1);
        require(names && text && again, "out of memory");
        for (size_t i = 0; i < count * BKP_NODE_ID_SIZE; i++)
            names[i] = (uint8_t)below(256);
        bkp_node_write_content(names, count, text);
        require(bkp_node_count_content(length, &counted) && counted == count, "the count");
        require(bkp_node_read_content(text, count, again), "content is not read back");
        require(!memcmp(names, again, count * BKP_NODE_ID_SIZE), "other names");
        for (size_t i = 0; i < length; i++) {
            text[i] ^= 0x20;
            require(!bkp_node_read_content(text, count, again), "damaged content");
            text[i] ^= 0x20;
        }
        free(names);
        free(text);
        free(again);
    }
    for (size_t length = 0, counted; length < 200; length++)
        if (bkp_node_count_content(length, &counted))
            require(BKP_NODE_CONTENT_LENGTH(counted) == length, "a length that is none");
    uint8_t name[BKP_NODE_ID_SIZE] = {1}, *text = malloc(BKP_NODE_SUBTREE_LENGTH);
    require(text != NULL, "out of memory");
    bkp_node_write_subtree(name, text);
    require(text[BKP_NODE_SUBTREE_LENGTH - 1] == '}', "a subtree");
    free(text);
}

int main(void)
{
    read_damaged_trees();
    write_heads();
    write_and_read_contents();
    puts("nodes: ok");
    return 0;
}

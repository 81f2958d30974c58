/* Nodes of trees as bytes: write plain ones, find them in a tree, take them apart.
 *
 * A tree is `{"nodes":[` nodes joined by `,` `]}` and a newline.  A node is an
 * object whose keys come in one order, without white space; its head is all
 * before `,"content":`.  Here only what is written like that is known, and of
 * numbers and texts only what a reader with the strictest types would accept.
 * "No" therefore never means that something is wrong, only that another must
 * look at it.
 *
 * Takes trees from storage, which may say anything: nothing is read beyond the
 * length given, there is no recursion, and time is linear.
 */
#ifndef BKP_NODES_H
#define BKP_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BKP_NODE_ID_SIZE 32
#define BKP_NODE_NAME_MAX 255  /* bytes; longer ones are not plain */
#define BKP_NODE_OWNER_MAX 128 /* bytes of JSON, with its quotation marks */
#define BKP_NODE_HEAD_MAX 1024

/* What a head is made of; times are in ns since the epoch, offsets in seconds east of UTC. */
typedef struct {
    const uint8_t *name, *user, *group; /* user and group are JSON; left out if empty or `""` */
    size_t name_length, user_length, group_length;
    uint32_t st_mode, uid, gid;
    int64_t mtime, ctime;
    int32_t mtime_offset, ctime_offset;
    uint64_t inode, device_id;
    uint64_t size, links; /* written for files only */
} bkp_node_facts;

/* Write the head of a regular file or a directory; return its length, or 0 if it is not plain.
 *
 * Not plain are other types, names with bytes that JSON or Go's quoting would
 * escape, and offsets of 100 hours or more.  Needs BKP_NODE_HEAD_MAX bytes. */
size_t bkp_node_head(const bkp_node_facts *facts, uint8_t *out);

/* Where the parts of a node are in the bytes that were searched. */
typedef struct {
    size_t start, end;
    size_t name, name_end;       /* between the quotation marks */
    bool has_escaped_name;       /* if not, these bytes are the name itself */
    bool is_directory;
    size_t subtree;              /* the 64 hex digits; 0 if it has none */
} bkp_node;

/* Read the node at `start`; return the position after it, or 0 if it is not plain. */
size_t bkp_node_read(const uint8_t *data, size_t length, size_t start, bkp_node *node);

/* A tree being read; begins with `position` 0. */
typedef struct {
    const uint8_t *data;
    size_t length, position;
} bkp_tree;

typedef enum { BKP_TREE_NODE, BKP_TREE_END, BKP_TREE_NOT_PLAIN } bkp_tree_step;

/* Read the next node of a tree.  The end is found only if it is the end of the data. */
bkp_tree_step bkp_tree_next(bkp_tree *tree, bkp_node *node);

/* Where the names of what a tree needs are written, BKP_NODE_ID_SIZE bytes each. */
typedef struct {
    uint8_t *blobs, *subtrees; /* moved behind what was written */
} bkp_tree_needs;

/* Ids that a tree of so many bytes can name at most, of either sort. */
#define BKP_TREE_IDS(length) ((length) / 66)

/* Write the contents of all files of a tree, and the trees of its directories.
 *
 * False unless it is plain and there is nothing wrong with it: files, directories and symbolic
 * links, sorted, with proper names, with times, and with contents or a tree. */
bool bkp_tree_find_needs(const uint8_t *data, size_t length, bkp_tree_needs *needs);

/* Length of what `bkp_node_write_content` writes for so many names. */
#define BKP_NODE_CONTENT_LENGTH(count) (11 + ((count) ? 67 * (count) + 1 : 2) + 1)

/* Write `,"content":[...]}` for names of BKP_NODE_ID_SIZE bytes each. */
void bkp_node_write_content(const uint8_t *names, size_t count, uint8_t *out);

/* Count the names in `,"content":[...]}` of a length; false if there is no such length. */
bool bkp_node_count_content(size_t length, size_t *count);

/* Read that back; false unless it is exactly what would be written for `count` names. */
bool bkp_node_read_content(const uint8_t *text, size_t count, uint8_t *names);

#define BKP_NODE_SUBTREE_LENGTH (15 + 12 + 64 + 2)

/* Write `,"content":null,"subtree":"..."}` for a name of BKP_NODE_ID_SIZE bytes. */
void bkp_node_write_subtree(const uint8_t *name, uint8_t *out);

/* Read `count` bytes from lower-case hex; false if it is anything else. */
bool bkp_node_read_hex(const uint8_t *text, size_t count, uint8_t *out);

#endif

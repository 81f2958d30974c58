#define _GNU_SOURCE /* memmem */
#include "nodes.h"

#include <string.h>

/* Nodes were read before they come here, so that inside of them a quotation mark that no
 * backslash precedes ends a text: a key between a comma and a colon is a key. */
#define FIND(data, start, end, key) find(data, start, end, key, sizeof(key) - 1)
#define HAS_TYPE(data, at, end, type) has(data, at, end, type "\"", sizeof(type))

/* The position after a key, or 0. */
static size_t find(const uint8_t *data, size_t start, size_t end, const char *key, size_t length)
{
    const uint8_t *found = memmem(data + start, end - start, key, length);
    return found ? (size_t)(found - data) + length : 0;
}

static bool has(const uint8_t *data, size_t at, size_t end, const char *text, size_t length)
{
    return end - at >= length && !memcmp(data + at, text, length);
}

/* A number of two digits from `least` to `most`. */
static bool is_number(const uint8_t *text, int least, int most)
{
    const int tens = text[0] - '0', ones = text[1] - '0';
    const int number = 10 * tens + ones;
    return 0 <= tens && tens <= 9 && 0 <= ones && ones <= 9 && least <= number && number <= most;
}

static int two_digits(const uint8_t *text)
{
    return 10 * (text[0] - '0') + text[1] - '0';
}

static bool is_date(const uint8_t *text)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!is_number(text, 0, 99) || !is_number(text + 2, 0, 99) || text[4] != '-'
        || !is_number(text + 5, 1, 12) || text[7] != '-')
        return false;
    const int year = 100 * two_digits(text) + two_digits(text + 2), month = two_digits(text + 5);
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return is_number(text + 8, 1, days[month - 1] + (is_leap && month == 2));
}

static bool is_clock(const uint8_t *text)
{
    return is_number(text, 0, 23) && text[2] == ':' && is_number(text + 3, 0, 59)
           && text[5] == ':' && is_number(text + 6, 0, 59);
}

/* Whether a text is an instant as trees have them. */
static bool is_time(const uint8_t *data, size_t at, size_t end)
{
    if (end - at < sizeof "2006-01-02T15:04:05Z" || !is_date(data + at) || data[at + 10] != 'T'
        || !is_clock(data + at + 11))
        return false;
    at += 19;
    if (data[at] == '.') {
        const size_t first = ++at;
        while (at < end && '0' <= data[at] && data[at] <= '9')
            at++;
        if (at == first)
            return false;
    }
    if (has(data, at, end, "Z\"", 2))
        return true;
    return end - at >= sizeof "+00:00" && (data[at] == '+' || data[at] == '-')
           && is_number(data + at + 1, 0, 99) && data[at + 3] == ':'
           && is_number(data + at + 4, 0, 59) && data[at + 6] == '"';
}

static bool is_name(const uint8_t *name, size_t length)
{
    if (!length || memchr(name, '/', length))
        return false;
    return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

/* Whether a name comes strictly behind the one before. */
static bool is_behind(const uint8_t *data, const bkp_node *before, const bkp_node *node)
{
    const size_t length = node->name_end - node->name;
    const size_t other = before->name_end - before->name;
    const int order =
        memcmp(data + node->name, data + before->name, length < other ? length : other);
    return order > 0 || (order == 0 && length > other);
}

/* Add the blobs of a file; false if it has not even an empty list. */
static bool add_contents(const uint8_t *data, size_t at, size_t end, bkp_tree_needs *needs)
{
    if (!(at = FIND(data, at, end, ",\"content\":[")))
        return false;
    for (; data[at] != ']'; at += data[at + 66] == ',' ? 67 : 66) {
        if (!bkp_node_read_hex(data + at + 1, BKP_NODE_ID_SIZE, needs->blobs))
            return false;
        needs->blobs += BKP_NODE_ID_SIZE;
    }
    return true;
}

static bool add(const uint8_t *data, const bkp_node *node, bkp_tree_needs *needs)
{
    const size_t type = node->name_end + sizeof "\",\"type\":\"" - 1;
    const size_t mtime = FIND(data, type, node->end, ",\"mtime\":\"");
    if (!mtime || !is_time(data, mtime, node->end))
        return false;
    if (node->is_directory) {
        if (!node->subtree
            || !bkp_node_read_hex(data + node->subtree, BKP_NODE_ID_SIZE, needs->subtrees))
            return false;
        needs->subtrees += BKP_NODE_ID_SIZE;
        return true;
    }
    if (HAS_TYPE(data, type, node->end, "file"))
        return add_contents(data, type, node->end, needs);
    return HAS_TYPE(data, type, node->end, "symlink") && !FIND(data, type, node->end, ",\"content\":[");
}

bool bkp_tree_find_needs(const uint8_t *data, size_t length, bkp_tree_needs *needs)
{
    bkp_tree tree = {data, length, 0};
    bkp_node node, before = {0};
    bkp_tree_step step;
    while ((step = bkp_tree_next(&tree, &node)) == BKP_TREE_NODE) {
        if (node.has_escaped_name || !is_name(data + node.name, node.name_end - node.name)
            || (before.end && !is_behind(data, &before, &node)) || !add(data, &node, needs))
            return false;
        before = node;
    }
    return step == BKP_TREE_END;
}

#include "nodes.h"

#include <string.h>

#define MATCHES(text, at, literal) matches(text, at, literal, sizeof(literal) - 1)

/* What is read.  Each function takes a position and returns the one after, or 0 for no;
 * nothing ends at 0, for a tree begins with a brace. */
typedef struct {
    const uint8_t *data;
    size_t length;
} text;

typedef enum { TEXT, UINT32, UINT63, UINT64, BASE64, XATTRS, CONTENT, SUBTREE } kind;

/* What may follow name and type, in this order, each at most once.  Left out are
 * generic_attributes, which may hold any JSON. */
static const struct {
    const char *key;
    uint8_t length;
    uint8_t kind;
} FIELDS[] = {
#define FIELD(name, kind) {"\"" name "\":", sizeof(name) + 2, kind}
    FIELD("mode", UINT32),
    FIELD("mtime", TEXT),
    FIELD("atime", TEXT),
    FIELD("ctime", TEXT),
    FIELD("uid", UINT32),
    FIELD("gid", UINT32),
    FIELD("user", TEXT),
    FIELD("group", TEXT),
    FIELD("inode", UINT64),
    FIELD("device_id", UINT64),
    FIELD("size", UINT63),
    FIELD("links", UINT63),
    FIELD("linktarget", TEXT),
    FIELD("linktarget_raw", BASE64),
    FIELD("extended_attributes", XATTRS),
    FIELD("device", UINT63),
    FIELD("content", CONTENT),
    FIELD("subtree", SUBTREE),
    FIELD("error", TEXT),
};
#define FIELD_COUNT (sizeof FIELDS / sizeof *FIELDS)

static size_t matches(text in, size_t at, const char *literal, size_t length)
{
    return in.length - at >= length && !memcmp(in.data + at, literal, length) ? at + length : 0;
}

static bool is_continuation(text in, size_t at, uint8_t low, uint8_t high)
{
    return at < in.length && low <= in.data[at] && in.data[at] <= high;
}

/* One character that is not ASCII, in UTF-8 as in RFC 3629: shortest form, no surrogates. */
static size_t read_wide(text in, size_t at)
{
    uint8_t first = in.data[at];
    uint8_t low = 0x80, high = 0xbf;
    int more;
    if (0xc2 <= first && first <= 0xdf)
        more = 1;
    else if (0xe0 <= first && first <= 0xef)
        more = 2;
    else if (0xf0 <= first && first <= 0xf4)
        more = 3;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (!is_continuation(in, ++at, low, high))
        return 0;
    for (at++; --more; at++)
        if (!is_continuation(in, at, 0x80, 0xbf))
            return 0;
    return at;
}

static int hex_digit(uint8_t byte)
{
    if ('0' <= byte && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return 'a' <= byte && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* What follows a backslash; surrogates, paired or not, are for others. */
static size_t read_escape(text in, size_t at)
{
    if (at >= in.length)
        return 0;
    uint8_t byte = in.data[at++];
    if (byte != 'u')
        return byte && strchr("\"\\/bfnrt", byte) ? at : 0;
    if (in.length - at < 4)
        return 0;
    unsigned code = 0;
    for (size_t end = at + 4; at < end; at++) {
        int digit = hex_digit(in.data[at]);
        if (digit < 0)
            return 0;
        code = code << 4 | (unsigned)digit;
    }
    return 0xd800 <= code && code <= 0xdfff ? 0 : at;
}

/* A string after its opening quotation mark. */
static size_t read_text(text in, size_t at, bool *has_escape)
{
    while (at < in.length) {
        uint8_t byte = in.data[at];
        if (byte == '"')
            return at + 1;
        if (byte < ' ')
            return 0;
        if (byte == '\\') {
            *has_escape = true;
            at = read_escape(in, at + 1);
        } else if (byte < 0x80) {
            at++;
        } else {
            at = read_wide(in, at);
        }
        if (!at)
            return 0;
    }
    return 0;
}

static size_t read_string(text in, size_t at)
{
    bool has_escape;
    return (at = MATCHES(in, at, "\"")) ? read_text(in, at, &has_escape) : 0;
}

static size_t read_number(text in, size_t at, uint64_t most)
{
    uint64_t number = 0;
    size_t start = at;
    for (; at < in.length && '0' <= in.data[at] && in.data[at] <= '9'; at++) {
        unsigned digit = in.data[at] - '0';
        if (number > (most - digit) / 10)
            return 0;
        number = 10 * number + digit;
    }
    return at == start || (in.data[start] == '0' && at - start > 1) ? 0 : at;
}

static bool is_base64_digit(uint8_t byte)
{
    uint8_t letter = byte | 0x20;
    return ('a' <= letter && letter <= 'z') || ('0' <= byte && byte <= '9') || byte == '+'
           || byte == '/';
}

static size_t read_base64(text in, size_t at)
{
    if (!(at = MATCHES(in, at, "\"")))
        return 0;
    size_t start = at;
    while (at < in.length && is_base64_digit(in.data[at]))
        at++;
    for (int most = 2; most && at < in.length && in.data[at] == '='; most--)
        at++;
    return (at - start) % 4 ? 0 : MATCHES(in, at, "\"");
}

static size_t read_xattrs(text in, size_t at)
{
    if (!(at = MATCHES(in, at, "[")))
        return 0;
    for (;;) {
        if (!(at = MATCHES(in, at, "{\"name\":")) || !(at = read_string(in, at))
            || !(at = MATCHES(in, at, ",\"value\":")))
            return 0;
        size_t null = MATCHES(in, at, "null");
        if (!(at = null ? null : read_base64(in, at)) || !(at = MATCHES(in, at, "}")))
            return 0;
        if (at < in.length && in.data[at] == ']')
            return at + 1;
        if (!(at = MATCHES(in, at, ",")))
            return 0;
    }
}

static size_t read_id(text in, size_t at)
{
    if (in.length - at < 66 || in.data[at] != '"' || in.data[at + 65] != '"')
        return 0;
    bool is_hex = true;
    for (size_t i = at + 1; i < at + 65; i++) {
        uint8_t byte = in.data[i];
        is_hex &= ('0' <= byte && byte <= '9') | ('a' <= byte && byte <= 'f');
    }
    return is_hex ? at + 66 : 0;
}

static size_t read_content(text in, size_t at)
{
    size_t end = MATCHES(in, at, "null");
    if (end || (end = MATCHES(in, at, "[]")) || !(at = MATCHES(in, at, "[")))
        return end;
    for (;;) {
        if (!(at = read_id(in, at)))
            return 0;
        if (at < in.length && in.data[at] == ']')
            return at + 1;
        if (!(at = MATCHES(in, at, ",")))
            return 0;
    }
}

static size_t read_value(text in, size_t at, kind what, bkp_node *node)
{
    switch (what) {
    case TEXT:
        return read_string(in, at);
    case UINT32:
        return read_number(in, at, UINT32_MAX);
    case UINT63:
        return read_number(in, at, INT64_MAX);
    case UINT64:
        return read_number(in, at, UINT64_MAX);
    case BASE64:
        return read_base64(in, at);
    case XATTRS:
        return read_xattrs(in, at);
    case CONTENT:
        return read_content(in, at);
    case SUBTREE:
        node->subtree = at + 1;
        return read_id(in, at);
    }
    return 0;
}

/* Name and type, which every node has. */
static size_t read_name_and_type(text in, size_t at, bkp_node *node)
{
    bool has_escape = false;
    if (!(at = MATCHES(in, at, "{\"name\":\"")))
        return 0;
    node->name = at;
    if (!(at = read_text(in, at, &node->has_escaped_name)))
        return 0;
    node->name_end = at - 1;
    if (!(at = MATCHES(in, at, ",\"type\":\"")))
        return 0;
    node->is_directory = MATCHES(in, at, "dir\"") != 0;
    at = read_text(in, at, &has_escape);
    return has_escape ? 0 : at;
}

size_t bkp_node_read(const uint8_t *data, size_t length, size_t start, bkp_node *node)
{
    text in = {data, length};
    *node = (bkp_node){.start = start};
    size_t at = read_name_and_type(in, start, node);
    for (size_t next = 0; at; next++) {
        if (at < length && data[at] == '}')
            return node->end = at + 1;
        if (!(at = MATCHES(in, at, ",")))
            return 0;
        size_t value = 0;
        for (; next < FIELD_COUNT; next++)
            if ((value = matches(in, at, FIELDS[next].key, FIELDS[next].length)))
                break;
        at = value ? read_value(in, value, FIELDS[next].kind, node) : 0;
    }
    return 0;
}

bkp_tree_step bkp_tree_next(bkp_tree *tree, bkp_node *node)
{
    text in = {tree->data, tree->length};
    size_t at = tree->position, end;
    bool is_first = at == 0;
    if (is_first && !(at = MATCHES(in, at, "{\"nodes\":[")))
        return BKP_TREE_NOT_PLAIN;
    if ((end = MATCHES(in, at, "]}\n")))
        return end == tree->length ? BKP_TREE_END : BKP_TREE_NOT_PLAIN;
    if (!is_first && !(at = MATCHES(in, at, ",")))
        return BKP_TREE_NOT_PLAIN;
    tree->position = bkp_node_read(tree->data, tree->length, at, node);
    return tree->position ? BKP_TREE_NODE : BKP_TREE_NOT_PLAIN;
}

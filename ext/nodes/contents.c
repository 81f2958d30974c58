#include "nodes.h"
#include "text.h"

#include <string.h>

#define CONTENT ",\"content\":["
#define SUBTREE ",\"content\":null,\"subtree\":\""

void bkp_node_write_content(const uint8_t *names, size_t count, uint8_t *out)
{
    memcpy(out, CONTENT, sizeof CONTENT - 1);
    out += sizeof CONTENT - 1;
    for (size_t i = 0; i < count; i++) {
        if (i)
            *out++ = ',';
        *out++ = '"';
        out = bkp_write_hex(out, names + i * BKP_NODE_ID_SIZE, BKP_NODE_ID_SIZE);
        *out++ = '"';
    }
    *out++ = ']';
    *out = '}';
}

bool bkp_node_count_content(size_t length, size_t *count)
{
    if (length == BKP_NODE_CONTENT_LENGTH((size_t)0)) {
        *count = 0;
        return true;
    }
    *count = length / 67;
    return *count && length == BKP_NODE_CONTENT_LENGTH(*count);
}

/* The value of a lower-case digit, beyond 15 if it is none. */
static unsigned value_of(uint8_t byte)
{
    unsigned number = byte - (unsigned)'0';
    unsigned letter = byte - (unsigned)'a';
    return number < 10 ? number : letter < 6 ? letter + 10 : 256;
}

bool bkp_node_read_hex(const uint8_t *text, size_t count, uint8_t *out)
{
    unsigned seen = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned high = value_of(text[2 * i]), low = value_of(text[2 * i + 1]);
        seen |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return seen < 16;
}

bool bkp_node_read_content(const uint8_t *text, size_t count, uint8_t *names)
{
    if (memcmp(text, CONTENT, sizeof CONTENT - 1))
        return false;
    text += sizeof CONTENT - 1;
    for (size_t i = 0; i < count; i++, text += 66) {
        if (i && *text++ != ',')
            return false;
        if (text[0] != '"' || text[65] != '"'
            || !bkp_node_read_hex(text + 1, BKP_NODE_ID_SIZE, names + i * BKP_NODE_ID_SIZE))
            return false;
    }
    return text[0] == ']' && text[1] == '}';
}

void bkp_node_write_subtree(const uint8_t *name, uint8_t *out)
{
    memcpy(out, SUBTREE, sizeof SUBTREE - 1);
    out = bkp_write_hex(out + sizeof SUBTREE - 1, name, BKP_NODE_ID_SIZE);
    memcpy(out, "\"}", 2);
}

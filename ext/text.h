/* Writing text piece by piece; each function returns where what it wrote ends. */
#ifndef BKP_TEXT_H
#define BKP_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BKP_WRITE(at, literal) \
    bkp_write_bytes(at, (const uint8_t *)(literal), sizeof(literal) - 1)

static inline uint8_t *bkp_write_bytes(uint8_t *at, const uint8_t *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

/* In decimal, at most 20 digits. */
static inline uint8_t *bkp_write_number(uint8_t *at, uint64_t number)
{
    uint8_t digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number);
    return bkp_write_bytes(at, digits + first, sizeof digits - first);
}

static inline uint8_t *bkp_write_hex(uint8_t *at, const uint8_t *bytes, size_t count)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *at++ = (uint8_t)DIGITS[bytes[i] >> 4];
        *at++ = (uint8_t)DIGITS[bytes[i] & 15];
    }
    return at;
}

#endif

#include "nodes.h"
#include "text.h"

#include <string.h>

#define SECOND INT64_C(1000000000)
#define DAY 86400

/* Bits of st_mode, the same on every Unix, and where Go has them. */
#define TYPE_BITS 0170000
#define DIRECTORY 0040000
#define REGULAR 0100000
#define SETUID 04000
#define SETGID 02000
#define STICKY 01000
#define GO_DIRECTORY (UINT32_C(1) << 31)
#define GO_SETUID (UINT32_C(1) << 23)
#define GO_SETGID (UINT32_C(1) << 22)
#define GO_STICKY (UINT32_C(1) << 20)

static uint8_t *write_digits(uint8_t *at, uint32_t number, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    return at + count;
}

/* The Gregorian calendar from 0000-03-01; years begin in March: the leap day is their last. */
static uint8_t *write_date(uint8_t *at, int64_t day)
{
    uint32_t since = (uint32_t)(day + 719468);
    uint32_t era = since / 146097; /* of 400 years */
    uint32_t day_of_era = since % 146097;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
                            - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    uint32_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    uint32_t year = 400 * era + year_of_era + (month >= 10);
    at = write_digits(at, year, 4);
    *at++ = '-';
    at = write_digits(at, month >= 10 ? month - 9 : month + 3, 2);
    *at++ = '-';
    return write_digits(at, day_of_month, 2);
}

static uint8_t *write_offset(uint8_t *at, int32_t offset)
{
    if (offset == 0) {
        *at++ = 'Z';
        return at;
    }
    uint32_t minutes = (uint32_t)(offset < 0 ? -offset : offset) / 60;
    *at++ = offset <= -60 ? '-' : '+'; /* cut to minutes first: -30 seconds are +00:00 */
    at = write_digits(at, minutes / 60, 2);
    *at++ = ':';
    return write_digits(at, minutes % 60, 2);
}

/* Any int64_t of ns lies in the years 1677 to 2262, so four digits always do. */
static uint8_t *write_time(uint8_t *at, int64_t ns, int32_t offset)
{
    int64_t second = ns / SECOND;
    int64_t fraction = ns % SECOND;
    if (fraction < 0) {
        fraction += SECOND;
        second--;
    }
    second += offset;
    int64_t day = (second >= 0 ? second : second - (DAY - 1)) / DAY;
    uint32_t clock = (uint32_t)(second - day * DAY);
    at = write_date(at, day);
    *at++ = 'T';
    at = write_digits(at, clock / 3600, 2);
    *at++ = ':';
    at = write_digits(at, clock / 60 % 60, 2);
    *at++ = ':';
    at = write_digits(at, clock % 60, 2);
    if (fraction) {
        *at++ = '.';
        at = write_digits(at, (uint32_t)fraction, 9);
        while (at[-1] == '0')
            at--;
    }
    return write_offset(at, offset);
}

static bool is_plain_name(const uint8_t *name, size_t length)
{
    if (length > BKP_NODE_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = name[i];
        if (byte < ' ' || byte > '~' || byte == '"' || byte == '\\' || byte == '<' || byte == '>'
            || byte == '&')
            return false;
    }
    return true;
}

static bool is_plain_offset(int32_t offset)
{
    return -360000 < offset && offset < 360000;
}

static uint32_t go_mode(uint32_t st_mode)
{
    return (st_mode & 0777) | ((st_mode & TYPE_BITS) == DIRECTORY ? GO_DIRECTORY : 0)
           | (st_mode & SETUID ? GO_SETUID : 0) | (st_mode & SETGID ? GO_SETGID : 0)
           | (st_mode & STICKY ? GO_STICKY : 0);
}

#define WRITE_NUMBER(at, key, number) bkp_write_number(BKP_WRITE(at, key), number)

static uint8_t *write_owners(uint8_t *at, const bkp_node_facts *facts)
{
    at = WRITE_NUMBER(at, ",\"uid\":", facts->uid);
    at = WRITE_NUMBER(at, ",\"gid\":", facts->gid);
    if (facts->user_length > 2)
        at = bkp_write_bytes(BKP_WRITE(at, ",\"user\":"), facts->user, facts->user_length);
    if (facts->group_length > 2)
        at = bkp_write_bytes(BKP_WRITE(at, ",\"group\":"), facts->group, facts->group_length);
    return at;
}

static uint8_t *write_times(uint8_t *at, const bkp_node_facts *facts)
{
    uint8_t *mtime = BKP_WRITE(at, ",\"mtime\":\"");
    at = write_time(mtime, facts->mtime, facts->mtime_offset);
    size_t length = (size_t)(at - mtime);
    at = bkp_write_bytes(BKP_WRITE(at, "\",\"atime\":\""), mtime, length);
    at = write_time(BKP_WRITE(at, "\",\"ctime\":\""), facts->ctime, facts->ctime_offset);
    *at++ = '"';
    return at;
}

size_t bkp_node_head(const bkp_node_facts *facts, uint8_t *out)
{
    bool is_file = (facts->st_mode & TYPE_BITS) == REGULAR;
    bool is_directory = (facts->st_mode & TYPE_BITS) == DIRECTORY;
    uint32_t mode = go_mode(facts->st_mode);
    uint8_t *at = out;

    if (!(is_file || is_directory) || !is_plain_name(facts->name, facts->name_length)
        || !is_plain_offset(facts->mtime_offset) || !is_plain_offset(facts->ctime_offset)
        || facts->user_length > BKP_NODE_OWNER_MAX || facts->group_length > BKP_NODE_OWNER_MAX)
        return 0;
    at = bkp_write_bytes(BKP_WRITE(at, "{\"name\":\""), facts->name, facts->name_length);
    at = is_file ? BKP_WRITE(at, "\",\"type\":\"file\"") : BKP_WRITE(at, "\",\"type\":\"dir\"");
    if (mode)
        at = WRITE_NUMBER(at, ",\"mode\":", mode);
    at = write_owners(write_times(at, facts), facts);
    if (facts->inode)
        at = WRITE_NUMBER(at, ",\"inode\":", facts->inode);
    if (facts->device_id)
        at = WRITE_NUMBER(at, ",\"device_id\":", facts->device_id);
    if (is_file && facts->size)
        at = WRITE_NUMBER(at, ",\"size\":", facts->size);
    if (is_file && facts->links)
        at = WRITE_NUMBER(at, ",\"links\":", facts->links);
    return (size_t)(at - out);
}

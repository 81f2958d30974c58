#define _GNU_SOURCE /* O_NOATIME */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "open.h"

#ifdef __APPLE__
#define LIST_XATTRS(fd) flistxattr(fd, 0, 0, 0)
#else
#define LIST_XATTRS(fd) flistxattr(fd, 0, 0)
#endif

static int add_name(bkp_listing *listing, const char *name)
{
    const size_t size = strlen(name) + 1;
    if (size > listing->room - listing->size) {
        const size_t room = 2 * listing->room + size + 4000;
        char *names = room <= UINT32_MAX ? realloc(listing->names, room) : NULL;
        if (!names)
            return ENOMEM;
        listing->names = names;
        listing->room = room;
    }
    memcpy(listing->names + listing->size, name, size);
    listing->size += size;
    listing->count++;
    return 0;
}

static int is_self_or_parent(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int read_names(DIR *directory, bkp_listing *listing)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            return errno;
        if (is_self_or_parent(entry->d_name))
            continue;
        const int error = add_name(listing, entry->d_name);
        if (error)
            return error;
    }
}

/* Merge sort, bottom up: no recursion, no worst case for who chooses names. */
static void sort(const char *names, uint32_t *starts, uint32_t *other, size_t count)
{
    uint32_t *from = starts, *to = other;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = begin + width < count ? begin + width : count;
            const size_t end = middle + width < count ? middle + width : count;
            size_t left = begin, right = middle;
            for (size_t at = begin; at < end; at++)
                if (left < middle
                    && (right == end || strcmp(names + from[left], names + from[right]) <= 0))
                    to[at] = from[left++];
                else
                    to[at] = from[right++];
        }
        uint32_t *swapped = from;
        from = to, to = swapped;
    }
    if (from != starts)
        memcpy(starts, from, count * sizeof *starts);
}

/* Sort names, and drop the second of two: some file systems list a name twice. */
static int sort_names(bkp_listing *listing)
{
    const size_t count = listing->count;
    uint32_t *starts = listing->starts = malloc((count + 1) * sizeof *starts);
    uint32_t *other = malloc((count + 1) * sizeof *other);
    if (!starts || !other) {
        free(other);
        return ENOMEM;
    }
    uint32_t start = 0;
    for (size_t i = 0; i < count; i++) {
        starts[i] = start;
        start += (uint32_t)strlen(listing->names + start) + 1;
    }
    sort(listing->names, starts, other, count);
    free(other);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!kept || strcmp(listing->names + starts[kept - 1], listing->names + starts[i]))
            starts[kept++] = starts[i];
    listing->count = kept;
    return 0;
}

static int list(int fd, bkp_listing *listing)
{
    if (fstat(fd, &listing->status.stat)) {
        const int error = errno;
        close(fd);
        return error;
    }
    const ssize_t size = LIST_XATTRS(fd);
    listing->status.has_xattrs = !(size == 0 || (size < 0 && errno == ENOTSUP));
    DIR *directory = fdopendir(fd);
    if (!directory) {
        const int error = errno;
        close(fd);
        return error;
    }
    const int error = read_names(directory, listing);
    closedir(directory);
    return error ? error : sort_names(listing);
}

static int look(const char *path, size_t most, bkp_listing *listing)
{
    const size_t count = listing->count < most ? listing->count : most;
    const char **names = malloc((count + 1) * sizeof *names);
    listing->seen = malloc((count + 1) * sizeof *listing->seen);
    if (names && listing->seen) {
        for (size_t i = 0; i < count; i++)
            names[i] = listing->names + listing->starts[i];
        bkp_files_look(path, names, count, listing->seen);
        listing->seen_count = count;
    }
    const int is_done = names && listing->seen;
    free(names);
    return is_done ? 0 : ENOMEM;
}

/* Without the slash at the end of a path, by which a link would be followed. */
static int open_itself(const char *path)
{
    char itself[PATH_MAX];
    const size_t length = strlen(path);
    if (length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(itself, path, length + 1);
    if (length > 1 && itself[length - 1] == '/')
        itself[length - 1] = 0;
    return bkp_open_quietly(AT_FDCWD, itself, O_DIRECTORY);
}

void bkp_files_list(const char *path, size_t most, bkp_listing *listing)
{
    const int fd = open_itself(path);
    int error = fd < 0 ? errno : list(fd, listing);
    if (!error)
        error = look(path, most, listing);
    listing->status.error = error;
}

void bkp_listing_free(bkp_listing *listing)
{
    free(listing->names);
    free(listing->starts);
    free(listing->seen);
    memset(listing, 0, sizeof *listing);
}

#define _GNU_SOURCE /* O_NOFOLLOW, flistxattr */
#include "writefiles.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifdef __APPLE__
#define LIST_XATTRS(fd, to, size) flistxattr(fd, to, size, 0)
#else
#define LIST_XATTRS(fd, to, size) flistxattr(fd, to, size)
#endif

/* The label of a security module is the system's own affair. */
static const char system_label[] = "security.selinux";

static int is_zero(const uint8_t *data, size_t size)
{
    return !*data && !memcmp(data, data + 1, size - 1);
}

static int has_hole(const uint8_t *data, size_t size, size_t hole)
{
    for (size_t at = 0; at < size; at += hole)
        if (is_zero(data + at, size - at < hole ? size - at : hole))
            return 1;
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size) {
        const ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* A directory may have access control lists that what is made in it inherits. */
static int has_no_attributes(int fd)
{
    char names[sizeof system_label];
    const ssize_t size = LIST_XATTRS(fd, names, sizeof names);
    if (size <= 0)
        return size == 0 || errno == ENOTSUP;
    return size == sizeof names && !memcmp(names, system_label, sizeof names);
}

/* The owner first: changing it takes rights away that the mode gives. */
static int give_attributes(int fd, const struct stat *made, const bkp_new_file *file)
{
    const int is_owned = made->st_uid == file->uid && made->st_gid == file->gid;
    if (!is_owned && fchown(fd, file->uid, file->gid))
        return -1;
    if (!has_no_attributes(fd) || fchmod(fd, file->mode))
        return -1;
    return futimens(fd, file->times);
}

static int fill(int fd, bkp_new_file *file)
{
    struct stat made;
    if (fstat(fd, &made))
        return BKP_NEW_MADE;
    file->device = (uint64_t)made.st_dev;
    file->inode = (uint64_t)made.st_ino;
    if (write_all(fd, file->data, file->size))
        return BKP_NEW_MADE;
    if (!file->has_attributes || give_attributes(fd, &made, file))
        return BKP_NEW_WRITTEN;
    return BKP_NEW_COMPLETE;
}

static int make(bkp_new_file *file)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const int fd = openat(file->directory, file->name, flags, BKP_NEW_MODE);
    if (fd < 0)
        return BKP_NEW_NOT_MADE;
    const int outcome = fill(fd, file);
    /* Some file systems say only now that there was no room. */
    return close(fd) && errno != EINTR ? BKP_NEW_MADE : outcome;
}

void bkp_writefiles(bkp_new_file *files, size_t count, size_t hole)
{
    for (size_t i = 0; i < count; i++) {
        bkp_new_file *file = &files[i];
        file->device = file->inode = 0;
        const int is_sparse = hole && file->size >= hole && has_hole(file->data, file->size, hole);
        file->outcome = is_sparse ? BKP_NEW_NOT_MADE : make(file);
    }
}

#define _GNU_SOURCE /* O_PATH */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifdef __APPLE__
#define O_PATH O_RDONLY
#define LIST_XATTRS(path) listxattr(path, 0, 0, XATTR_NOFOLLOW)
#else
#define LIST_XATTRS(path) llistxattr(path, 0, 0)
#endif

/* There is no way to list attributes of a name in an open directory, so the whole path it is. */
static int has_xattrs(char path[PATH_MAX], size_t length, const char *name)
{
    const size_t name_length = strlen(name);
    if (length + name_length >= PATH_MAX)
        return 1;
    memcpy(path + length, name, name_length + 1);
    const ssize_t size = LIST_XATTRS(path);
    return !(size == 0 || (size < 0 && errno == ENOTSUP));
}

void bkp_files_look(const char *directory, const char *const *names, size_t count,
                    bkp_status *seen)
{
    char path[PATH_MAX];
    const size_t length = strlen(directory);
    const int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int error = fd < 0 ? errno : length >= PATH_MAX ? ENAMETOOLONG : 0;
    if (!error)
        memcpy(path, directory, length);
    for (size_t i = 0; i < count; i++) {
        seen[i].error = error;
        if (error)
            continue;
        if (fstatat(fd, names[i], &seen[i].stat, AT_SYMLINK_NOFOLLOW))
            seen[i].error = errno;
        else
            seen[i].has_xattrs = has_xattrs(path, length, names[i]);
    }
    if (fd >= 0)
        close(fd);
}

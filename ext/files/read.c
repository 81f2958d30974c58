#define _GNU_SOURCE /* O_NOATIME, O_PATH, st_mtim */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "open.h"

#ifdef __APPLE__
#define O_PATH O_RDONLY
#define MTIME st_mtimespec
#define CTIME st_ctimespec
#else
#define MTIME st_mtim
#define CTIME st_ctim
#endif

static int is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Everything that goes into a node; extended attributes change the ctime. */
static int is_as_seen(const struct stat *now, const struct stat *seen)
{
    return now->st_dev == seen->st_dev && now->st_ino == seen->st_ino &&
           now->st_mode == seen->st_mode && now->st_nlink == seen->st_nlink &&
           now->st_uid == seen->st_uid && now->st_gid == seen->st_gid &&
           now->st_size == seen->st_size && is_same_time(now->MTIME, seen->MTIME) &&
           is_same_time(now->CTIME, seen->CTIME);
}

/* A byte more is asked for than there is, so that one read sees the end as well. */
static int read_open(int fd, const bkp_file *file)
{
    struct stat now;
    const struct stat *seen = &file->seen->stat;
    if (fstat(fd, &now) || !S_ISREG(now.st_mode) || !is_as_seen(&now, seen))
        return 0;
    return read(fd, file->to, (size_t)seen->st_size + 1) == seen->st_size;
}

void bkp_files_read(const char *path, bkp_file *files, size_t count)
{
    const int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        const int fd = directory < 0 ? -1 : bkp_open_quietly(directory, files[i].name, 0);
        files[i].is_read = fd >= 0 && read_open(fd, &files[i]);
        if (fd >= 0)
            close(fd);
    }
    if (directory >= 0)
        close(directory);
}

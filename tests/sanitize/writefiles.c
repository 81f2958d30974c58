/* Make files that are new, there already, empty, sparse, without a directory or in one that is
 * written to by the general code afterwards. */
#define _GNU_SOURCE
#include "writefiles/writefiles.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOLE = 4096, SIZES = 6 };
static const size_t sizes[SIZES] = {0, 1, HOLE - 1, HOLE, HOLE + 1, 3 * HOLE + 7};

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "writefiles: %s\n", what);
        exit(1);
    }
}

/* Data that ends where its memory does. */
static uint8_t *data_of(size_t size, int value)
{
    uint8_t *data = malloc(size ? size : 1);
    require(data != NULL, "no memory");
    memset(data, value, size);
    return data;
}

static bkp_new_file file_of(int directory, const char *name, const uint8_t *data, size_t size)
{
    bkp_new_file file = {directory, name, data, size, 1, geteuid(), getegid(), 0640, {{0, 0}}, -1,
                         7, 7};
    file.times[0].tv_sec = -1, file.times[0].tv_nsec = 999999999;
    file.times[1].tv_sec = 1, file.times[1].tv_nsec = 5;
    return file;
}

static void check_complete(int directory, const bkp_new_file *file)
{
    struct stat status;
    require(file->outcome == BKP_NEW_COMPLETE, "a plain file is not complete");
    require(!fstatat(directory, file->name, &status, AT_SYMLINK_NOFOLLOW), "it is not there");
    require(status.st_size == (off_t)file->size && (status.st_mode & 07777) == file->mode,
            "not its size or mode");
    require(status.st_mtim.tv_sec == 1 && status.st_mtim.tv_nsec == 5 &&
                status.st_atim.tv_sec == -1 && status.st_atim.tv_nsec == 999999999,
            "not its times");
    uint8_t *read_back = data_of(file->size, 0);
    const int fd = openat(directory, file->name, O_RDONLY);
    require(read(fd, read_back, file->size) == (ssize_t)file->size &&
                !memcmp(read_back, file->data, file->size),
            "not its contents");
    close(fd), free(read_back);
}

static void make_many(int directory)
{
    static const char *const names[SIZES] = {"a", "b", "c", "d", "e", "f"};
    bkp_new_file *files = malloc(SIZES * sizeof *files);
    uint8_t *data[SIZES];
    for (int i = 0; i < SIZES; i++) {
        data[i] = data_of(sizes[i], 'x');
        files[i] = file_of(directory, names[i], data[i], sizes[i]);
    }
    bkp_writefiles(files, SIZES, HOLE);
    for (int i = 0; i < SIZES; i++)
        check_complete(directory, &files[i]);

    bkp_writefiles(files, SIZES, HOLE); /* now they are in the way */
    for (int i = 0; i < SIZES; i++) {
        require(files[i].outcome == BKP_NEW_NOT_MADE && !files[i].inode, "something was replaced");
        unlinkat(directory, names[i], 0);
        free(data[i]);
    }
    bkp_writefiles(files, 0, HOLE);
    free(files);
}

/* Holes are left by others: wherever there is a block of zeros, also a short one at the end. */
static void make_sparse(int directory)
{
    for (int i = 0; i < SIZES; i++) {
        uint8_t *data = data_of(sizes[i], 0);
        bkp_new_file file = file_of(directory, "s", data, sizes[i]);
        bkp_writefiles(&file, 1, HOLE);
        require((file.outcome == BKP_NEW_NOT_MADE) == (sizes[i] >= HOLE), "a hole was missed");
        unlinkat(directory, "s", 0);
        bkp_writefiles(&file, 1, 0);
        check_complete(directory, &file);
        unlinkat(directory, "s", 0);
        free(data);
    }
    uint8_t *data = data_of(2 * HOLE + 3, 'x');
    memset(data + 2 * HOLE, 0, 3);
    bkp_new_file file = file_of(directory, "s", data, 2 * HOLE + 3);
    bkp_writefiles(&file, 1, HOLE);
    require(file.outcome == BKP_NEW_NOT_MADE, "a hole at the end was missed");
    free(data);
}

static void make_hard_ones(int directory)
{
    uint8_t *data = data_of(3, 'y');
    struct stat status;
    bkp_new_file nowhere = file_of(-1, "n", data, 3);
    bkp_writefiles(&nowhere, 1, 0);
    require(nowhere.outcome == BKP_NEW_NOT_MADE, "made in no directory");

    require(!symlinkat("target", directory, "l"), "cannot make a link");
    bkp_new_file through = file_of(directory, "l", data, 3);
    bkp_writefiles(&through, 1, 0);
    require(through.outcome == BKP_NEW_NOT_MADE, "a link was followed");
    unlinkat(directory, "l", 0);

    bkp_new_file bare = file_of(directory, "w", data, 3);
    bare.has_attributes = 0;
    bkp_writefiles(&bare, 1, 0);
    require(bare.outcome == BKP_NEW_WRITTEN && !fstatat(directory, "w", &status, 0) &&
                (status.st_mode & 07777) == BKP_NEW_MODE && bare.inode == status.st_ino &&
                bare.device == status.st_dev,
            "a file without attributes is not as it must be");
    unlinkat(directory, "w", 0);

    char name[301];
    memset(name, 'n', 300);
    name[300] = 0;
    bkp_new_file longer = file_of(directory, name, data, 3);
    bkp_writefiles(&longer, 1, 0);
    require(longer.outcome == BKP_NEW_NOT_MADE, "too long a name was made");
    free(data);
}

int main(void)
{
    char path[] = "/tmp/bkp-sanitize-XXXXXX";
    require(mkdtemp(path) != NULL, "cannot make a directory");
    const int directory = open(path, O_RDONLY | O_DIRECTORY);
    require(directory >= 0, "cannot open it");
    make_many(directory);
    make_sparse(directory);
    make_hard_ones(directory);
    close(directory);
    return rmdir(path);
}

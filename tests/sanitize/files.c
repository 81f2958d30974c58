/* Look at and read files that are as they were, gone, longer, shorter or something else. */
#define _GNU_SOURCE
#include "files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "files: %s\n", what);
        exit(1);
    }
}

static void write_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "wb");
    require(file != NULL, "cannot make a file");
    for (size_t i = 0; i < size; i++)
        fputc('x', file);
    fclose(file);
}

static const size_t SIZES[] = {0, 1, 4095, 4096, 100000};
enum { COUNT = sizeof SIZES / sizeof *SIZES };

int main(void)
{
    char directory[] = "/tmp/bkp-sanitize-XXXXXX";
    require(mkdtemp(directory) != NULL && !chdir(directory), "cannot make a directory");
    const char *names[COUNT] = {"a", "b", "c", "d", "e"};
    char path[PATH_MAX];
    bkp_status *seen = malloc(COUNT * sizeof *seen);
    bkp_file files[COUNT];
    for (int i = 0; i < COUNT; i++) {
        write_file(names[i], SIZES[i]);
        files[i] = (bkp_file){names[i], &seen[i], malloc(SIZES[i] + 1), -1};
    }
    snprintf(path, sizeof path, "%s/", directory);
    bkp_files_look(path, names, COUNT, seen);
    for (int i = 0; i < COUNT; i++)
        require(!seen[i].error && seen[i].stat.st_size == (off_t)SIZES[i], "not what is there");

    bkp_files_read(path, files, COUNT);
    for (int i = 0; i < COUNT; i++)
        require(files[i].is_read && (!SIZES[i] || files[i].to[SIZES[i] - 1] == 'x'), "not read");

    write_file("b", 50); /* longer than there is room for */
    require(!truncate("c", 7) && !unlink("d"), "cannot change files");
    bkp_files_read(path, files, COUNT);
    require(files[0].is_read && !files[1].is_read && !files[2].is_read && !files[3].is_read &&
                files[4].is_read,
            "a change was not noticed");

    char *name = malloc(5001);
    memset(name, 'n', 5000);
    name[5000] = 0;
    bkp_files_look(path, (const char *const *)&name, 1, seen);
    require(seen[0].error == ENAMETOOLONG, "too long a name");
    name[0] = '/', name[4999] = '/';
    bkp_files_look(name, names, 1, seen);
    require(seen[0].error == ENAMETOOLONG, "too long a directory");
    bkp_files_look("/nowhere/", names, COUNT, seen);
    require(seen[0].error == ENOENT && seen[4].error == ENOENT, "no such directory");
    bkp_files_read("/nowhere/", files, COUNT);
    require(!files[0].is_read && !files[4].is_read, "read what is not there");

    bkp_listing listing = {0};
    bkp_files_list(path, 2, &listing); /* "d" is gone */
    require(!listing.status.error && listing.count == COUNT - 1 && listing.seen_count == 2,
            "not all is listed");
    for (size_t i = 0; i + 1 < listing.count; i++)
        require(strcmp(listing.names + listing.starts[i], listing.names + listing.starts[i + 1]) < 0,
                "not in order");
    bkp_listing_free(&listing);
    bkp_files_list(name, 2, &listing);
    require(listing.status.error == ENAMETOOLONG, "too long a directory to list");
    bkp_listing_free(&listing);
    bkp_files_list("/dev/null/", 2, &listing);
    require(listing.status.error == ENOTDIR, "no directory");
    bkp_listing_free(&listing);

    for (int i = 0; i < COUNT; i++) {
        free(files[i].to);
        unlink(names[i]);
    }
    free(seen), free(name);
    return rmdir(directory);
}

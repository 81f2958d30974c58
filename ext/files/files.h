/* Look at many entries of a directory, and read many small files, in one go.
 *
 * Only what is plain is done here.  What cannot be looked at, cannot be opened, or is not as it
 * was seen before, is left to those who can say what is the matter with it.
 */
#ifndef BKP_FILES_H
#define BKP_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct {
    struct stat stat;
    int has_xattrs; /* or it cannot be told */
    int error;      /* the system's number; 0 if there is none, and only then all else holds */
} bkp_status;

/* Look at entries of a directory, at links and not at what they lead to.  `path` is the
 * directory's, with a slash at its end. */
void bkp_files_look(const char *path, const char *const *names, size_t count, bkp_status *seen);

/* What is in a directory.  All zero at first; to be freed. */
typedef struct {
    bkp_status status; /* of the directory itself */
    char *names;       /* one after the other, each with its zero */
    size_t size, room; /* bytes */
    uint32_t *starts;  /* of each name, in the order of their bytes, none twice */
    size_t count;
    bkp_status *seen; /* of the first entries, so many */
    size_t seen_count;
} bkp_listing;

/* List a directory, given by its path with a slash at its end, and look at its first `most`
 * entries.  The access time is left alone where the system allows it, a link is not followed.
 * An error, of memory too, is `status.error`. */
void bkp_files_list(const char *path, size_t most, bkp_listing *listing);
void bkp_listing_free(bkp_listing *listing);

typedef struct {
    const char *name;
    const bkp_status *seen;
    uint8_t *to; /* room for one byte more than it has */
    int is_read;
} bkp_file;

/* Read files of a directory whole that are as they were seen.  Access times are left alone where
 * the system allows it, links are not followed, nothing is waited for. */
void bkp_files_read(const char *path, bkp_file *files, size_t count);

#endif

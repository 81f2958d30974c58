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

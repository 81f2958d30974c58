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
} bkp_status;

/* An entry to look at; `error` is the system's number, 0 if there is none. */
typedef struct {
    const char *name;
    bkp_status *status;
    int error;
} bkp_entry;

/* Look at entries of a directory, at links and not at what they lead to.  `path` is the
 * directory's, with a slash at its end. */
void bkp_files_look(const char *path, bkp_entry *entries, size_t count);

typedef struct {
    const char *path;
    const bkp_status *seen;
    uint8_t *to; /* room for one byte more than it has */
    int is_read;
} bkp_file;

/* Read files whole that are as they were seen.  Access times are left alone where the system
 * allows it, links are not followed, nothing is waited for. */
void bkp_files_read(bkp_file *files, size_t count);

#endif

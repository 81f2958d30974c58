/* Make many new files in one go: create, write, own, mode, times, close.
 *
 * Only what is plain is done here.  A file that cannot be made, or needs more than that, is left
 * as the outcome says to those who can finish it, or tell what is the matter.
 */
#ifndef BKP_WRITEFILES_H
#define BKP_WRITEFILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum {
    BKP_NEW_NOT_MADE = 0, /* nothing was done */
    BKP_NEW_COMPLETE = 1,
    BKP_NEW_WRITTEN = 2, /* all of its contents, but not all of its attributes */
    BKP_NEW_MADE = 3     /* some of its contents at most */
};

/* The mode of a file until it is complete: for its owner alone, and marked by the sticky bit. */
enum { BKP_NEW_MODE = S_ISVTX | S_IRUSR | S_IWUSR };

typedef struct {
    int directory;    /* an open one: nothing but the file's own name is looked up */
    const char *name; /* without slashes */
    const uint8_t *data;
    size_t size;
    int has_attributes; /* else its contents are written and it is left at that */
    uid_t uid;
    gid_t gid;
    mode_t mode; /* permissions only: nothing that a change of owner could make dangerous */
    struct timespec times[2]; /* access and modification */
    int outcome;
    uint64_t device; /* which file it is, if it was made and is not complete; 0 if unknown */
    uint64_t inode;
} bkp_new_file;

/* Make files where there is nothing of their names, not even a link.  With `hole`, not 0, a file
 * of at least so many bytes that has a block of so many zeros, at a multiple of it or at its
 * end, is not made: holes are left by others. */
void bkp_writefiles(bkp_new_file *files, size_t count, size_t hole);

#endif

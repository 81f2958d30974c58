/* Name, seal and open blobs: SHA-256, Zstandard, AES-256-CTR and Poly1305-AES in one go.
 *
 * Nothing of that is implemented here: the system's libcrypto and libzstd do the work, found
 * when they are first needed.  What this adds is doing all steps of a blob without going back to
 * Python between them, which for small files costs more than the steps themselves.
 */
#ifndef BKP_ENVELOPE_H
#define BKP_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

enum {
    BKP_ID = 32,   /* bytes of a SHA-256 */
    BKP_IV = 16,
    BKP_TAG = 16,
    BKP_OVERHEAD = BKP_IV + BKP_TAG
};

/* What can go wrong; lengths are never negative. */
enum {
    BKP_FAILED = -1,  /* a library refused, most likely for want of memory */
    BKP_ALTERED = -2, /* what was sealed does not open to what it was made of */
    BKP_UNSOUND = -3  /* not what was sealed under this key, or not of that name or length */
};

/* Find both libraries; once is enough.  Returns NULL, or what is missing. */
const char *bkp_envelope_load(void);

/* The version of each library, in words; only after loading. */
const char *bkp_envelope_crypto(void);
const char *bkp_envelope_zstd(void);

/* Everything one thread needs to work with one key; for one thread at a time. */
typedef struct bkp_envelope bkp_envelope;

/* Returns NULL for want of memory.  `level` is zstd's; `verify` says whether what is sealed is
 * opened again. */
bkp_envelope *bkp_envelope_new(const uint8_t encrypt[32], const uint8_t k[16],
                               const uint8_t r[16], int level, int verify);
void bkp_envelope_free(bkp_envelope *envelope);

/* Write the SHA-256 of `data`.  Returns 0 or BKP_FAILED. */
int bkp_envelope_name(bkp_envelope *envelope, const uint8_t *data, size_t size,
                      uint8_t name[BKP_ID]);

/* A piece of a buffer. */
typedef struct {
    size_t offset;
    size_t length;
} bkp_span;

/* Seal pieces of `data`, each under a fresh IV and compressed before if asked to.  `ivs` has room for one IV a piece.  The results lie one behind
 * the other at `*sealed`, which stays with the envelope until its next use; their lengths
 * replace those of `pieces`.  Returns 0, BKP_FAILED or BKP_ALTERED. */
int bkp_envelope_seal(bkp_envelope *envelope, const uint8_t *data, bkp_span *pieces, size_t count,
                      int compress, const uint8_t *ivs, const uint8_t **sealed);

/* Open `sealed` into `plain`, which has room for exactly `size` bytes, the length it must have,
 * and see that it is what `name` says.  Returns 0, BKP_FAILED or BKP_UNSOUND. */
int bkp_envelope_open(bkp_envelope *envelope, const uint8_t *sealed, size_t length,
                      int compressed, const uint8_t name[BKP_ID], uint8_t *plain, size_t size);

#endif

/* The functions used of libcrypto and libzstd, as pointers: both are loaded at run time.
 *
 * So bkp needs no headers to be built, and what is built runs where they are missing (see
 * repo/engine): linking them into wheels would mean to answer for their security fixes.
 * Prototypes follow the manuals of OpenSSL 3 and zstd 1.4, both stable interfaces.
 */
#ifndef BKP_ENVELOPE_LIBRARIES_H
#define BKP_ENVELOPE_LIBRARIES_H

#include <stddef.h>

typedef struct {
    const char *(*version)(int);
    int (*equal)(const void *, const void *, size_t); /* 0 if so, in constant time */

    void *(*md_fetch)(void *, const char *, const char *);
    void *(*md_new)(void);
    void (*md_free)(void *);
    int (*md_init)(void *, const void *, const void *);
    int (*md_update)(void *, const void *, size_t);
    int (*md_final)(void *, unsigned char *, unsigned int *);

    void *(*cipher_fetch)(void *, const char *, const char *);
    void *(*cipher_new)(void);
    void (*cipher_free)(void *);
    int (*cipher_init)(void *, const void *, const unsigned char *, const unsigned char *,
                       const void *);
    int (*cipher_update)(void *, unsigned char *, int *, const unsigned char *, int);

    void *(*mac_fetch)(void *, const char *, const char *);
    void *(*mac_new)(void *);
    void (*mac_free)(void *);
    int (*mac_init)(void *, const unsigned char *, size_t, const void *);
    int (*mac_update)(void *, const unsigned char *, size_t);
    int (*mac_final)(void *, unsigned char *, size_t *, size_t);

    /* Fetched once, shared by all. */
    void *sha256;
    void *aes256_ctr;
    void *aes128_ecb;
    void *poly1305;
} bkp_crypto;

/* ZSTD_outBuffer and ZSTD_inBuffer */
typedef struct {
    void *data;
    size_t size;
    size_t at;
} bkp_zstd_out;

typedef struct {
    const void *data;
    size_t size;
    size_t at;
} bkp_zstd_in;

typedef struct {
    const char *(*version)(void);
    size_t (*bound)(size_t);
    unsigned (*is_error)(size_t);
    void *(*cctx_new)(void);
    size_t (*cctx_free)(void *);
    size_t (*cctx_set)(void *, int, int);
    size_t (*compress)(void *, void *, size_t, const void *, size_t);
    void *(*dctx_new)(void);
    size_t (*dctx_free)(void *);
    size_t (*decompress)(void *, void *, size_t, const void *, size_t);
    size_t (*dctx_reset)(void *, int);
    size_t (*decompress_some)(void *, bkp_zstd_out *, bkp_zstd_in *);
} bkp_zstd;

extern bkp_crypto bkp_libcrypto;
extern bkp_zstd bkp_libzstd;

/* Fill both in.  Returns NULL, or what is missing. */
const char *bkp_libraries_load(void);

#endif

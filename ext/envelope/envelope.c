#include "envelope.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "libraries.h"

enum { ZSTD_COMPRESSION_LEVEL = 100 }; /* ZSTD_c_compressionLevel */
enum { OPENSSL_VERSION_WORDS = 0 };    /* OPENSSL_VERSION */
enum { ZSTD_RESET_SESSION = 1 };       /* ZSTD_reset_session_only */
enum { MAC_KEY = 32, MAC_BLOCK = 16 };

/* Bytes that are decrypted and unfolded at a time to verify: they stay in the processor's cache,
 * and a chunk of many MiB needs no second and third place of its size. */
enum { VERIFIED_AT_ONCE = 64 << 10 };

/* Memory that grows to the largest need and stays. */
typedef struct {
    uint8_t *data;
    size_t capacity;
} room;

struct bkp_envelope {
    void *md;
    void *stream; /* AES-256-CTR */
    void *block;  /* AES-128-ECB, for the one-time keys of Poly1305 */
    void *mac;
    void *compressor;
    void *decompressor;
    int verify; /* what was sealed */
    uint8_t r[MAC_BLOCK];
    room sealed; /* results of sealing */
    room opened; /* what is compressed, decrypted: of opening */
    uint8_t decrypted[VERIFIED_AT_ONCE], unfolded[VERIFIED_AT_ONCE]; /* of verifying */
};

const char *bkp_envelope_load(void) { return bkp_libraries_load(); }

const char *bkp_envelope_crypto(void) { return bkp_libcrypto.version(OPENSSL_VERSION_WORDS); }

const char *bkp_envelope_zstd(void) { return bkp_libzstd.version(); }

static int reserve(room *room, size_t size)
{
    if (size <= room->capacity && room->data)
        return 0;
    uint8_t *data = realloc(room->data, size ? size : 1);
    if (!data)
        return -1;
    room->data = data;
    room->capacity = size;
    return 0;
}

static int prepare(bkp_envelope *e, const uint8_t encrypt[32], const uint8_t k[16], int level)
{
    const bkp_crypto *crypto = &bkp_libcrypto;
    const bkp_zstd *zstd = &bkp_libzstd;
    e->md = crypto->md_new();
    e->stream = crypto->cipher_new();
    e->block = crypto->cipher_new();
    e->mac = crypto->mac_new(crypto->poly1305);
    e->compressor = zstd->cctx_new();
    e->decompressor = zstd->dctx_new();
    if (!e->md || !e->stream || !e->block || !e->mac || !e->compressor || !e->decompressor)
        return -1;
    if (zstd->is_error(zstd->cctx_set(e->compressor, ZSTD_COMPRESSION_LEVEL, level)))
        return -1;
    const uint8_t iv[BKP_IV] = {0}; /* every message sets its own */
    return crypto->cipher_init(e->stream, crypto->aes256_ctr, encrypt, iv, 0) == 1 &&
                   crypto->cipher_init(e->block, crypto->aes128_ecb, k, 0, 0) == 1
               ? 0
               : -1;
}

bkp_envelope *bkp_envelope_new(const uint8_t encrypt[32], const uint8_t k[16],
                               const uint8_t r[16], int level, int verify)
{
    bkp_envelope *e = calloc(1, sizeof *e);
    if (!e)
        return 0;
    memcpy(e->r, r, sizeof e->r);
    e->verify = verify;
    if (prepare(e, encrypt, k, level)) {
        bkp_envelope_free(e);
        return 0;
    }
    return e;
}

void bkp_envelope_free(bkp_envelope *e)
{
    if (!e)
        return;
    bkp_libcrypto.md_free(e->md);
    bkp_libcrypto.cipher_free(e->stream);
    bkp_libcrypto.cipher_free(e->block);
    bkp_libcrypto.mac_free(e->mac);
    bkp_libzstd.cctx_free(e->compressor);
    bkp_libzstd.dctx_free(e->decompressor);
    free(e->sealed.data);
    free(e->opened.data);
    free(e);
}

int bkp_envelope_name(bkp_envelope *e, const uint8_t *data, size_t size, uint8_t name[BKP_ID])
{
    const bkp_crypto *crypto = &bkp_libcrypto;
    return crypto->md_init(e->md, crypto->sha256, 0) == 1 &&
                   crypto->md_update(e->md, data, size) == 1 &&
                   crypto->md_final(e->md, name, 0) == 1
               ? 0
               : BKP_FAILED;
}

/* Encrypt or decrypt, which is the same in counter mode. */
static int stream(bkp_envelope *e, const uint8_t iv[BKP_IV], const uint8_t *from, size_t size,
                  uint8_t *to)
{
    int written;
    if (size > INT_MAX || bkp_libcrypto.cipher_init(e->stream, 0, 0, iv, 0) != 1)
        return BKP_FAILED;
    return bkp_libcrypto.cipher_update(e->stream, to, &written, from, (int)size) == 1 ? 0
                                                                                      : BKP_FAILED;
}

static int authenticate(bkp_envelope *e, const uint8_t iv[BKP_IV], const uint8_t *text,
                        size_t size, uint8_t tag[BKP_TAG])
{
    const bkp_crypto *crypto = &bkp_libcrypto;
    uint8_t key[MAC_KEY];
    int written;
    size_t length;
    memcpy(key, e->r, MAC_BLOCK);
    return crypto->cipher_update(e->block, key + MAC_BLOCK, &written, iv, MAC_BLOCK) == 1 &&
                   crypto->mac_init(e->mac, key, sizeof key, 0) == 1 &&
                   crypto->mac_update(e->mac, text, size) == 1 &&
                   crypto->mac_final(e->mac, tag, &length, BKP_TAG) == 1
               ? 0
               : BKP_FAILED;
}

/* Say whether the tag is right.  Returns 0, BKP_FAILED or BKP_UNSOUND. */
static int check_tag(bkp_envelope *e, const uint8_t *sealed, size_t length)
{
    static const uint8_t no_iv[BKP_IV]; /* which no writer uses */
    const size_t size = length - BKP_OVERHEAD;
    uint8_t tag[BKP_TAG];
    if (!memcmp(sealed, no_iv, BKP_IV))
        return BKP_UNSOUND;
    if (authenticate(e, sealed, sealed + BKP_IV, size, tag))
        return BKP_FAILED;
    return bkp_libcrypto.equal(tag, sealed + BKP_IV + size, BKP_TAG) ? BKP_UNSOUND : 0;
}

/* Verify and decrypt.  Returns 0, BKP_FAILED or BKP_UNSOUND. */
static int unseal(bkp_envelope *e, const uint8_t *sealed, size_t length, uint8_t *to)
{
    const int result = check_tag(e, sealed, length);
    return result ? result : stream(e, sealed, sealed + BKP_IV, length - BKP_OVERHEAD, to);
}

/* What is still to be met of a plaintext. */
typedef struct {
    const uint8_t *at;
    size_t left;
} expectation;

static int meet(expectation *expected, const uint8_t *data, size_t size)
{
    if (size > expected->left || memcmp(expected->at, data, size))
        return BKP_ALTERED;
    expected->at += size;
    expected->left -= size;
    return 0;
}

/* Unfold a part of a frame and compare it. */
static int meet_unfolded(bkp_envelope *e, expectation *expected, const uint8_t *part, size_t size)
{
    bkp_zstd_in in = {part, size, 0};
    bkp_zstd_out out;
    do {
        out = (bkp_zstd_out){e->unfolded, sizeof e->unfolded, 0};
        if (bkp_libzstd.is_error(bkp_libzstd.decompress_some(e->decompressor, &out, &in)))
            return BKP_ALTERED;
        if (meet(expected, e->unfolded, out.at))
            return BKP_ALTERED;
    } while (in.at < in.size || out.at == out.size); /* a full buffer may not be all there is */
    return 0;
}

/* Open what was just sealed, and compare it with what it was made of: a bit that flips before
 * the tag is made would be found only when somebody restores. */
static int verify(bkp_envelope *e, const uint8_t *sealed, size_t length, int compressed,
                  const uint8_t *plain, size_t size)
{
    const bkp_crypto *crypto = &bkp_libcrypto;
    const uint8_t *text = sealed + BKP_IV;
    size_t left = length - BKP_OVERHEAD;
    expectation expected = {plain, size};
    int result = check_tag(e, sealed, length);
    if (result)
        return result == BKP_UNSOUND ? BKP_ALTERED : result;
    if (crypto->cipher_init(e->stream, 0, 0, sealed, 0) != 1)
        return BKP_FAILED;
    bkp_libzstd.dctx_reset(e->decompressor, ZSTD_RESET_SESSION);
    while (left && !result) {
        const size_t part = left < VERIFIED_AT_ONCE ? left : VERIFIED_AT_ONCE;
        int written;
        if (crypto->cipher_update(e->stream, e->decrypted, &written, text, (int)part) != 1)
            return BKP_FAILED;
        result = compressed ? meet_unfolded(e, &expected, e->decrypted, part)
                            : meet(&expected, e->decrypted, part);
        text += part;
        left -= part;
    }
    return result ? result : expected.left ? BKP_ALTERED : 0;
}

/* What sealing takes at most. */
static size_t bound(size_t size, int compress)
{
    return (compress ? bkp_libzstd.bound(size) : size) + BKP_OVERHEAD;
}

/* Seal one piece to where there is room for its bound.  Returns its length, or 0 for failure. */
static size_t seal(bkp_envelope *e, const uint8_t *plain, size_t size, int compress,
                   const uint8_t iv[BKP_IV], uint8_t *to)
{
    uint8_t *text = to + BKP_IV;
    const uint8_t *packed = plain;
    size_t length = size;
    if (compress) {
        length = bkp_libzstd.compress(e->compressor, text, bkp_libzstd.bound(size), plain, size);
        if (bkp_libzstd.is_error(length))
            return 0;
        packed = text; /* encrypted where it lies */
    }
    memcpy(to, iv, BKP_IV);
    if (stream(e, iv, packed, length, text) || authenticate(e, iv, text, length, text + length))
        return 0;
    return length + BKP_OVERHEAD;
}

int bkp_envelope_seal(bkp_envelope *e, const uint8_t *data, bkp_span *pieces, size_t count,
                      int compress, const uint8_t *ivs, const uint8_t **sealed)
{
    size_t capacity = 0;
    for (size_t i = 0; i < count; i++)
        capacity += bound(pieces[i].length, compress);
    if (reserve(&e->sealed, capacity))
        return BKP_FAILED;
    uint8_t *to = e->sealed.data;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *plain = data + pieces[i].offset;
        const size_t size = pieces[i].length;
        const size_t length = seal(e, plain, size, compress, ivs + i * BKP_IV, to);
        if (!length)
            return BKP_FAILED;
        const int result = e->verify ? verify(e, to, length, compress, plain, size) : 0;
        if (result)
            return result;
        pieces[i].length = length;
        to += length;
    }
    *sealed = e->sealed.data;
    return 0;
}

int bkp_envelope_open(bkp_envelope *e, const uint8_t *sealed, size_t length, int compressed,
                      const uint8_t name[BKP_ID], uint8_t *plain, size_t size)
{
    uint8_t actual[BKP_ID];
    if (length < BKP_OVERHEAD || (!compressed && length - BKP_OVERHEAD != size))
        return BKP_UNSOUND;
    if (compressed && reserve(&e->opened, length - BKP_OVERHEAD))
        return BKP_FAILED;
    int result = unseal(e, sealed, length, compressed ? e->opened.data : plain);
    if (result)
        return result;
    if (compressed && bkp_libzstd.decompress(e->decompressor, plain, size, e->opened.data,
                                             length - BKP_OVERHEAD) != size)
        return BKP_UNSOUND;
    if (bkp_envelope_name(e, plain, size, actual))
        return BKP_FAILED;
    return memcmp(actual, name, BKP_ID) ? BKP_UNSOUND : 0;
}

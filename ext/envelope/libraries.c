#include "libraries.h"

#include <dlfcn.h>

bkp_crypto bkp_libcrypto;
bkp_zstd bkp_libzstd;

typedef struct {
    const char *name;
    void *slot; /* of a function pointer */
} symbol;

#define CRYPTO(name, slot) {name, &bkp_libcrypto.slot}
#define ZSTD(name, slot) {name, &bkp_libzstd.slot}

static const symbol crypto_symbols[] = {
    CRYPTO("OpenSSL_version", version),
    CRYPTO("CRYPTO_memcmp", equal),
    CRYPTO("EVP_MD_fetch", md_fetch),
    CRYPTO("EVP_MD_CTX_new", md_new),
    CRYPTO("EVP_MD_CTX_free", md_free),
    CRYPTO("EVP_DigestInit_ex2", md_init),
    CRYPTO("EVP_DigestUpdate", md_update),
    CRYPTO("EVP_DigestFinal_ex", md_final),
    CRYPTO("EVP_CIPHER_fetch", cipher_fetch),
    CRYPTO("EVP_CIPHER_CTX_new", cipher_new),
    CRYPTO("EVP_CIPHER_CTX_free", cipher_free),
    CRYPTO("EVP_EncryptInit_ex2", cipher_init),
    CRYPTO("EVP_EncryptUpdate", cipher_update),
    CRYPTO("EVP_MAC_fetch", mac_fetch),
    CRYPTO("EVP_MAC_CTX_new", mac_new),
    CRYPTO("EVP_MAC_CTX_free", mac_free),
    CRYPTO("EVP_MAC_init", mac_init),
    CRYPTO("EVP_MAC_update", mac_update),
    CRYPTO("EVP_MAC_final", mac_final),
    {0, 0},
};

static const symbol zstd_symbols[] = {
    ZSTD("ZSTD_versionString", version),
    ZSTD("ZSTD_compressBound", bound),
    ZSTD("ZSTD_isError", is_error),
    ZSTD("ZSTD_createCCtx", cctx_new),
    ZSTD("ZSTD_freeCCtx", cctx_free),
    ZSTD("ZSTD_CCtx_setParameter", cctx_set),
    ZSTD("ZSTD_compress2", compress),
    ZSTD("ZSTD_createDCtx", dctx_new),
    ZSTD("ZSTD_freeDCtx", dctx_free),
    ZSTD("ZSTD_decompressDCtx", decompress),
    ZSTD("ZSTD_DCtx_reset", dctx_reset),
    ZSTD("ZSTD_decompressStream", decompress_some),
    {0, 0},
};

/* The versions whose interface this is written for, as systems name them. */
static const char *const crypto_names[] = {"libcrypto.so.3", "libcrypto.3.dylib", 0};
static const char *const zstd_names[] = {"libzstd.so.1", "libzstd.1.dylib", 0};

static int load(const char *const *names, const symbol *symbols)
{
    void *library = 0;
    while (!library && *names)
        library = dlopen(*names++, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return -1;
    for (; symbols->name; symbols++) {
        void *found = dlsym(library, symbols->name);
        if (!found)
            return -1;
        *(void **)symbols->slot = found; /* as POSIX has it, though not ISO C */
    }
    return 0;
}

static int fetch(bkp_crypto *crypto)
{
    crypto->sha256 = crypto->md_fetch(0, "SHA256", 0);
    crypto->aes256_ctr = crypto->cipher_fetch(0, "AES-256-CTR", 0);
    crypto->aes128_ecb = crypto->cipher_fetch(0, "AES-128-ECB", 0);
    crypto->poly1305 = crypto->mac_fetch(0, "POLY1305", 0);
    return crypto->sha256 && crypto->aes256_ctr && crypto->aes128_ecb && crypto->poly1305 ? 0 : -1;
}

const char *bkp_libraries_load(void)
{
    if (load(crypto_names, crypto_symbols))
        return "libcrypto of OpenSSL 3";
    if (load(zstd_names, zstd_symbols))
        return "libzstd";
    if (fetch(&bkp_libcrypto)) /* one that is restricted to certain algorithms */
        return "an algorithm in libcrypto";
    return 0;
}

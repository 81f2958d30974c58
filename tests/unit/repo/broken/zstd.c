/* A libzstd on a machine with a broken memory: what it compresses has a bit changed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void *real(const char *name)
{
    static void *library;
    if (!library)
        library = dlopen(getenv("REAL_ZSTD"), RTLD_NOW | RTLD_LOCAL);
    return dlsym(library, name);
}

#define FORWARD(type, name, parameters, arguments)                                                 \
    type name parameters { return ((type(*) parameters)real(#name))arguments; }

FORWARD(const char *, ZSTD_versionString, (void), ())
FORWARD(size_t, ZSTD_compressBound, (size_t size), (size))
FORWARD(unsigned, ZSTD_isError, (size_t code), (code))
FORWARD(void *, ZSTD_createCCtx, (void), ())
FORWARD(size_t, ZSTD_freeCCtx, (void *context), (context))
FORWARD(size_t, ZSTD_CCtx_setParameter, (void *context, int name, int value), (context, name, value))
FORWARD(void *, ZSTD_createDCtx, (void), ())
FORWARD(size_t, ZSTD_freeDCtx, (void *context), (context))
FORWARD(size_t, ZSTD_decompressDCtx,
        (void *context, void *to, size_t capacity, const void *from, size_t size),
        (context, to, capacity, from, size))

FORWARD(size_t, ZSTD_DCtx_reset, (void *context, int what), (context, what))
FORWARD(size_t, ZSTD_decompressStream, (void *context, void *to, void *from), (context, to, from))

size_t ZSTD_compress2(void *context, void *to, size_t capacity, const void *from, size_t size)
{
    size_t (*compress)(void *, void *, size_t, const void *, size_t) = real("ZSTD_compress2");
    char *changed = malloc(size);
    memcpy(changed, from, size);
    changed[size / 2] ^= 1;
    const size_t length = compress(context, to, capacity, changed, size);
    free(changed);
    return length;
}

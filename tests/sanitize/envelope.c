/* Seal and open pieces of all sizes, whole and damaged, each in memory of exactly its size. */
#include "envelope/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static size_t below(size_t limit)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(state >> 33) % limit;
}

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "envelope: %s\n", what);
        exit(1);
    }
}

/* Random bytes, of few values or of many. */
static uint8_t *make(size_t size)
{
    uint8_t *data = malloc(size ? size : 1);
    const size_t values = below(2) ? 256 : 3;
    require(data != NULL, "out of memory");
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)below(values);
    return data;
}

static void there_and_back(bkp_envelope *envelope, size_t size, int compress)
{
    uint8_t *plain = make(size), *again = malloc(size ? size : 1), *iv = make(BKP_IV);
    uint8_t name[BKP_ID];
    const uint8_t *sealed;
    bkp_span piece = {0, size};
    iv[0] |= 1; /* all zeros are refused */
    require(!bkp_envelope_name(envelope, plain, size, name), "naming failed");
    require(!bkp_envelope_seal(envelope, plain, &piece, 1, compress, iv, &sealed), "sealing failed");

    uint8_t *copy = malloc(piece.length);
    memcpy(copy, sealed, piece.length);
    require(!bkp_envelope_open(envelope, copy, piece.length, compress, name, again, size) &&
                !memcmp(plain, again, size),
            "what was sealed did not open");
    copy[below(piece.length)] ^= (uint8_t)(1 << below(8));
    require(bkp_envelope_open(envelope, copy, piece.length, compress, name, again, size) ==
                BKP_UNSOUND,
            "a changed bit was not noticed");
    const size_t cut = below(piece.length);
    uint8_t *shorter = malloc(cut ? cut : 1);
    memcpy(shorter, sealed, cut);
    require(bkp_envelope_open(envelope, shorter, cut, compress, name, again, size) == BKP_UNSOUND,
            "a cut was not noticed");
    free(plain), free(again), free(iv), free(copy), free(shorter);
}

int main(void)
{
    const char *missing = bkp_envelope_load();
    if (missing) {
        fprintf(stderr, "envelope: there is no %s\n", missing);
        return 1;
    }
    const uint8_t encrypt[32] = {1}, k[16] = {2}, r[16] = {3};
    bkp_envelope *envelope = bkp_envelope_new(encrypt, k, r, 3, 1);
    require(envelope != NULL, "out of memory");
    for (int i = 0; i < 2000; i++)
        there_and_back(envelope, 1 + below(2000), i & 1);
    for (int i = 0; i < 40; i++) /* around the parts in which is verified */
        there_and_back(envelope, (64 << 10) * (1 + below(3)) - 40 + below(80), i & 1);
    there_and_back(envelope, 5 << 20, 1);
    there_and_back(envelope, 5 << 20, 0);
    bkp_envelope_free(envelope);
    return 0;
}

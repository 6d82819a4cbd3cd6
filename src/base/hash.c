#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

uint64_t dt_hash(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t dt_hash_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

char *dt_hash_text(uint64_t hash, char text[DT_HASH_TEXT])
{
    snprintf(text, DT_HASH_TEXT, "%016" PRIx64, hash);
    return text;
}

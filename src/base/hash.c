#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

bool dt_hash_parse(const char *text, uint64_t *hash)
{
    bool good =
        strlen(text) == DT_HASH_TEXT - 1 && strspn(text, "0123456789abcdef") == DT_HASH_TEXT - 1;
    *hash = good ? strtoull(text, NULL, 16) : 0;
    return good;
}

#include "checkpoint_trailer.h"

#include <string.h>

#include "base/hash.h"

static const uint8_t magic[8] = {0x89, 'D', 'T', 'C', 'K', 'P', 'T', '1'};

enum { AT_SIZE = 8, AT_HASH = 16 };

static void put_number(uint8_t bytes[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}

static uint64_t take_number(const uint8_t bytes[8])
{
    uint64_t number = 0;
    for (int i = 7; i >= 0; i--)
        number = number << 8 | bytes[i];
    return number;
}

void trailer_write(void *bytes, size_t size)
{
    uint8_t *trailer = (uint8_t *)bytes + size - TRAILER_SIZE;
    memcpy(trailer, magic, sizeof magic);
    put_number(trailer + AT_SIZE, size);
    put_number(trailer + AT_HASH, dt_hash(bytes, size - TRAILER_SIZE + AT_HASH));
}

dt_status trailer_check_size(const uint8_t trailer[TRAILER_SIZE], uint64_t size, dt_error *error)
{
    if (memcmp(trailer, magic, sizeof magic) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a checkpoint, found a file that does not end like one (not a "
                       "checkpoint, truncated or damaged)");
    uint64_t expected = take_number(trailer + AT_SIZE);
    if (expected != size)
        return dt_fail(error, DT_ERR_DATA,
                       "expected %llu bytes, as the end of the file says, found %llu (damaged)",
                       (unsigned long long)expected, (unsigned long long)size);
    return DT_OK;
}

dt_status trailer_check(const void *bytes, size_t size, dt_error *error)
{
    if (size < TRAILER_SIZE)
        return dt_fail(error, DT_ERR_DATA, "expected a checkpoint, found a file of %zu bytes",
                       size);
    const uint8_t *trailer = (const uint8_t *)bytes + size - TRAILER_SIZE;
    dt_status status = trailer_check_size(trailer, size, error);
    if (status)
        return status;
    uint64_t expected = take_number(trailer + AT_HASH);
    uint64_t found = dt_hash(bytes, size - TRAILER_SIZE + AT_HASH);
    char expected_text[DT_HASH_TEXT], found_text[DT_HASH_TEXT];
    if (expected != found)
        return dt_fail(error, DT_ERR_DATA, "expected the hash %s, found %s (damaged)",
                       dt_hash_text(expected, expected_text), dt_hash_text(found, found_text));
    return DT_OK;
}

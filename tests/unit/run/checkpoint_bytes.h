/* Checkpoints as the bytes of a file: encoded, sealed, refused. */
#ifndef DT_TESTS_CHECKPOINT_BYTES_H
#define DT_TESTS_CHECKPOINT_BYTES_H

#include <stdio.h>

#include "base/memory.h"
#include "checkpoint_fixture.h"

static inline drawn_checkpoint drawn(uint32_t sample, int parts, size_t count,
                                     size_t history_length)
{
    dt_random_sequence random = draw_begin(sample);
    drawn_checkpoint result;
    draw_checkpoint(&random, parts, count, history_length, &result);
    return result;
}

/* Few and short, so that every byte can be tried. */
static inline drawn_checkpoint small(void)
{
    drawn_checkpoint result = drawn(7, DRAW_VELOCITY | DRAW_BEST | DRAW_TRACKED, 3, 40);
    result.checkpoint.config = "[train]\nlr = 0.1\n";
    result.checkpoint.architecture = "2-1";
    result.checkpoint.version = "0.1.0";
    return result;
}

static inline void encode(const dt_checkpoint *checkpoint, uint8_t **bytes, size_t *size)
{
    void *image;
    dt_error error = {0};
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_encode(checkpoint, &image, size, &error), DT_OK);
    *bytes = image;
}

static inline void assert_comes_back(const dt_checkpoint *checkpoint)
{
    uint8_t *bytes;
    size_t size;
    encode(checkpoint, &bytes, &size);
    CU_ASSERT_EQUAL(memcmp(bytes, "\x89HDF\r\n\x1a\n\0", 9), 0); /* superblock version 0 */
    dt_checkpoint back;
    dt_error error = {0};
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_decode(bytes, size, &back, &error), DT_OK);
    assert_same_checkpoint(checkpoint, &back);

    uint8_t *again;
    size_t again_size;
    encode(&back, &again, &again_size);
    CU_ASSERT_EQUAL(again_size, size);
    CU_ASSERT_TRUE(again_size == size && memcmp(again, bytes, size) == 0);
    dt_checkpoint_destroy(&back);
    dt_checkpoint_destroy(&back);
    dt_free(again);
    dt_free(bytes);
}

static inline void assert_refused(const void *bytes, size_t size, const char *reason)
{
    dt_checkpoint out;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_checkpoint_decode(bytes, size, &out, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    if (!strstr(error.message, reason))
        fprintf(stderr, "\nexpected '%s', found '%s'\n", reason, error.message);
    dt_checkpoint_destroy(&out);
}

/* The trailer of the file format's description, made without the code under test. */
static inline void seal(uint8_t *bytes, size_t size)
{
    memcpy(bytes + size - 24,
           "\x89"
           "DTCKPT1",
           8);
    uint64_t number = size;
    memcpy(bytes + size - 16, &number, 8);
    number = dt_hash(bytes, size - 8);
    memcpy(bytes + size - 8, &number, 8);
}

#endif

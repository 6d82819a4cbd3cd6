#include "checkpoint_bytes.h"

CU_SuiteInfo dt_suite_checkpoint_damage(void);

static void every_flipped_byte_is_noticed(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size, accepted = 0;
    encode(&from.checkpoint, &bytes, &size);
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 9; bit++) {
            uint8_t flip = bit < 8 ? (uint8_t)(1 << bit) : 0xff;
            dt_checkpoint out;
            bytes[i] ^= flip;
            accepted += dt_checkpoint_decode(bytes, size, &out, NULL) != DT_ERR_DATA;
            dt_checkpoint_destroy(&out);
            bytes[i] ^= flip;
        }
    CU_ASSERT_EQUAL(accepted, 0);
    assert_comes_back(&from.checkpoint);
    dt_free(bytes);
    free_drawn(&from);
}

/* Each in a block of its own size, so that a sanitizer sees a read beyond it. */
static void every_truncation_is_noticed(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size, accepted = 0;
    encode(&from.checkpoint, &bytes, &size);
    for (size_t length = 0; length < size; length++) {
        uint8_t *cut = malloc(length);
        memcpy(cut, bytes, length);
        dt_checkpoint out;
        accepted += dt_checkpoint_decode(cut, length, &out, NULL) != DT_ERR_DATA;
        free(cut);
        uint8_t *tail = malloc(length);
        memcpy(tail, bytes + size - length, length);
        accepted += dt_checkpoint_decode(tail, length, &out, NULL) != DT_ERR_DATA;
        free(tail);
    }
    uint8_t *longer = calloc(size + 1, 1);
    memcpy(longer, bytes, size);
    assert_refused(longer, size + 1, "does not end like one");
    free(longer);
    CU_ASSERT_EQUAL(accepted, 0);
    dt_free(bytes);
    free_drawn(&from);
}

static void every_zeroed_block_is_noticed(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size, accepted = 0, tried = 0;
    encode(&from.checkpoint, &bytes, &size);
    uint8_t *copy = malloc(size);
    for (size_t block = 8; block <= 4096; block *= 2)
        for (size_t at = 0; at < size; at += block) {
            size_t length = size - at < block ? size - at : block;
            memcpy(copy, bytes, size);
            memset(copy + at, 0, length);
            if (memcmp(copy, bytes, size) == 0)
                continue;
            dt_checkpoint out;
            accepted += dt_checkpoint_decode(copy, size, &out, NULL) != DT_ERR_DATA;
            tried++;
        }
    CU_ASSERT_EQUAL(accepted, 0);
    CU_ASSERT_TRUE(tried > 100);
    free(copy);
    dt_free(bytes);
    free_drawn(&from);
}

static void the_trailer_is_as_described(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size;
    encode(&from.checkpoint, &bytes, &size);
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    memset(copy + size - 24, 0, 24);
    seal(copy, size);
    CU_ASSERT_EQUAL(memcmp(copy, bytes, size), 0);

    copy[size - 10] ^= 1;
    assert_refused(copy, size, "as the end of the file says, found ");
    seal(copy, size);
    copy[100] ^= 1;
    assert_refused(copy, size, "expected the hash ");
    assert_refused(copy, 10, "found a file of 10 bytes");
    free(copy);
    dt_free(bytes);
    free_drawn(&from);
}

/* Damage that the trailer would have hidden: what is accepted all the same is of no interest, since
 * a file has bytes that nobody reads; it must not be a crash. */
enum { FUZZ_MUTATIONS = 60 };

static void damage_behind_a_right_trailer_is_survived(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size;
    int refused = 0, unreadable = 0;
    encode(&from.checkpoint, &bytes, &size);
    uint8_t *copy = malloc(size);
    for (uint32_t i = 0; i < FUZZ_MUTATIONS; i++) {
        dt_random_sequence random = draw_begin(50000 + i);
        memcpy(copy, bytes, size);
        for (int edits = draw_int(&random, 1, 4); edits > 0; edits--)
            draw_damage(&random, copy, size - 24);
        seal(copy, size);
        dt_checkpoint out;
        dt_error error = {0};
        dt_status status = dt_checkpoint_decode(copy, size, &out, &error);
        dt_checkpoint_destroy(&out);
        /* A reader that fails, whatever ended it, is no reason to set a checkpoint aside. */
        bool failed = status == DT_ERR_INTERNAL && strstr(error.message, "its hash is right");
        CU_ASSERT_TRUE(status == DT_OK || failed ||
                       (status == DT_ERR_DATA && error.message[0] != '\0'));
        refused += status != DT_OK;
        unreadable += failed;
    }
    CU_ASSERT_TRUE(refused > FUZZ_MUTATIONS / 10 && refused < FUZZ_MUTATIONS);
    CU_ASSERT_TRUE(unreadable > 0);
    free(copy);
    dt_free(bytes);
    free_drawn(&from);
}

CU_SuiteInfo dt_suite_checkpoint_damage(void)
{
    static CU_TestInfo tests[] = {
        {"every flipped byte is noticed", every_flipped_byte_is_noticed},
        {"every truncation is noticed", every_truncation_is_noticed},
        {"every zeroed block is noticed", every_zeroed_block_is_noticed},
        {"the trailer is as described", the_trailer_is_as_described},
        {"damage behind a right trailer is survived", damage_behind_a_right_trailer_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "checkpoint_damage", .pTests = tests};
}

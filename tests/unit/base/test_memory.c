#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/hash.h"

CU_SuiteInfo dt_suite_memory(void);

static void test_blocks(void)
{
    static const size_t counts[] = {0, 1, 15, 16, 17, 63, 64, 65, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        dt_error error = {.status = DT_OK};
        /* Freed memory that was not zero comes back. */
        unsigned char *block = dt_calloc(counts[i], 3, &error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(block);
        memset(block, 0xab, 3 * counts[i]);
        dt_free(block);
        block = dt_calloc(counts[i], 3, &error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(block);
        CU_ASSERT_EQUAL((uintptr_t)block % DT_ALIGNMENT, 0);
        for (size_t j = 0; j < 3 * counts[i]; j++)
            CU_ASSERT_EQUAL(block[j], 0);
        CU_ASSERT_EQUAL(error.status, DT_OK);
        dt_free(block);
    }
    dt_free(NULL);
}

static void test_too_large(void)
{
    static const size_t sizes[][2] = {
        {SIZE_MAX, 2}, {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32},
        {SIZE_MAX, 1}, {PTRDIFF_MAX, 1},      {PTRDIFF_MAX - 63, 1},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        dt_error error = {.status = DT_OK};
        char number[32];
        CU_ASSERT_PTR_NULL(dt_calloc(sizes[i][0], sizes[i][1], &error));
        CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
        snprintf(number, sizeof number, "%zu", sizes[i][0]);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, number));
    }
    CU_ASSERT_PTR_NULL(dt_calloc(SIZE_MAX, 2, NULL));
}

static void test_fail_at(void)
{
    for (long n = 1; n <= 4; n++) {
        dt_memory_fail_at(n);
        for (long i = 1; i <= 6; i++) {
            dt_error error = {.status = DT_OK};
            void *block = dt_calloc(123, 7, &error);
            CU_ASSERT_EQUAL(block == NULL, i == n);
            CU_ASSERT_EQUAL(error.status, i == n ? DT_ERR_INTERNAL : DT_OK);
            if (i == n)
                CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "861 bytes"));
            dt_free(block);
        }
    }
    dt_memory_fail_at(1);
    dt_memory_fail_at(0);
    void *block = dt_calloc(1, 1, NULL);
    CU_ASSERT_PTR_NOT_NULL(block);
    dt_free(block);
}

static void test_strdup(void)
{
    static const char *const texts[] = {
        "", "a", "a text that is longer than a cache line of 64 bytes: on and on"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *copy = dt_strdup(texts[i], NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
        CU_ASSERT_PTR_NOT_EQUAL(copy, texts[i]);
        CU_ASSERT_STRING_EQUAL(copy, texts[i]);
        dt_free(copy);
    }
    dt_error error = {.status = DT_OK};
    dt_memory_fail_at(1);
    CU_ASSERT_PTR_NULL(dt_strdup("text", &error));
    dt_memory_fail_at(0);
    CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
}

static void test_fail(void)
{
    dt_error error = {.status = DT_OK};
    CU_ASSERT_EQUAL(dt_fail(&error, DT_ERR_DATA, "%s: %d images", "file", 7), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(error.message, "file: 7 images");
    CU_ASSERT_EQUAL(dt_fail_in(&error, "rank %d", 3), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(error.message, "rank 3: file: 7 images");
    CU_ASSERT_EQUAL(dt_fail(NULL, DT_ERR_IO, "%d", 1), DT_ERR_IO);
}

/* Messages that are too long are cut and stay one terminated text. */
static void test_fail_long(void)
{
    dt_error error = {.status = DT_OK};
    char text[3 * sizeof error.message];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    CU_ASSERT_EQUAL(dt_fail(&error, DT_ERR_IO, "%s", text), DT_ERR_IO);
    CU_ASSERT_EQUAL(strlen(error.message), sizeof error.message - 1);
    CU_ASSERT_EQUAL(dt_fail_in(&error, "%s", "here"), DT_ERR_IO);
    CU_ASSERT_EQUAL(strlen(error.message), sizeof error.message - 1);
    CU_ASSERT_EQUAL(strncmp(error.message, "here: xxx", 9), 0);
    CU_ASSERT_EQUAL(dt_fail_in(&error, "%s", text), DT_ERR_IO);
    CU_ASSERT_EQUAL(strlen(error.message), sizeof error.message - 1);
    CU_ASSERT_EQUAL(error.message[0], 'x');
}

/* The codes are exit codes: sysexits.h. */
static void test_statuses(void)
{
    static const struct {
        dt_status status;
        int code;
    } codes[] = {
        {DT_OK, 0},
        {DT_ERR_USAGE, 64},
        {DT_ERR_DATA, 65},
        {DT_ERR_NO_INPUT, 66},
        {DT_ERR_INTERNAL, 70},
        {DT_ERR_STALLED, 71},
        {DT_ERR_CREATE, 73},
        {DT_ERR_IO, 74},
        {DT_STOPPED, 75},
        {DT_ERR_CONFIG, 78},
    };
    enum { COUNT = sizeof codes / sizeof *codes };
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL((int)codes[i].status, codes[i].code);
}

/* Known answers of `xxhsum -H3` and of the library's own tests. */
static void test_hash(void)
{
    CU_ASSERT_EQUAL(dt_hash("", 0), 0x2d06800538d394c2);
    CU_ASSERT_EQUAL(dt_hash("a", 1), 0xe6c632b61e964e1f);
    CU_ASSERT_EQUAL(dt_hash("abc", 3), 0x78af5f94892f3950);

    unsigned char bytes[1000] = {0};
    uint64_t hash = dt_hash(bytes, sizeof bytes);
    for (size_t i = 0; i < 8 * sizeof bytes; i += 37) {
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        CU_ASSERT_NOT_EQUAL(dt_hash(bytes, sizeof bytes), hash);
        bytes[i / 8] = 0;
    }
    CU_ASSERT_EQUAL(dt_hash(bytes, sizeof bytes), hash);
    CU_ASSERT_NOT_EQUAL(dt_hash(bytes, sizeof bytes - 1), hash);
}

static void test_hash_text(void)
{
    char text[DT_HASH_TEXT];
    CU_ASSERT_PTR_EQUAL(dt_hash_text(0x00ABCDEF01234567, text), text);
    CU_ASSERT_STRING_EQUAL(text, "00abcdef01234567");
    CU_ASSERT_STRING_EQUAL(dt_hash_text(0, text), "0000000000000000");
    CU_ASSERT_STRING_EQUAL(dt_hash_text(UINT64_MAX, text), "ffffffffffffffff");
}

CU_SuiteInfo dt_suite_memory(void)
{
    static CU_TestInfo tests[] = {
        {"blocks are zero and aligned", test_blocks},
        {"sizes that overflow", test_too_large},
        {"the n-th allocation fails, and no other", test_fail_at},
        {"copies of texts", test_strdup},
        {"errors: message, prefix, status", test_fail},
        {"errors: long messages are cut", test_fail_long},
        {"statuses are exit codes with names", test_statuses},
        {"hash: known answers, every bit counts", test_hash},
        {"hash: as text", test_hash_text},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "memory", .pTests = tests};
}

/* What every format of files that hold a bundle promises. */
#include "bundle_fixture.h"
#include "file/npz.h"
#include "file/safetensors.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_bundle(void);

typedef struct format {
    dt_status (*write)(const char *path, const dt_bundle *bundle, dt_error *error);
    decode_bundle *decode;
} format;

static const format formats[] = {{dt_npz_write, dt_npz_decode},
                                 {dt_safetensors_write, dt_safetensors_decode}};
enum { FORMATS = sizeof formats / sizeof *formats };

/* The bytes of the bundle's file; malloc'd. */
static uint8_t *encode(const format *as, const dt_bundle *bundle, size_t *size)
{
    const char *file = scratch_path(folder, "x");
    CU_ASSERT_EQUAL_FATAL(as->write(file, bundle, NULL), DT_OK);
    uint8_t *bytes = (uint8_t *)scratch_read(file, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    return bytes;
}

static dt_bundle draw_some(dt_random_sequence *random)
{
    dt_bundle bundle = draw_bundle(random);
    while (bundle.array_count == 0) {
        dt_bundle_destroy(&bundle);
        bundle = draw_bundle(random);
    }
    return bundle;
}

static void what_is_written_comes_back(void)
{
    for (uint32_t i = 0; i < 200 * FORMATS; i++) {
        const format *as = &formats[i % FORMATS];
        dt_random_sequence random = draw_begin(i);
        dt_bundle bundle = draw_some(&random), back;
        size_t size, size_again;
        uint8_t *bytes = encode(as, &bundle, &size);
        dt_error error = {0};
        CU_ASSERT_EQUAL(as->decode(bytes, size, &back, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(error.message, "");
        CU_ASSERT_TRUE(same_bundle(&bundle, &back));
        CU_ASSERT_PTR_NULL(back.converted);
        uint8_t *again = encode(as, &back, &size_again);
        CU_ASSERT_TRUE(size == size_again && memcmp(bytes, again, size) == 0);
        free(bytes);
        free(again);
        dt_bundle_destroy(&bundle);
        dt_bundle_destroy(&back);
        dt_bundle_destroy(&back);
    }
    dt_bundle_destroy(NULL);
}

static void damaged_files_are_survived(void)
{
    for (int f = 0; f < FORMATS; f++) {
        uint32_t count = fuzz_count(), refused = 0;
        uint8_t *bytes = NULL;
        size_t size = 0;
        for (uint32_t i = 0; i < count; i++) {
            dt_random_sequence random = draw_begin(1000 + i);
            if (i % 200 == 0) {
                dt_bundle bundle = draw_some(&random);
                free(bytes);
                bytes = encode(&formats[f], &bundle, &size);
                dt_bundle_destroy(&bundle);
            }
            refused += refuses_damaged(bytes, size, &random, formats[f].decode);
        }
        free(bytes);
        CU_ASSERT_TRUE(refused > count / 4 && refused < count);
    }
}

static void every_failed_allocation_is_survived(void)
{
    dt_random_sequence random = draw_begin(7);
    dt_bundle bundle = draw_some(&random), back;
    for (const format *as = formats; as < formats + FORMATS; as++) {
        size_t size;
        uint8_t *bytes = encode(as, &bundle, &size);
        dt_status status;
        for (int writes = 0; writes < 2; writes++) {
            long n = 0;
            do {
                dt_error error = {0};
                dt_memory_fail_at(++n);
                status = writes ? as->write(scratch_path(folder, "x"), &bundle, &error)
                                : as->decode(bytes, size, &back, &error);
                dt_memory_fail_at(0);
                CU_ASSERT_TRUE(status == error.status &&
                               (status == DT_OK || status == DT_ERR_INTERNAL));
                if (!writes)
                    dt_bundle_destroy(&back);
            } while (status && n < 100);
            CU_ASSERT_TRUE(n > 3 && n < 100);
        }
        free(bytes);
    }
    dt_bundle_destroy(&bundle);
}

CU_SuiteInfo dt_suite_bundle(void)
{
    static CU_TestInfo tests[] = {
        {"what is written comes back, and the same bytes of it", what_is_written_comes_back},
        {"damaged files are survived", damaged_files_are_survived},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "bundle",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

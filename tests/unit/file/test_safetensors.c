#include "file/safetensors.h"

#include <math.h>

#include "bundle_fixture.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_safetensors(void);

static const char *file(void)
{
    return scratch_path(folder, "x.safetensors");
}

/* The bytes of the bundle's file; malloc'd. */
static uint8_t *encode(const dt_bundle *bundle, size_t *size)
{
    CU_ASSERT_EQUAL_FATAL(dt_safetensors_write(file(), bundle, NULL), DT_OK);
    uint8_t *bytes = (uint8_t *)scratch_read(file(), size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    return bytes;
}

static void what_is_written_comes_back(void)
{
    for (uint32_t i = 0; i < 300; i++) {
        dt_random_sequence random = draw_begin(i);
        dt_bundle bundle = draw_bundle(&random), back;
        size_t size, size_again;
        uint8_t *bytes = encode(&bundle, &size);
        uint64_t length;
        memcpy(&length, bytes, sizeof length);
        CU_ASSERT_EQUAL(length % 8, 0);
        dt_error error = {0};
        CU_ASSERT_EQUAL(dt_safetensors_decode(bytes, size, &back, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(error.message, "");
        CU_ASSERT_TRUE(same_bundle(&bundle, &back));
        CU_ASSERT_PTR_NULL(back.converted);
        uint8_t *again = encode(&back, &size_again);
        CU_ASSERT_TRUE(size == size_again && memcmp(bytes, again, size) == 0);
        free(bytes);
        free(again);
        dt_bundle_destroy(&bundle);
        dt_bundle_destroy(&back);
        dt_bundle_destroy(&back);
    }
    dt_bundle_destroy(NULL);
}

/* A file of this header and `values` zeros (or what `bytes` says). */
static dt_status decode(const char *header, const void *bytes, size_t values, dt_bundle *out,
                        dt_error *error)
{
    uint64_t length = strlen(header);
    uint8_t *file_bytes = calloc(8 + length + values + 1, 1);
    memcpy(file_bytes, &length, 8);
    memcpy(file_bytes + 8, header, length);
    if (bytes)
        memcpy(file_bytes + 8 + length, bytes, values);
    dt_status status = dt_safetensors_decode(file_bytes, 8 + length + values, out, error);
    free(file_bytes);
    return status;
}

static void other_widths_become_floats(void)
{
    /* 1, -2, 65504, 2^-24, 2^-14, -0 */
    static const uint16_t half[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000};
    static const float expected[] = {1, -2, 65504, 0x1p-24f, 0x1p-14f, -0.0f};
    static const uint16_t brain[] = {0x3f80, 0xc000, 0x7f7f};
    static const double wide[] = {1, 0.1, 1e300};
    dt_bundle out;
    CU_ASSERT_EQUAL(decode("{\"a\":{\"dtype\":\"F16\",\"shape\":[6],\"data_offsets\":[0,12]}}",
                           half, 12, &out, NULL),
                    DT_OK);
    CU_ASSERT_EQUAL(memcmp(out.arrays[0].values, expected, sizeof expected), 0);
    CU_ASSERT_STRING_EQUAL(out.converted, "F16");
    dt_bundle_destroy(&out);
    CU_ASSERT_EQUAL(decode("{\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}",
                           brain, 6, &out, NULL),
                    DT_OK);
    CU_ASSERT_TRUE(out.arrays[0].values[0] == 1.0f && out.arrays[0].values[1] == -2.0f);
    CU_ASSERT_EQUAL(out.arrays[0].values[2], 0x1.fep127f);
    dt_bundle_destroy(&out);
    CU_ASSERT_EQUAL(decode("{\"a\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}",
                           wide, 24, &out, NULL),
                    DT_OK);
    CU_ASSERT_TRUE(out.arrays[0].values[1] == 0.1f && isinf(out.arrays[0].values[2]));
    CU_ASSERT_STRING_EQUAL(out.converted, "F64");
    dt_bundle_destroy(&out);
    static const uint16_t strange[] = {0x7c00, 0xfc00, 0x7e00};
    CU_ASSERT_EQUAL(decode("{\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]}}",
                           strange, 6, &out, NULL),
                    DT_OK);
    const float *values = out.arrays[0].values;
    CU_ASSERT_TRUE(values[0] == INFINITY && values[1] == -INFINITY && isnan(values[2]));
    dt_bundle_destroy(&out);
}

#define A(dtype, shape, offsets)                                                                   \
    "\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void files_that_lie_are_refused_before_memory_is_taken(void)
{
    static const struct {
        const char *header;
        size_t values;
        const char *reason;
    } lies[] = {
        {"", 0, "in JSON, found at byte"},
        {"[]", 0, "a JSON object, found something else"},
        {"{\"a\":1}", 0, "array a: expected dtype F32, F64, F16 or BF16, found none"},
        {"{" A("F8_E5M2", "[8]", "[0,8]") "}", 8, "found F8_E5M2"},
        {"{" A("I64", "[2]", "[0,8]") "}", 8, "as far apart as its shape and dtype say"},
        {"{" A("F32", "[2]", "[0,8]") "," A("F32", "[2]", "[0,8]") "}", 8, "in JSON, found at"},
        {"{" A("F32", "[1]", "[0,8]") "}", 8, "as far apart as its shape and dtype say"},
        {"{" A("F32", "[2]", "[4,12]") "}", 8, "data_offsets within the 8 bytes of values"},
        {"{" A("F32", "[1]", "[4,8]") "}", 8, "from byte 0 on"},
        {"{" A("F32", "[1]", "[0,4]") "}", 8, "up to the end of the file, byte 8, found 4"},
        {"{" A("F32", "[2]", "[8,0]") "}", 8, "found 8 and 0"},
        {"{" A("F32", "[-2]", "[0,8]") "}", 8, "integers >= 0"},
        {"{" A("F32", "[2.0]", "[0,8]") "}", 8, "integers >= 0"},
        {"{" A("F32", "[1,1,1,1,2]", "[0,8]") "}", 8, "at most 4 integers"},
        {"{" A("F32", "[2]", "[0,8,8]") "}", 8, "data_offsets of two"},
        {"{" A("F32", "[0]", "[0,0]") "}", 0, "expected sizes >= 1"},
        {"{" A("F32", "[4611686018427387904]", "[0,0]") "}", 0, "data_offsets within the 0 bytes"},
        {"{" A("F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "within the 0 bytes"},
        {"{" A("F32", "[99999999999999999999]", "[0,0]") "}", 0, "in JSON, found at"},
        {"{" A("F32", "[1099511627776]", "[0,4398046511104]") "}", 8, "within the 8 bytes"},
        {"{" A("F32", "[1]", "[0,4]") ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
                                      "\"data_offsets\":[0,4]}}",
         4, "array b: expected values from byte 4 on"},
        {"{\"__metadata__\":[]}", 0, "__metadata__: expected texts by name"},
        {"{\"__metadata__\":{\"x\":1}}", 0, "__metadata__: x: expected a text, found none"},
        {"{\"__metadata__\":{\"x\":\"a\\u0000b\"}}", 0, "in JSON, found at byte"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "1 to 127 bytes"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        dt_bundle out;
        dt_error error = {0};
        CU_ASSERT_EQUAL(decode(lies[i].header, NULL, lies[i].values, &out, &error), DT_ERR_DATA);
        if (!strstr(error.message, lies[i].reason))
            printf("\n    expected ...%s...\n    found    %s\n", lies[i].reason, error.message);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, lies[i].reason));
        dt_bundle_destroy(&out);
    }
    static const uint64_t lengths[] = {0, 1, 3, UINT64_MAX, UINT64_MAX - 7, 1ull << 63};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t bytes[10] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
        memcpy(bytes, &lengths[i], 8);
        dt_bundle out;
        for (size_t size = 0; size <= 10; size++) {
            CU_ASSERT_EQUAL(dt_safetensors_decode(bytes, size, &out, NULL), DT_ERR_DATA);
            dt_bundle_destroy(&out);
        }
    }
}

static void damaged_files_are_survived(void)
{
    uint32_t count = fuzz_count(), refused = 0;
    for (uint32_t i = 0; i < count; i++) {
        dt_random_sequence random = draw_begin(1000 + i);
        static dt_bundle bundle;
        static uint8_t *bytes;
        static size_t size;
        if (i % 200 == 0) {
            free(bytes);
            dt_bundle_destroy(&bundle);
            do {
                dt_bundle_destroy(&bundle);
                bundle = draw_bundle(&random);
            } while (bundle.array_count == 0);
            bytes = encode(&bundle, &size);
        }
        uint8_t *copy = malloc(size);
        size_t cut = size;
        memcpy(copy, bytes, size);
        mutate(&random, copy, &cut);
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, copy, cut);
        dt_bundle out;
        dt_error error = {0};
        dt_status status = dt_safetensors_decode(exact, cut, &out, &error);
        CU_ASSERT_TRUE(status == DT_OK || (status == DT_ERR_DATA && error.message[0] != '\0'));
        CU_ASSERT_PTR_NULL(strchr(error.message, '\n'));
        refused += status != DT_OK;
        dt_bundle_destroy(&out);
        free(copy);
        free(exact);
        if (i + 1 == count) {
            free(bytes);
            dt_bundle_destroy(&bundle);
        }
    }
    CU_ASSERT_TRUE(refused > count / 4 && refused < count);
}

static void every_failed_allocation_is_survived(void)
{
    dt_random_sequence random = draw_begin(7);
    dt_bundle bundle = draw_bundle(&random), back;
    size_t size;
    uint8_t *bytes = encode(&bundle, &size);
    dt_status status;
    long n = 0;
    do {
        dt_error error = {0};
        dt_memory_fail_at(++n);
        status = dt_safetensors_decode(bytes, size, &back, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_TRUE(status == error.status && (status == DT_OK || status == DT_ERR_INTERNAL));
        if (status == DT_OK)
            CU_ASSERT_TRUE(same_bundle(&bundle, &back));
        dt_bundle_destroy(&back);
    } while (status != DT_OK && n < 100);
    CU_ASSERT_TRUE(n > 3 && n < 100);
    free(bytes);
    dt_bundle_destroy(&bundle);
}

CU_SuiteInfo dt_suite_safetensors(void)
{
    static CU_TestInfo tests[] = {
        {"what is written comes back, and the same bytes of it", what_is_written_comes_back},
        {"other widths become floats", other_widths_become_floats},
        {"files that lie are refused before memory is taken",
         files_that_lie_are_refused_before_memory_is_taken},
        {"damaged files are survived", damaged_files_are_survived},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "safetensors",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

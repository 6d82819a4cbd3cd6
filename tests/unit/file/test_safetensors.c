#include "file/safetensors.h"

#include <math.h>

#include "bundle_fixture.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_safetensors(void);

static void values_are_aligned(void)
{
    const char *file = scratch_path(folder, "x.safetensors");
    for (uint32_t i = 0; i < 30; i++) {
        dt_random_sequence random = draw_begin(i);
        dt_bundle bundle = draw_bundle(&random);
        size_t size;
        CU_ASSERT_EQUAL_FATAL(dt_safetensors_write(file, &bundle, NULL), DT_OK);
        char *bytes = scratch_read(file, &size);
        uint64_t length;
        memcpy(&length, bytes, sizeof length);
        CU_ASSERT_EQUAL(length % 8, 0);
        free(bytes);
        dt_bundle_destroy(&bundle);
    }
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

CU_SuiteInfo dt_suite_safetensors(void)
{
    static CU_TestInfo tests[] = {{"values are aligned", values_are_aligned},
                                  {"other widths become floats", other_widths_become_floats},
                                  {"files that lie are refused before memory is taken",
                                   files_that_lie_are_refused_before_memory_is_taken},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "safetensors",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

#include "file/npz.h"

#include "file/zip.h"

#include <time.h>
#include <zip.h>

#include "bundle_fixture.h"
#include "file/npy.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_npz(void);

static const char *file(void)
{
    return scratch_path(folder, "x.npz");
}

/* The time of each member is the first that ZIP knows: the bytes say nothing of today. */
static void members_have_no_time(void)
{
    dt_bundle bundle = {0};
    int error_number;
    float *values;
    CU_ASSERT_EQUAL(dt_bundle_add(&bundle, "a", 1, &(int64_t){3}, &values, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_bundle_add_text(&bundle, "t", "x", NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_npz_write(file(), &bundle, NULL), DT_OK);
    zip_t *zip = zip_open(file(), ZIP_RDONLY, &error_number);
    CU_ASSERT_PTR_NOT_NULL_FATAL(zip);
    CU_ASSERT_EQUAL(zip_get_num_entries(zip, 0), 2);
    for (zip_uint64_t i = 0; i < 2; i++) {
        zip_stat_t info;
        CU_ASSERT_EQUAL(zip_stat_index(zip, i, 0, &info), 0);
        struct tm first = {.tm_year = 80, .tm_mday = 1, .tm_isdst = -1};
        CU_ASSERT_EQUAL(info.mtime, mktime(&first));
        CU_ASSERT_EQUAL(info.comp_method, ZIP_CM_STORE);
    }
    zip_discard(zip);
    dt_bundle_destroy(&bundle);
}

/* A .npy of this header and values; malloc'd. */
static uint8_t *npy(const char *header, const void *values, size_t value_size, size_t *size)
{
    size_t length = strlen(header);
    uint8_t *bytes = malloc(10 + length + value_size);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (uint8_t)(length & 255);
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + 10, header, length);
    memcpy(bytes + 10 + length, values, value_size);
    *size = 10 + length + value_size;
    return bytes;
}

static dt_status read_npy(const char *header, const void *values, size_t value_size,
                          dt_bundle *bundle, dt_error *error)
{
    size_t size;
    uint8_t *bytes = npy(header, values, value_size, &size);
    dt_status status = dt_npy_read(bytes, size, "a", bundle, error);
    free(bytes);
    return status;
}

static void arrays_of_other_kinds_are_read(void)
{
    static const float columns[] = {1, 4, 2, 5, 3, 6}, rows[] = {1, 2, 3, 4, 5, 6};
    static const double wide[] = {1, 2, 3, 4, 5, 6};
    static const uint32_t letters[] = {'x', 0x20ac, 0, 0};
    dt_bundle bundle = {0};
    CU_ASSERT_EQUAL(
        read_npy("{'descr':'<f4','fortran_order':True,'shape':(2,3)}", columns, 24, &bundle, NULL),
        DT_OK);
    CU_ASSERT_EQUAL(memcmp(bundle.arrays[0].values, rows, sizeof rows), 0);
    dt_bundle_destroy(&bundle);
    CU_ASSERT_EQUAL(read_npy("{'shape': (6,), 'fortran_order': True, 'descr': '<f8', }\n", wide, 48,
                             &bundle, NULL),
                    DT_OK);
    CU_ASSERT_EQUAL(memcmp(bundle.arrays[0].values, rows, sizeof rows), 0);
    CU_ASSERT_STRING_EQUAL(bundle.converted, "F64");
    dt_bundle_destroy(&bundle);
    CU_ASSERT_EQUAL(read_npy("{'descr': '<U4', 'fortran_order': False, 'shape': (), }", letters, 16,
                             &bundle, NULL),
                    DT_OK);
    CU_ASSERT_STRING_EQUAL(bundle.texts[0].text, "x\xe2\x82\xac");
    dt_bundle_destroy(&bundle);
}

static void arrays_in_other_orders_are_read(void)
{
    /* a[i][j][k] = 4 i + 2 j + k, the first index fastest */
    static const float cube[] = {0, 4, 2, 6, 1, 5, 3, 7};
    uint32_t big[6];
    const float rows[] = {1, 2, 3, 4, 5, 6};
    dt_bundle bundle = {0};
    memcpy(big, rows, sizeof big);
    for (int i = 0; i < 6; i++)
        big[i] = __builtin_bswap32(big[i]);
    CU_ASSERT_EQUAL(read_npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,2,2), }", cube,
                             sizeof cube, &bundle, NULL),
                    DT_OK);
    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(bundle.arrays[0].values[i], (float)i);
    dt_bundle_destroy(&bundle);
    CU_ASSERT_EQUAL(read_npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2,3), }", big,
                             sizeof big, &bundle, NULL),
                    DT_OK);
    CU_ASSERT_EQUAL(memcmp(bundle.arrays[0].values, rows, sizeof rows), 0);
    CU_ASSERT_STRING_EQUAL(bundle.converted, "big-endian F32");
    dt_bundle_destroy(&bundle);
    CU_ASSERT_EQUAL(
        read_npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", cube, 8, &bundle, NULL),
        DT_OK);
    CU_ASSERT_EQUAL(bundle.array_count, 0);
    CU_ASSERT_STRING_EQUAL(bundle.others[0].text, "<i8");
    dt_bundle_destroy(&bundle);
}

static void refuse(const char *header, size_t values, const char *reason)
{
    static const uint32_t zeros[16] = {0xd800, 0, 'x'};
    dt_bundle bundle = {0};
    dt_error error = {0};
    CU_ASSERT_EQUAL(read_npy(header, zeros, values, &bundle, &error), DT_ERR_DATA);
    if (!strstr(error.message, reason))
        printf("\n    expected ...%s...\n    found    %s\n", reason, error.message);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_EQUAL(bundle.array_count, 0);
    dt_bundle_destroy(&bundle);
}

static void arrays_that_lie_are_refused(void)
{
    static const char *const strange[] = {
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '=f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<V8', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } + x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }",
        "",
    };
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        refuse(strange[i], 4, "a: expected an array of floats or integers");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4, "as its shape says");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999, 999999999999999)}",
           4, "as its shape says");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", 0, "sizes >= 1");
    refuse("{'descr': '<U1', 'fortran_order': False, 'shape': (), }", 4, "expected Unicode text");
    refuse("{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", 8, "as its shape says");
}

/* An archive of one member, deflated; malloc'd. */
static uint8_t *archive(const char *name, void *member, size_t member_size, size_t *size)
{
    int error_number;
    zip_t *zip = zip_open(file(), ZIP_CREATE | ZIP_TRUNCATE, &error_number);
    CU_ASSERT_PTR_NOT_NULL_FATAL(zip);
    zip_source_t *source = zip_source_buffer(zip, member, member_size, 0);
    zip_int64_t at = zip_file_add(zip, name, source, 0);
    CU_ASSERT_TRUE(at >= 0);
    CU_ASSERT_EQUAL(zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_DEFLATE, 9), 0);
    CU_ASSERT_EQUAL(zip_close(zip), 0);
    uint8_t *bytes = (uint8_t *)scratch_read(file(), size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    return bytes;
}

static void archives_are_read_and_bombs_refused(void)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000,), }";
    size_t member_size, size;
    float *values = calloc(1000000, sizeof *values);
    uint8_t *member = npy(header, values, 4000000, &member_size);
    uint8_t *bytes = archive("a.npy", member, member_size, &size);
    dt_bundle bundle;
    dt_error error = {0};
    CU_ASSERT_TRUE(size < 10000);
    CU_ASSERT_EQUAL(dt_npz_decode(bytes, size, &bundle, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "at most 32 times the file's size"));
    dt_bundle_destroy(&bundle);
    free(bytes);
    free(member);

    for (int i = 0; i < 1000000; i++)
        values[i] = (float)(i % 1000);
    member = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (200000,), }", values, 800000,
                 &member_size);
    bytes = archive("a.npy", member, member_size, &size);
    CU_ASSERT_EQUAL(dt_npz_decode(bytes, size, &bundle, NULL), DT_OK);
    CU_ASSERT_EQUAL(memcmp(bundle.arrays[0].values, values, 800000), 0);
    dt_bundle_destroy(&bundle);
    bytes[size / 2] ^= 1;
    CU_ASSERT_EQUAL(dt_npz_decode(bytes, size, &bundle, NULL), DT_ERR_DATA);
    dt_bundle_destroy(&bundle);
    free(bytes);
    bytes = archive("a.txt", member, member_size, &size);
    CU_ASSERT_EQUAL(dt_npz_decode(bytes, size, &bundle, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "a.txt: expected members NAME.npy"));
    dt_bundle_destroy(&bundle);
    void *found;
    dt_zip *zip;
    CU_ASSERT_EQUAL(dt_zip_open(bytes, size, &zip, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_zip_find(zip, "b.txt"), dt_zip_count(zip));
    CU_ASSERT_EQUAL(dt_zip_read(zip, dt_zip_find(zip, "a.txt"), &found, &size, NULL), DT_OK);
    dt_zip_close(zip);
    CU_ASSERT_TRUE(size == member_size && memcmp(found, member, size) == 0);
    dt_free(found);
    free(bytes);
    free(member);
    free(values);
}

static dt_status read_member(const void *bytes, size_t size, dt_bundle *out, dt_error *error)
{
    return dt_npy_read(bytes, size, "a", out, error);
}

/* Where the CRC of an archive does not tell. */
static void damaged_members_are_survived(void)
{
    uint32_t count = fuzz_count(), refused = 0;
    float values[24] = {0};
    const dt_array array = {.rank = 3, .shape = {2, 3, 4}, .values = values};
    void *files[2];
    size_t sizes[2];
    CU_ASSERT_EQUAL(dt_npy_of_array(&array, &files[0], &sizes[0], NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_npy_of_text("12345678", &files[1], &sizes[1], NULL), DT_OK);
    for (uint32_t i = 0; i < count; i++) {
        dt_random_sequence random = draw_begin(1000 + i);
        refused += refuses_damaged(files[i % 2], sizes[i % 2], &random, read_member);
    }
    CU_ASSERT_TRUE(refused > count / 4 && refused < count);
    dt_free(files[0]);
    dt_free(files[1]);
}

CU_SuiteInfo dt_suite_npz(void)
{
    static CU_TestInfo tests[] = {
        {"members have no time", members_have_no_time},
        {"arrays of other kinds are read", arrays_of_other_kinds_are_read},
        {"arrays in other orders are read", arrays_in_other_orders_are_read},
        {"arrays that lie are refused", arrays_that_lie_are_refused},
        {"archives are read and bombs refused", archives_are_read_and_bombs_refused},
        {"damaged members are survived", damaged_members_are_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "npz", .pSetUpFunc = make_folder, .pTearDownFunc = remove_folder, .pTests = tests};
}

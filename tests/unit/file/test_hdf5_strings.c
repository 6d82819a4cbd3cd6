#include <stdint.h>

#include "base/memory.h"
#include "draw.h"
#include "hdf5_made.h"

CU_SuiteInfo dt_suite_hdf5_strings(void);

static void add_variable(hid_t file, const char *name, size_t count, const char *const *texts)
{
    hsize_t dims[] = {count};
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, dims, NULL);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE(H5Awrite(attribute, type, texts) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static const char *const five_texts[] = {"dense", "", "zw\xc3\xb6lf", NULL, "dense_1/kernel:0"};

static void variable(hid_t file)
{
    add_variable(file, "layer_names", 5, five_texts);
    add_variable(file, "backend", 1, (const char *const[]){"tensorflow"});
    hid_t group = H5Gcreate2(file, "dense", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    add_variable(group, "layer_names", 5, five_texts);
    H5Gclose(group);
}

static void assert_variable(const void *bytes, size_t size)
{
    dt_hdf5_reader *reader = opened(bytes, size);
    char **texts, *text;
    size_t count;
    for (int object = 0; object < 2; object++) {
        CU_ASSERT_EQUAL(dt_hdf5_reader_text_list(reader, object ? "/" : "/dense", "layer_names",
                                                 &texts, &count, NULL),
                        DT_OK);
        CU_ASSERT_EQUAL_FATAL(count, 5);
        for (int i = 0; i < 5; i++)
            CU_ASSERT_STRING_EQUAL(texts[i], five_texts[i] ? five_texts[i] : "");
        dt_free(texts);
    }
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_attribute(reader, "/", "backend", &text, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(text, "tensorflow");
    dt_free(text);
    dt_hdf5_reader_destroy(reader);
}

static void variable_strings_come_back(void)
{
    static const H5F_libver_t versions[] = {H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST};
    for (int i = 0; i < 2; i++) {
        size_t size;
        char *bytes = made(variable, versions[i], 0, &size);
        assert_variable(bytes, size);
        free(bytes);
    }
}

static void read_all(const dt_hdf5_reader *reader)
{
    char **texts, *text;
    size_t count;
    if (dt_hdf5_reader_text_list(reader, "/", "layer_names", &texts, &count, NULL) == DT_OK)
        dt_free(texts);
    if (dt_hdf5_reader_text_attribute(reader, "/", "backend", &text, NULL) == DT_OK)
        dt_free(text);
    if (dt_hdf5_reader_text_list(reader, "/dense", "layer_names", &texts, &count, NULL) == DT_OK)
        dt_free(texts);
}

static void damaged_files_are_survived(void)
{
    size_t size;
    int opened_ones = 0;
    char *bytes = made(variable, H5F_LIBVER_EARLIEST, 0, &size);
    char *copy = malloc(size);
    for (uint32_t i = 0; i < 60; i++) {
        dt_random_sequence random = draw_begin(90000 + i);
        memcpy(copy, bytes, size);
        for (int edits = draw_int(&random, 1, 4); edits > 0; edits--)
            copy[draw_int(&random, 0, (int)size - 1)] =
                (char)(draw_int(&random, 0, 2) ? draw_int(&random, 0, 255) : 255);
        dt_hdf5_reader *reader;
        dt_error error = {0};
        dt_status status = dt_hdf5_reader_open(copy, size, &reader, &error);
        CU_ASSERT_TRUE(status == error.status && (status == DT_OK || status == DT_ERR_DATA));
        if (status == DT_OK) {
            read_all(reader);
            opened_ones++;
        }
        dt_hdf5_reader_destroy(reader);
    }
    CU_ASSERT_TRUE(opened_ones > 5 && opened_ones < 59);
    free(copy);
    free(bytes);
}

/* Strings that are one string in the file, and would be 80 MB. */
static void long_strings(hid_t file)
{
    enum { COUNT = 2000 };
    static const char *texts[COUNT];
    char *text = calloc(40001, 1);
    memset(text, 'x', 40000);
    for (int i = 0; i < COUNT; i++)
        texts[i] = text;
    add_variable(file, "many", COUNT, texts);
    free(text);
}

static void attributes_are_not_endless(void)
{
    size_t size;
    char *bytes = made(long_strings, H5F_LIBVER_EARLIEST, 0, &size);
    dt_hdf5_reader *reader;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_open(bytes, size, &reader, &error), DT_ERR_DATA);
    assert_reason(&error, "expected at most 64 MB of attributes, found more");
    free(bytes);
}

static void every_failed_allocation_is_survived(void)
{
    size_t size;
    char *bytes = made(variable, H5F_LIBVER_EARLIEST, 0, &size);
    id_mark before = mark_ids();
    dt_status status = DT_ERR_INTERNAL;
    long n = 0;
    while (status != DT_OK && ++n < 100) {
        dt_hdf5_reader *reader;
        dt_error error = {0};
        char **texts = NULL, *text = NULL;
        size_t count;
        dt_memory_fail_at(n);
        status = dt_hdf5_reader_open(bytes, size, &reader, &error);
        if (status == DT_OK)
            status = dt_hdf5_reader_text_list(reader, "/", "layer_names", &texts, &count, &error);
        if (status == DT_OK)
            status = dt_hdf5_reader_text_attribute(reader, "/", "backend", &text, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        CU_ASSERT_EQUAL(status, error.status);
        dt_free(text);
        dt_free(texts);
        dt_hdf5_reader_destroy(reader);
        assert_no_open_ids_since(before);
    }
    CU_ASSERT_TRUE(n > 8 && n < 100);
    free(bytes);
}

CU_SuiteInfo dt_suite_hdf5_strings(void)
{
    static CU_TestInfo tests[] = {
        {"variable strings come back", variable_strings_come_back},
        {"attributes are not endless", attributes_are_not_endless},
        {"damaged files are survived", damaged_files_are_survived},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "hdf5_strings",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

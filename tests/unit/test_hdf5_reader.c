#define _GNU_SOURCE /* memmem */
#include <math.h>
#include <stdint.h>

#include "base/memory.h"
#include "draw.h"
#include "hdf5_check.h"
#include "io/hdf5_file.h"
#include "io/hdf5_reader.h"
#include "scratch.h"

CU_SuiteInfo dt_suite_hdf5_reader(void);

static char folder[SCRATCH_SIZE];

static void set_up(void)
{
    scratch_create(folder);
}

static void tear_down(void)
{
    scratch_remove(folder);
}

/* A file as HDF5 itself writes it. */
typedef void fill(hid_t file);

static char *made(fill *content, H5F_libver_t low, hsize_t user_block, size_t *size)
{
    const char *path = scratch_path(folder, "made.h5");
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_userblock(creation, user_block);
    H5Pset_libver_bounds(access, low, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    content(file);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);
    H5Pclose(creation);
    H5Pclose(access);
    char *bytes = scratch_read(path, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    unlink(path);
    return bytes;
}

static dt_hdf5_reader *opened(const void *bytes, size_t size)
{
    dt_hdf5_reader *reader;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_open(bytes, size, &reader, &error), DT_OK);
    if (!reader)
        fprintf(stderr, "\n%s\n", error.message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    return reader;
}

static void assert_reason(const dt_error *error, const char *reason)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, reason));
    if (!strstr(error->message, reason))
        fprintf(stderr, "\nexpected '%s', found '%s'\n", reason, error->message);
}

static void assert_not_opened(fill *content, H5F_libver_t low, hsize_t user_block,
                              const char *reason)
{
    size_t size;
    char *bytes = made(content, low, user_block, &size);
    dt_hdf5_reader *reader = (void *)bytes;
    dt_error error = {0};
    id_mark before = mark_ids();
    CU_ASSERT_EQUAL(dt_hdf5_reader_open(bytes, size, &reader, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NULL(reader);
    assert_reason(&error, reason);
    assert_no_open_ids_since(before);
    free(bytes);
}

/* Laws. */

enum { DATASETS = 9 };

static void what_an_image_holds_comes_back(void)
{
    dt_random_sequence random = draw_begin(1);
    id_mark before = mark_ids();
    for (int round = 0; round < 20; round++) {
        dt_hdf5_image *image;
        CU_ASSERT_EQUAL_FATAL(dt_hdf5_image_create(&image, NULL), DT_OK);
        int64_t shapes[DATASETS][DT_HDF5_RANK_MAX];
        uint32_t values[DATASETS][600];
        for (int i = 0; i < DATASETS; i++) {
            int room = 600;
            for (int j = 0; j < i; j++) {
                shapes[i][j] = draw_int(&random, round % 3 ? 1 : 0, room < 4 ? 1 : 3);
                room /= shapes[i][j] > 0 ? (int)shapes[i][j] : 1;
            }
            for (int j = 0; j < 600; j++)
                values[i][j] = dt_random_next(&random);
            char path[32];
            snprintf(path, sizeof path, "/g%d/d%d", i % 3, i);
            CU_ASSERT_EQUAL(
                dt_hdf5_image_add_floats(image, path, i, shapes[i], (const float *)values[i], NULL),
                DT_OK);
        }
        void *bytes;
        size_t size, count;
        CU_ASSERT_EQUAL_FATAL(dt_hdf5_image_finish(image, &bytes, &size, NULL), DT_OK);
        dt_hdf5_image_destroy(image);
        dt_hdf5_reader *reader = opened(bytes, size);
        dt_hdf5_reader_objects(reader, &count);
        CU_ASSERT_EQUAL(count, DATASETS + 3);
        for (int i = 0; i < DATASETS; i++) {
            char path[32];
            snprintf(path, sizeof path, "/g%d/d%d", i % 3, i);
            int rank = -1;
            int64_t shape[DT_HDF5_RANK_MAX];
            uint32_t found[601] = {[600] = 0xabcdef};
            CU_ASSERT_EQUAL(dt_hdf5_reader_shape(reader, path, &rank, shape, NULL), DT_OK);
            CU_ASSERT_EQUAL_FATAL(rank, i);
            CU_ASSERT_EQUAL(memcmp(shape, shapes[i], (size_t)i * sizeof *shape), 0);
            size_t product = 1;
            for (int j = 0; j < rank; j++)
                product *= (size_t)shape[j];
            CU_ASSERT_EQUAL(dt_hdf5_reader_floats(reader, path, i, shape, (float *)found, NULL),
                            DT_OK);
            CU_ASSERT_EQUAL(memcmp(found, values[i], product * sizeof(float)), 0);
            CU_ASSERT_EQUAL(found[product], product < 600 ? 0 : 0xabcdef);
        }
        dt_hdf5_reader_destroy(reader);
        dt_free(bytes);
    }
    dt_hdf5_reader_destroy(NULL);
    assert_no_open_ids_since(before);
}

static const char *const three_texts[] = {"null", "", "zw\xc3\xb6lf"};
static const int64_t three_integers[] = {INT64_MIN, 0, INT64_MAX};

/* With an attribute of each kind, at the root and at a dataset; and two texts. */
static void *sample(size_t *size)
{
    const dt_attribute attributes[] = {
        dt_attribute_text("text", "a b "),
        dt_attribute_text("empty", ""),
        dt_attribute_texts("texts", 3, three_texts),
        dt_attribute_texts("no_texts", 0, NULL),
        dt_attribute_integer("integer", INT64_MIN),
        dt_attribute_integers("integers", 3, three_integers),
        dt_attribute_integers("no_integers", 0, NULL),
        dt_attribute_real("real", -0.0),
        dt_attribute_real("infinite", -INFINITY),
        dt_attribute_real("nan", NAN),
    };
    dt_hdf5_image *image;
    void *bytes = NULL;
    CU_ASSERT_EQUAL_FATAL(dt_hdf5_image_create(&image, NULL), DT_OK);
    CU_ASSERT_EQUAL(
        dt_hdf5_image_add_floats(image, "/b/c/d", 1, (int64_t[]){2}, (float[]){1, 2}, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_text(image, "/a", "a text", 6, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_text(image, "/b/none", NULL, 0, NULL), DT_OK);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        for (int j = 0; j < 2; j++)
            CU_ASSERT_EQUAL(
                dt_hdf5_image_add_attribute(image, j ? "/" : "/b/c/d", &attributes[i], NULL),
                DT_OK);
    CU_ASSERT_EQUAL(dt_hdf5_image_finish(image, &bytes, size, NULL), DT_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    dt_hdf5_image_destroy(image);
    return bytes;
}

static void assert_attributes(dt_hdf5_reader *reader, const char *object)
{
    char *text;
    char **texts;
    size_t count;
    int64_t integer, integers[3];
    double real;
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_attribute(reader, object, "text", &text, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(text, "a b ");
    dt_free(text);
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_attribute(reader, object, "empty", &text, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(text, "");
    dt_free(text);
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_list(reader, object, "texts", &texts, &count, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(count, 3);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_STRING_EQUAL(texts[i], three_texts[i]);
    dt_free(texts);
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_list(reader, object, "no_texts", &texts, &count, NULL),
                    DT_OK);
    CU_ASSERT_EQUAL(count, 0);
    dt_free(texts);
    CU_ASSERT_EQUAL(dt_hdf5_reader_integer(reader, object, "integer", &integer, NULL), DT_OK);
    CU_ASSERT_EQUAL(integer, INT64_MIN);
    CU_ASSERT_EQUAL(dt_hdf5_reader_integers(reader, object, "integers", 3, integers, &count, NULL),
                    DT_OK);
    CU_ASSERT_TRUE(count == 3 && memcmp(integers, three_integers, sizeof integers) == 0);
    CU_ASSERT_EQUAL(
        dt_hdf5_reader_integers(reader, object, "no_integers", 0, integers, &count, NULL), DT_OK);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(dt_hdf5_reader_real(reader, object, "real", &real, NULL), DT_OK);
    CU_ASSERT_TRUE(real == 0 && signbit(real));
    CU_ASSERT_EQUAL(dt_hdf5_reader_real(reader, object, "infinite", &real, NULL), DT_OK);
    CU_ASSERT_TRUE(isinf(real) && real < 0);
    CU_ASSERT_EQUAL(dt_hdf5_reader_real(reader, object, "nan", &real, NULL), DT_OK);
    CU_ASSERT_TRUE(isnan(real));
}

static void attributes_and_texts_come_back(void)
{
    static const char *const paths[] = {"/a", "/b", "/b/c", "/b/none", "/b/c/d"};
    size_t size, count, length;
    void *bytes = sample(&size);
    dt_hdf5_reader *reader = opened(bytes, size);
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    CU_ASSERT_EQUAL_FATAL(count, 5);
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_STRING_EQUAL(objects[i].path, paths[i]);
        CU_ASSERT_EQUAL(objects[i].group, i == 1 || i == 2);
        CU_ASSERT_TRUE(dt_hdf5_reader_has(reader, paths[i]));
    }
    CU_ASSERT_TRUE(dt_hdf5_reader_has(reader, "/"));
    CU_ASSERT_FALSE(dt_hdf5_reader_has(reader, "/b/c/"));
    CU_ASSERT_FALSE(dt_hdf5_reader_has(reader, ""));
    assert_attributes(reader, "/");
    assert_attributes(reader, "/b/c/d");
    CU_ASSERT_TRUE(dt_hdf5_reader_has_attribute(reader, "/", "nan"));
    CU_ASSERT_FALSE(dt_hdf5_reader_has_attribute(reader, "/", "na"));
    CU_ASSERT_FALSE(dt_hdf5_reader_has_attribute(reader, "/b", "nan"));
    CU_ASSERT_FALSE(dt_hdf5_reader_has_attribute(reader, "/x", "nan"));
    char *text;
    CU_ASSERT_EQUAL(dt_hdf5_reader_text(reader, "/a", &text, &length, NULL), DT_OK);
    CU_ASSERT_TRUE(length == 6 && strcmp(text, "a text") == 0);
    dt_free(text);
    CU_ASSERT_EQUAL(dt_hdf5_reader_text(reader, "/b/none", &text, &length, NULL), DT_OK);
    CU_ASSERT_TRUE(length == 0 && text[0] == '\0');
    dt_free(text);
    dt_hdf5_reader_destroy(reader);
    dt_free(bytes);
}

static void what_is_asked_wrongly_is_named(void)
{
    size_t size, count;
    void *bytes = sample(&size);
    dt_hdf5_reader *reader = opened(bytes, size);
    dt_error error = {0};
    int64_t integers[3], shape[DT_HDF5_RANK_MAX] = {2, 1};
    float values[2];
    double real;
    char *text, **texts;
    int rank;
    CU_ASSERT_EQUAL(dt_hdf5_reader_integer(reader, "/", "real", integers, &error), DT_ERR_DATA);
    assert_reason(&error, "attribute real of /: expected a little-endian 64-bit signed integer, "
                          "found 64-bit float");
    CU_ASSERT_EQUAL(dt_hdf5_reader_real(reader, "/", "text", &real, &error), DT_ERR_DATA);
    assert_reason(&error, "attribute text of /: expected a little-endian 64-bit float, found "
                          "fixed-length string");
    CU_ASSERT_EQUAL(dt_hdf5_reader_integer(reader, "/", "integers", integers, &error), DT_ERR_DATA);
    assert_reason(&error, "attribute integers of /: expected one value, found an array");
    CU_ASSERT_EQUAL(dt_hdf5_reader_integers(reader, "/", "integer", 3, integers, &count, &error),
                    DT_ERR_DATA);
    assert_reason(&error, "attribute integer of /: expected a one-dimensional list, found one");
    CU_ASSERT_EQUAL(dt_hdf5_reader_integers(reader, "/", "integers", 2, integers, &count, &error),
                    DT_ERR_DATA);
    assert_reason(&error, "attribute integers of /: expected at most 2 values, found 3");
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_attribute(reader, "/", "integer", &text, &error),
                    DT_ERR_DATA);
    assert_reason(&error, "attribute integer of /: expected a string, found 64-bit signed");
    CU_ASSERT_PTR_NULL(text);
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_list(reader, "/b/c/d", "integers", &texts, &count, &error),
                    DT_ERR_DATA);
    assert_reason(&error, "attribute integers of /b/c/d: expected strings, found 64-bit signed");
    CU_ASSERT_PTR_NULL(texts);
    CU_ASSERT_EQUAL(dt_hdf5_reader_real(reader, "/b", "real", &real, &error), DT_ERR_DATA);
    assert_reason(&error, "attribute real of /b: expected one, found none");
    CU_ASSERT_EQUAL(dt_hdf5_reader_shape(reader, "/b", &rank, shape, &error), DT_ERR_DATA);
    assert_reason(&error, "/b: expected a dataset, found a group");
    CU_ASSERT_EQUAL(dt_hdf5_reader_shape(reader, "/a", &rank, shape, &error), DT_ERR_DATA);
    assert_reason(&error, "/a: expected little-endian 32-bit floats, found fixed-length string");
    CU_ASSERT_EQUAL(dt_hdf5_reader_text(reader, "/b/c/d", &text, &count, &error), DT_ERR_DATA);
    assert_reason(&error, "/b/c/d: expected a fixed-length string, found 32-bit float");
    CU_ASSERT_EQUAL(dt_hdf5_reader_floats(reader, "/b/c/d", 2, shape, values, &error), DT_ERR_DATA);
    assert_reason(&error, "/b/c/d: expected shape [2 x 1], found [2]");
    shape[0] = 3;
    CU_ASSERT_EQUAL(dt_hdf5_reader_floats(reader, "/b/c/d", 1, shape, values, &error), DT_ERR_DATA);
    assert_reason(&error, "/b/c/d: expected shape [3], found [2]");
    CU_ASSERT_EQUAL(dt_hdf5_reader_floats(reader, "/b/c/d", -1, shape, values, &error),
                    DT_ERR_INTERNAL);
    dt_hdf5_reader_destroy(reader);
    dt_free(bytes);
}

enum { LAYERS = 300 };

/* Enough members for a tree of several levels, added out of order. */
static void many_layers(hid_t file)
{
    for (int i = 0; i < LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "dense_%03d", i * 7 % LAYERS);
        H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

static void members_come_by_name(void)
{
    size_t size, count;
    char *bytes = made(many_layers, H5F_LIBVER_EARLIEST, 0, &size);
    dt_hdf5_reader *reader = opened(bytes, size);
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    CU_ASSERT_EQUAL_FATAL(count, LAYERS);
    for (int i = 0; i < LAYERS; i++) {
        char path[16];
        snprintf(path, sizeof path, "/dense_%03d", i);
        CU_ASSERT_STRING_EQUAL(objects[i].path, path);
        CU_ASSERT_TRUE(objects[i].group);
    }
    dt_hdf5_reader_destroy(reader);
    free(bytes);
}

/* Strings of variable length. */

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

/* "backend" is the only attribute of that name: the bytes of its reference. */
static uint8_t *reference_of_backend(char *bytes, size_t size)
{
    char *name = memmem(bytes, size, "backend", 8);
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    uint8_t *type = (uint8_t *)name + 8;
    CU_ASSERT_EQUAL_FATAL(type[0] & 0x0f, 9);
    for (uint8_t *at = type; at < type + 64; at++)
        if (at[0] == 10 && at[1] == 0 && at[2] == 0 && at[3] == 0 && at[12] != 0)
            return at;
    CU_FAIL_FATAL("no reference");
    return NULL;
}

static void assert_backend_refused(const char *bytes, size_t size, const char *reason)
{
    dt_hdf5_reader *reader = opened(bytes, size);
    char *text;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_attribute(reader, "/", "backend", &text, &error),
                    DT_ERR_DATA);
    assert_reason(&error, "attribute backend of /: ");
    assert_reason(&error, reason);
    dt_hdf5_reader_destroy(reader);
}

static void variable_strings_are_checked(void)
{
    size_t size;
    id_mark before = mark_ids();
    char *bytes = made(variable, H5F_LIBVER_EARLIEST, 0, &size);
    assert_variable(bytes, size);

    uint8_t *reference = reference_of_backend(bytes, size);
    char *heap = memmem(bytes, size, "GCOL", 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(heap);
    char *object = memmem(bytes, size, "tensorflow", 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    object -= 16;
    uint8_t *type = (uint8_t *)memmem(bytes, size, "backend", 8) + 8;
    const struct {
        void *at;
        uint8_t value;
        const char *reason;
    } cases[] = {
        {type + 4, 17, "expected values within the attribute (16 bytes), found 1 of 17 bytes each"},
        {type + 12, 2, "expected a string, found a type of class 9"},
        {type + 14, 1, "expected a string, found a type of class 9"},
        {reference, 9, "a string and a heap that differ about its length"},
        {reference, 200, "a string and a heap that differ about its length"},
        {reference + 3, 200, "a string and a heap that differ about its length"},
        {reference + 4, reference[4] ^ 8, "none where it should be"},
        {reference + 11, 0xff, "none where it should be"},
        {reference + 12, 77, "a string that is not in its heap"},
        {reference + 13, 1, "a string that is not in its heap"},
        {heap, 'H', "none where it should be"},
        {heap + 4, 2, "none where it should be"},
        {heap + 11, 1, "one beyond the end of the file"},
        {heap + 9, 0, "one beyond the end of the file"},
        {object, 99, "a string that is not in its heap"},
        {object, 0, "a string that is not in its heap"},
        {object + 8, 200, "length"},
        {object + 15, 0xff, "an object beyond the end of its heap"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *at = cases[i].at, kept = *at;
        *at = cases[i].value;
        assert_backend_refused(bytes, size, cases[i].reason);
        *at = kept;
    }
    assert_variable(bytes, size);
    free(bytes);
    assert_no_open_ids_since(before);
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
    for (uint32_t i = 0; i < 5000; i++) {
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
    CU_ASSERT_TRUE(opened_ones > 500 && opened_ones < 4900);
    free(copy);
    free(bytes);
}

static void long_strings(hid_t file)
{
    char *text = calloc(400001, 1);
    memset(text, 'x', 400000);
    add_variable(file, "two", 2, (const char *const[]){text, text});
    add_variable(file, "three", 3, (const char *const[]){text, text, text});
    free(text);
}

static void strings_are_a_megabyte_at_most(void)
{
    size_t size, count;
    char *bytes = made(long_strings, H5F_LIBVER_EARLIEST, 0, &size);
    dt_hdf5_reader *reader = opened(bytes, size);
    char **texts;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_list(reader, "/", "two", &texts, &count, &error), DT_OK);
    CU_ASSERT_TRUE(count == 2 && strlen(texts[1]) == 400000);
    dt_free(texts);
    CU_ASSERT_EQUAL(dt_hdf5_reader_text_list(reader, "/", "three", &texts, &count, &error),
                    DT_ERR_DATA);
    assert_reason(&error, "attribute three of /: expected variable-length strings in a well-formed "
                          "heap, found more than a megabyte of them");
    dt_hdf5_reader_destroy(reader);
    free(bytes);
}

/* Files that are refused as a whole. */

static void nothing(hid_t file)
{
    (void)file;
}

static void cycle(hid_t file)
{
    hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", group, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
}

static void own_cycle(hid_t file)
{
    hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/g", group, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
}

static void many(hid_t file)
{
    for (int i = 0; i <= DT_HDF5_OBJECT_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        H5Lcreate_hard(file, "/", file, name, H5P_DEFAULT, H5P_DEFAULT);
    }
}

static void deep(hid_t file)
{
    char path[400] = "";
    for (int i = 0; i < 20; i++) {
        strcat(path, "/a-name-of-18-bytes");
        H5Gclose(H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

static void dangling(hid_t file)
{
    H5Lcreate_soft("/nowhere", file, "s", H5P_DEFAULT, H5P_DEFAULT);
}

static void make_dataset(hid_t file, hid_t space, hid_t creation)
{
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Sclose(space);
}

static void null_space(hid_t file)
{
    make_dataset(file, H5Screate(H5S_NULL), H5P_DEFAULT);
}

static void nine_dimensions(hid_t file)
{
    make_dataset(file, H5Screate_simple(9, (const hsize_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, NULL),
                 H5P_DEFAULT);
}

static void virtual_dataset(hid_t file)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){3}, NULL);
    H5Pset_virtual(creation, space, "/etc/passwd", "d", space);
    make_dataset(file, space, creation);
    H5Pclose(creation);
}

static void files_that_are_no_plain_hdf5_are_refused(void)
{
    const H5F_libver_t earliest = H5F_LIBVER_EARLIEST;
    assert_not_opened(cycle, earliest, 0, "/g/again: expected an object of its own, found / again");
    assert_not_opened(own_cycle, earliest, 0,
                      "/g/again: expected an object of its own, found /g again");
    assert_not_opened(many, earliest, 0, "expected at most 4096 objects, found more");
    assert_not_opened(deep, earliest, 0, "...: expected a path below 256 bytes, found ");
    assert_not_opened(dangling, earliest, 0, "/s: expected a hard link, found a soft link");
    assert_not_opened(null_space, earliest, 0, "/d: expected a shape, found none");
    assert_not_opened(nine_dimensions, earliest, 0, "/d: expected at most 8 dimensions, found 9");
    assert_not_opened(virtual_dataset, H5F_LIBVER_V110, 0, "superblock version 0, found version 3");
    assert_not_opened(virtual_dataset, earliest, 0,
                      "/d: expected storage in one piece, found virtual");
    assert_not_opened(nothing, earliest, 512, "expected an HDF5 file, found something else");

    dt_hdf5_reader *reader;
    dt_error error = {0};
    size_t size;
    char *bytes = made(nothing, earliest, 0, &size);
    dt_hdf5_reader_destroy(opened(bytes, size));
    for (size_t length = 0; length < size; length += length < 100 ? 1 : 7) {
        char *cut = malloc(length);
        memcpy(cut, bytes, length);
        CU_ASSERT_EQUAL(dt_hdf5_reader_open(cut, length, &reader, &error), DT_ERR_DATA);
        assert_reason(&error, "expected an HDF5 file");
        free(cut);
    }
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

CU_SuiteInfo dt_suite_hdf5_reader(void)
{
    static CU_TestInfo tests[] = {
        {"what an image holds comes back", what_an_image_holds_comes_back},
        {"attributes and texts come back", attributes_and_texts_come_back},
        {"what is asked wrongly is named", what_is_asked_wrongly_is_named},
        {"members come by name", members_come_by_name},
        {"variable strings are checked", variable_strings_are_checked},
        {"strings are a megabyte at most", strings_are_a_megabyte_at_most},
        {"damaged files are survived", damaged_files_are_survived},
        {"files that are no plain HDF5 are refused", files_that_are_no_plain_hdf5_are_refused},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "hdf5_reader", .pSetUpFunc = set_up, .pTearDownFunc = tear_down, .pTests = tests};
}

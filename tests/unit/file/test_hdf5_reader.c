#include <math.h>
#include <stdint.h>

#include "base/memory.h"
#include "draw.h"
#include "file/hdf5_file.h"
#include "hdf5_made.h"

CU_SuiteInfo dt_suite_hdf5_reader(void);

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
        dt_attribute_real("infinite", -(double)INFINITY),
        dt_attribute_real("nan", (double)NAN),
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
    assert_reason(&error, "attribute real of /: expected an integer, found 64-bit float");
    CU_ASSERT_EQUAL(dt_hdf5_reader_real(reader, "/", "text", &real, &error), DT_ERR_DATA);
    assert_reason(&error, "attribute text of /: expected a float, found fixed-length string");
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
    assert_reason(&error, "/a: expected numbers, found fixed-length string");
    CU_ASSERT_EQUAL(dt_hdf5_reader_text(reader, "/b/c/d", &text, &count, &error), DT_ERR_DATA);
    assert_reason(&error, "/b/c/d: expected a string, found 32-bit float");
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
        char path[32];
        snprintf(path, sizeof path, "/dense_%03d", i);
        CU_ASSERT_STRING_EQUAL(objects[i].path, path);
        CU_ASSERT_TRUE(objects[i].group);
    }
    dt_hdf5_reader_destroy(reader);
    free(bytes);
}

static void assert_not_opened(fill *content, const char *reason)
{
    size_t size;
    char *bytes = made(content, H5F_LIBVER_EARLIEST, 0, &size);
    dt_hdf5_reader *reader = (void *)bytes;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_open(bytes, size, &reader, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NULL(reader);
    assert_reason(&error, reason);
    free(bytes);
}

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

static void external_storage(hid_t file)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, "/etc/passwd", 0, 12);
    make_dataset(file, H5Screate_simple(1, (const hsize_t[]){3}, NULL), creation);
    H5Pclose(creation);
}

static void external_link(hid_t file)
{
    H5Lcreate_external("/etc/passwd", "/x", file, "d", H5P_DEFAULT, H5P_DEFAULT);
}

static void missing_chunk(hid_t file)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, (const hsize_t[]){2});
    make_dataset(file, H5Screate_simple(1, (const hsize_t[]){3}, NULL), creation);
    H5Pclose(creation);
}

static void compound(hid_t file)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 8), space = H5Screate(H5S_SCALAR);
    H5Tinsert(type, "re", 0, H5T_NATIVE_FLOAT);
    hid_t set = H5Dcreate2(file, "d", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, (float[]){1, 2});
    H5Dclose(set);
    H5Tclose(type);
    H5Sclose(space);
}

/* Such a file is opened, and the object refused when it is asked for. */
static void assert_named(fill *content, const char *path, const char *reason)
{
    size_t size;
    char *bytes = made(content, H5F_LIBVER_EARLIEST, 0, &size);
    dt_hdf5_reader *reader = opened(bytes, size);
    int rank;
    int64_t shape[DT_HDF5_RANK_MAX];
    dt_error error = {0};
    CU_ASSERT_TRUE(dt_hdf5_reader_has(reader, path));
    CU_ASSERT_EQUAL(dt_hdf5_reader_shape(reader, path, &rank, shape, &error), DT_ERR_DATA);
    assert_reason(&error, path);
    assert_reason(&error, reason);
    dt_hdf5_reader_destroy(reader);
    free(bytes);
}

static void what_cannot_be_read_is_named(void)
{
    assert_named(cycle, "/g/again", "found a link to a group that it is in");
    assert_named(own_cycle, "/g/again", "found a link to a group that it is in");
    assert_named(dangling, "/s", "found a link to /nowhere, which is not in this file");
    assert_named(external_link, "/d", "found a link out of this file");
    assert_named(external_storage, "/d", "found values in another file");
    assert_named(virtual_dataset, "/d", "found values of other datasets (virtual)");
    assert_named(null_space, "/d", "found no shape");
    assert_named(nine_dimensions, "/d", "found 9 dimensions, more than 8");
    assert_named(missing_chunk, "/d", "found 0 of 2 chunks");
    assert_named(compound, "/d", "expected numbers, found a compound");
}

static void files_that_are_too_much_or_cut_are_refused(void)
{
    assert_not_opened(many, "expected at most 4096 objects, found more");
    assert_not_opened(deep, "...: expected a path below 256 bytes, found ");

    dt_hdf5_reader *reader;
    dt_error error = {0};
    size_t size;
    char *bytes = made(nothing, H5F_LIBVER_EARLIEST, 0, &size);
    dt_hdf5_reader_destroy(opened(bytes, size));
    for (size_t length = 0; length < size; length += length < 12 ? 1 : 97) {
        char *cut = malloc(length);
        memcpy(cut, bytes, length);
        CU_ASSERT_EQUAL(dt_hdf5_reader_open(cut, length, &reader, &error), DT_ERR_DATA);
        assert_reason(&error, "expected an HDF5 file");
        free(cut);
    }
    free(bytes);
}

CU_SuiteInfo dt_suite_hdf5_reader(void)
{
    static CU_TestInfo tests[] = {
        {"what an image holds comes back", what_an_image_holds_comes_back},
        {"attributes and texts come back", attributes_and_texts_come_back},
        {"what is asked wrongly is named", what_is_asked_wrongly_is_named},
        {"members come by name", members_come_by_name},
        {"what cannot be read is named", what_cannot_be_read_is_named},
        {"files that are too much or cut are refused", files_that_are_too_much_or_cut_are_refused},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "hdf5_reader",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

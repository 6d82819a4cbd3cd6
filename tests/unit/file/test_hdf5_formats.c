/* Whatever HDF5 can write of numbers is read. */
#include <stdint.h>

#include "hdf5_made.h"

CU_SuiteInfo dt_suite_hdf5_formats(void);

enum { ROWS = 60, COLUMNS = 7 };

/* A type of floats of 16 bits with so many of exponent. */
static hid_t float16(size_t exponent)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 15 - exponent, exponent, 0, 15 - exponent);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, ((size_t)1 << (exponent - 1)) - 1);
    return type;
}

static hid_t type_of(int number)
{
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE,
                           H5T_STD_U8LE,   H5T_STD_I8LE,   H5T_STD_I16BE,  H5T_STD_U16LE,
                           H5T_STD_I32LE,  H5T_STD_U32BE,  H5T_STD_I64LE,  H5T_STD_U64LE};
    enum { LISTED = sizeof types / sizeof *types };
    return number < LISTED        ? H5Tcopy(types[number])
           : number == LISTED     ? float16(5)
           : number == LISTED + 1 ? float16(8)
                                  : H5I_INVALID_HID;
}

typedef enum storage {
    CONTIGUOUS,
    COMPACT,
    CHUNKS,
    GZIP,
    SHUFFLED,
    SUMMED,
    SZIP,
    STORAGES
} storage;

static hid_t stored_as(storage how)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (how == CONTIGUOUS || how == COMPACT)
        H5Pset_layout(list, how == COMPACT ? H5D_COMPACT : H5D_CONTIGUOUS);
    else
        H5Pset_chunk(list, 2, (const hsize_t[]){16, 4});
    if (how == SHUFFLED)
        H5Pset_shuffle(list);
    if (how == GZIP || how == SHUFFLED)
        H5Pset_deflate(list, 6);
    if (how == SUMMED)
        H5Pset_fletcher32(list);
    if (how == SZIP && H5Zfilter_avail(H5Z_FILTER_SZIP) > 0)
        H5Pset_szip(list, H5_SZIP_NN_OPTION_MASK, 8);
    return list;
}

/* Each type in each storage, "/TYPE/STORAGE"; values that every type has. */
static void all_kinds(hid_t file)
{
    int32_t values[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++)
        values[i] = i % 120;
    hid_t space = H5Screate_simple(2, (const hsize_t[]){ROWS, COLUMNS}, NULL), type;
    for (int i = 0; (type = type_of(i)) >= 0; i++) {
        char path[16];
        snprintf(path, sizeof path, "%d", i);
        hid_t group = H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        for (storage how = 0; how < STORAGES; how++) {
            hid_t list = stored_as(how);
            snprintf(path, sizeof path, "%d", (int)how);
            hid_t set = H5Dcreate2(group, path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
            CU_ASSERT_TRUE(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >=
                           0);
            H5Dclose(set);
            H5Pclose(list);
        }
        H5Gclose(group);
        H5Tclose(type);
    }
    H5Sclose(space);
}

static void assert_values(const dt_hdf5_reader *reader, const char *path)
{
    int rank = 0, wrong = 0;
    int64_t shape[DT_HDF5_RANK_MAX];
    float values[ROWS * COLUMNS];
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_shape(reader, path, &rank, shape, &error), DT_OK);
    CU_ASSERT_TRUE(rank == 2 && shape[0] == ROWS && shape[1] == COLUMNS);
    if (dt_hdf5_reader_floats(reader, path, 2, (const int64_t[]){ROWS, COLUMNS}, values, &error))
        CU_FAIL("not read");
    for (int i = 0; i < ROWS * COLUMNS; i++)
        wrong += !error.status && values[i] != (float)(i % 120);
    CU_ASSERT_EQUAL(wrong, 0);
    if (error.status || wrong > 0)
        fprintf(stderr, "\n%s: %s (%d wrong)\n", path, error.message, wrong);
}

static void any_type_storage_and_version_is_read(void)
{
    static const H5F_libver_t versions[] = {H5F_LIBVER_EARLIEST, H5F_LIBVER_V18, H5F_LIBVER_LATEST};
    for (int i = 0; i < 6; i++) {
        size_t size, count, sets = 0;
        char *bytes = made(all_kinds, versions[i % 3], i < 3 ? 0 : 2048, &size);
        dt_hdf5_reader *reader = opened(bytes, size);
        const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
        for (size_t j = 0; j < count; j++)
            if (!objects[j].group) {
                assert_values(reader, objects[j].path);
                sets++;
            }
        CU_ASSERT_EQUAL(sets, 14 * STORAGES);
        CU_ASSERT_EQUAL(dt_hdf5_reader_values(reader), sets * ROWS * COLUMNS);
        CU_ASSERT_STRING_EQUAL(dt_hdf5_reader_type(reader, "/0/0"), DT_HDF5_FLOAT);
        CU_ASSERT_STRING_EQUAL(dt_hdf5_reader_type(reader, "/3/0"), "big-endian 64-bit float");
        CU_ASSERT_STRING_EQUAL(dt_hdf5_reader_type(reader, "/13/0"), "16-bit float (bfloat16)");
        dt_hdf5_reader_destroy(reader);
        free(bytes);
    }
}

/* NumPy's bfloat16 becomes 2 bytes of nothing that HDF5 knows. */
static void opaque(hid_t file)
{
    const uint16_t ones[] = {0x3f80, 0xbf80, 0x4049};
    hid_t type = H5Tcreate(H5T_OPAQUE, 2);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){3}, NULL);
    hid_t set = H5Dcreate2(file, "d", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, ones);
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
}

static void opaque_bfloat16_is_read(void)
{
    size_t size;
    float values[3] = {0};
    char *bytes = made(opaque, H5F_LIBVER_LATEST, 0, &size);
    dt_hdf5_reader *reader = opened(bytes, size);
    CU_ASSERT_EQUAL(dt_hdf5_reader_floats(reader, "/d", 1, (const int64_t[]){3}, values, NULL),
                    DT_OK);
    CU_ASSERT_TRUE(values[0] == 1 && values[1] == -1 && values[2] == 3.140625F);
    dt_hdf5_reader_destroy(reader);
    free(bytes);
}

/* Names out of their order, in a group that keeps it and in one that does not. */
static void ordered(hid_t file)
{
    static const char *const names[] = {"c", "a", "b"};
    for (int tracked = 0; tracked < 2; tracked++) {
        hid_t list = H5Pcreate(H5P_GROUP_CREATE);
        H5Pset_link_creation_order(list, tracked ? H5P_CRT_ORDER_TRACKED : 0);
        hid_t group = H5Gcreate2(file, tracked ? "made" : "named", H5P_DEFAULT, list, H5P_DEFAULT);
        for (int i = 0; i < 3; i++)
            H5Gclose(H5Gcreate2(group, names[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        H5Gclose(group);
        H5Pclose(list);
    }
    H5Lcreate_soft("/made/c", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
}

static void members_come_in_the_order_that_the_file_keeps(void)
{
    static const char *const paths[] = {"/made",   "/named",   "/soft",    "/made/c", "/made/a",
                                        "/made/b", "/named/a", "/named/b", "/named/c"};
    static const H5F_libver_t versions[] = {H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST};
    for (int i = 0; i < 2; i++) {
        size_t size, count;
        char *bytes = made(ordered, versions[i], 0, &size);
        dt_hdf5_reader *reader = opened(bytes, size);
        const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
        CU_ASSERT_EQUAL_FATAL(count, 9);
        for (size_t j = 0; j < count; j++) {
            CU_ASSERT_STRING_EQUAL(objects[j].path, paths[j]);
            CU_ASSERT_TRUE(objects[j].group);
        }
        dt_hdf5_reader_destroy(reader);
        free(bytes);
    }
}

CU_SuiteInfo dt_suite_hdf5_formats(void)
{
    static CU_TestInfo tests[] = {
        {"any type, storage and version is read", any_type_storage_and_version_is_read},
        {"opaque bfloat16 is read", opaque_bfloat16_is_read},
        {"members come in the order that the file keeps",
         members_come_in_the_order_that_the_file_keeps},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "hdf5_formats",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

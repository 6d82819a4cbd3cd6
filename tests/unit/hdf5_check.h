/* What is in an HDF5 file, read and changed with HDF5's own functions, and what of HDF5 was left
 * open. */
#ifndef DT_TESTS_HDF5_CHECK_H
#define DT_TESTS_HDF5_CHECK_H

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "nn/tensor.h"

/* The dataset `path` has the tensor's shape, little-endian floats, contiguous, and its values. */
static inline void assert_dataset(hid_t file, const char *path, const dt_tensor *tensor,
                                  const float *parameters)
{
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(set >= 0);
    hid_t space = H5Dget_space(set), type = H5Dget_type(set), list = H5Dget_create_plist(set);
    hsize_t dims[DT_RANK_MAX] = {0};
    CU_ASSERT_EQUAL_FATAL(H5Sget_simple_extent_ndims(space), tensor->rank);
    H5Sget_simple_extent_dims(space, dims, NULL);
    for (int i = 0; i < tensor->rank; i++)
        CU_ASSERT_EQUAL((int64_t)dims[i], tensor->shape[i]);
    CU_ASSERT_TRUE(H5Tequal(type, H5T_IEEE_F32LE) > 0);
    CU_ASSERT_EQUAL(H5Pget_layout(list), H5D_CONTIGUOUS);
    CU_ASSERT_EQUAL(H5Pget_nfilters(list), 0);

    size_t count = dt_tensor_count(tensor);
    CU_ASSERT_EQUAL(H5Dget_storage_size(set), count * sizeof(float));
    float *found = calloc(count + 1, sizeof *found);
    CU_ASSERT_TRUE(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
    CU_ASSERT_EQUAL(memcmp(found, parameters + tensor->offset, count * sizeof *found), 0);
    free(found);
    H5Pclose(list);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(set);
}

/* The attribute `name` of `object` is this list of fixed-length strings; count -1: one scalar. */
static inline void assert_texts(hid_t file, const char *object, const char *name, int count,
                                const char *const *texts)
{
    hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(attribute >= 0);
    hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
    CU_ASSERT_EQUAL_FATAL(H5Tget_class(type), H5T_STRING);
    CU_ASSERT_EQUAL_FATAL(H5Tis_variable_str(type), 0);
    CU_ASSERT_EQUAL(H5Tget_strpad(type), H5T_STR_NULLPAD);
    CU_ASSERT_EQUAL(H5Sget_simple_extent_ndims(space), count < 0 ? 0 : 1);
    CU_ASSERT_EQUAL_FATAL(H5Sget_simple_extent_npoints(space), count < 0 ? 1 : count);

    size_t width = H5Tget_size(type);
    size_t rows = count < 0 ? 1 : (size_t)count;
    char *found = calloc(rows + 1, width);
    CU_ASSERT_TRUE(H5Aread(attribute, type, found) >= 0);
    for (size_t i = 0; i < rows; i++) {
        CU_ASSERT_TRUE(strlen(texts[i]) <= width);
        CU_ASSERT_EQUAL(strncmp(found + i * width, texts[i], width), 0);
    }
    free(found);
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(attribute);
}

static inline void assert_text(hid_t file, const char *name, const char *text)
{
    assert_texts(file, "/", name, -1, &text);
}

/* The scalar (count 1) or list `name` of the root, whose stored type must be file_type. */
static inline void read_number(hid_t file, const char *name, hid_t file_type, hid_t type, int count,
                               void *found)
{
    hid_t attribute = H5Aopen_by_name(file, "/", name, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(attribute >= 0);
    hid_t space = H5Aget_space(attribute), stored = H5Aget_type(attribute);
    CU_ASSERT_TRUE(H5Tequal(stored, file_type) > 0);
    CU_ASSERT_EQUAL(H5Sget_simple_extent_ndims(space), count > 1);
    CU_ASSERT_EQUAL_FATAL(H5Sget_simple_extent_npoints(space), count);
    CU_ASSERT_TRUE(H5Aread(attribute, type, found) >= 0);
    H5Tclose(stored);
    H5Sclose(space);
    H5Aclose(attribute);
}

/* HDF5 1.12 gave these a new number. */
#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info2_t object_info;
#define READ_OBJECT_INFO H5Oget_info_by_name3
#else
typedef H5O_info_t object_info;
#define READ_OBJECT_INFO H5Oget_info_by_name2
#endif

/* `fields`: H5O_INFO_TIME, H5O_INFO_NUM_ATTRS. */
static inline object_info read_object_info(hid_t file, const char *object, unsigned fields)
{
    object_info info = {0};
    CU_ASSERT_TRUE(READ_OBJECT_INFO(file, object, &info, fields, H5P_DEFAULT) >= 0);
    return info;
}

static inline int attribute_count(hid_t file, const char *object)
{
    return (int)read_object_info(file, object, H5O_INFO_NUM_ATTRS).num_attrs;
}

static inline int link_count(hid_t file, const char *group)
{
    H5G_info_t info = {0};
    CU_ASSERT_TRUE(H5Gget_info_by_name(file, group, &info, H5P_DEFAULT) >= 0);
    return (int)info.nlinks;
}

/* Opens a file to change it or, with H5F_ACC_TRUNC, makes one, so that what is added is of HDF5's
 * oldest format: HDF5 2 makes that on demand only. */
static inline hid_t open_earliest(const char *path, unsigned flags)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
    hid_t file = flags & H5F_ACC_TRUNC ? H5Fcreate(path, flags, H5P_DEFAULT, access)
                                       : H5Fopen(path, flags, access);
    H5Pclose(access);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    return file;
}

/* HDF5 numbers its identifiers upwards, a sequence a kind. */
typedef struct id_mark {
    hid_t space, type, list;
} id_mark;

static inline id_mark mark_ids(void)
{
    id_mark mark = {H5Screate(H5S_SCALAR), H5Tcopy(H5T_C_S1), H5Pcreate(H5P_FILE_ACCESS)};
    H5Sclose(mark.space);
    H5Tclose(mark.type);
    H5Pclose(mark.list);
    return mark;
}

static inline void assert_closed(hid_t from, hid_t to)
{
    CU_ASSERT_TRUE(from < to);
    for (hid_t id = from; id <= to; id++)
        CU_ASSERT_EQUAL(H5Iis_valid(id), 0);
}

/* All that was opened since `mark` is closed again. */
static inline void assert_no_open_ids_since(id_mark mark)
{
    id_mark now = mark_ids();
    assert_closed(mark.space, now.space);
    assert_closed(mark.type, now.type);
    assert_closed(mark.list, now.list);
    CU_ASSERT_EQUAL(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

#endif

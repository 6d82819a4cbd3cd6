/* Files as HDF5 itself writes them, and the reader of ours that reads them. */
#ifndef DT_TESTS_HDF5_MADE_H
#define DT_TESTS_HDF5_MADE_H

#include <stdio.h>

#include "file/hdf5_reader.h"
#include "hdf5_check.h"
#include "scratch_folder.h"

typedef void fill(hid_t file);

/* The bytes of such a file; malloc'd. */
static inline char *made(fill *content, H5F_libver_t low, hsize_t user_block, size_t *size)
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

static inline dt_hdf5_reader *opened(const void *bytes, size_t size)
{
    dt_hdf5_reader *reader;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_hdf5_reader_open(bytes, size, &reader, &error), DT_OK);
    if (!reader)
        fprintf(stderr, "\n%s\n", error.message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    return reader;
}

static inline void assert_reason(const dt_error *error, const char *reason)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, reason));
    if (!strstr(error->message, reason))
        fprintf(stderr, "\nexpected '%s', found '%s'\n", reason, error->message);
}

#endif

#include "file/hdf5_file.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/shortage.h"

/* Bytes by which the image in memory grows. */
#define IMAGE_GROWTH ((size_t)1 << 20)
#define REASON_SIZE  200
#define LABEL_SIZE   256

struct dt_hdf5_image {
    hid_t file;
    void *bytes; /* what the library leaves when it closes the file */
};

/* The library's memory of the file is ours: so its bytes need not be copied when it is done. The
 * library cannot close a file that has no room, and HDF5 2 aborts there. */
static void *resize_file(void *bytes, size_t size, H5FD_file_image_op_t operation, void *image)
{
    (void)operation;
    (void)image;
    void *resized = dt_shortage_realloc(bytes, size);
    if (!resized)
        dt_shortage_end(size);
    return resized;
}

static void *allocate_file(size_t size, H5FD_file_image_op_t operation, void *image)
{
    return resize_file(NULL, size, operation, image);
}

static herr_t leave_file(void *bytes, H5FD_file_image_op_t operation, void *image)
{
    (void)operation;
    dt_hdf5_image *self = image;
    dt_free(self->bytes);
    self->bytes = bytes;
    return 0;
}

static void *share_image(void *image)
{
    return image;
}

static herr_t unshare_image(void *image)
{
    (void)image;
    return 0;
}

static bool own_memory(hid_t access, dt_hdf5_image *image)
{
    H5FD_file_image_callbacks_t callbacks = {
        .image_malloc = allocate_file,
        .image_realloc = resize_file,
        .image_free = leave_file,
        .udata_copy = share_image,
        .udata_free = unshare_image,
        .udata = image,
    };
    return H5Pset_file_image_callbacks(access, &callbacks) >= 0;
}

static herr_t keep_innermost(unsigned level, const H5E_error2_t *entry, void *reason)
{
    if (level == 0)
        snprintf(reason, REASON_SIZE, "%s", entry->desc ? entry->desc : "no description");
    return 0;
}

static dt_status hdf5_failed(dt_error *error, const char *what, const char *object)
{
    char reason[REASON_SIZE] = "no reason given";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    H5Eclear2(H5E_DEFAULT);
    return dt_fail(error, DT_ERR_INTERNAL, "HDF5 image: cannot %s %s: %s", what, object, reason);
}

dt_status dt_hdf5_image_create(dt_hdf5_image **out, dt_error *error)
{
    *out = NULL;
    dt_hdf5_image *image = dt_calloc(1, sizeof *image, error);
    if (!image)
        return DT_ERR_INTERNAL;
    image->file = H5I_INVALID_HID;

    /* HDF5 takes two open files of one name for the same file. Nothing is below /dev/null. */
    char name[64];
    snprintf(name, sizeof name, "/dev/null/dist-train-%p", (void *)image);
    hid_t access = H5I_INVALID_HID;
    if (H5Eset_auto2(H5E_DEFAULT, NULL, NULL) >= 0)
        access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_core(access, IMAGE_GROWTH, 0) >= 0 &&
        own_memory(access, image) &&
        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) >= 0)
        image->file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    dt_status status = DT_OK;
    if (image->file < 0)
        status = hdf5_failed(error, "create", "the file");
    if (access >= 0 && H5Pclose(access) < 0 && !status)
        status = hdf5_failed(error, "create", "the file");

    if (status) {
        dt_hdf5_image_destroy(image);
        return status;
    }
    *out = image;
    return DT_OK;
}

void dt_hdf5_image_destroy(dt_hdf5_image *image)
{
    if (!image)
        return;
    if (image->file >= 0)
        H5Fclose(image->file);
    dt_free(image->bytes);
    dt_free(image);
}

dt_status dt_hdf5_image_add_group(dt_hdf5_image *image, const char *path, dt_error *error)
{
    hid_t group = H5Gcreate2(image->file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0 || H5Gclose(group) < 0)
        return hdf5_failed(error, "create group", path);
    return DT_OK;
}

/* Takes over `type` and `space`, which may be invalid. */
static dt_status add_dataset(dt_hdf5_image *image, const char *path, hid_t type, hid_t space,
                             const void *values, dt_error *error)
{
    hid_t dataset = H5I_INVALID_HID;
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (type >= 0 && space >= 0 && link >= 0 && creation >= 0 &&
        H5Pset_create_intermediate_group(link, 1) >= 0 &&
        H5Pset_layout(creation, H5D_CONTIGUOUS) >= 0 && H5Pset_obj_track_times(creation, 0) >= 0)
        dataset = H5Dcreate2(image->file, path, type, space, link, creation, H5P_DEFAULT);
    dt_status status = DT_OK;
    if (dataset < 0 || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = hdf5_failed(error, "write dataset", path);

    bool closed = dataset < 0 || H5Dclose(dataset) >= 0;
    closed &= creation < 0 || H5Pclose(creation) >= 0;
    closed &= link < 0 || H5Pclose(link) >= 0;
    closed &= space < 0 || H5Sclose(space) >= 0;
    closed &= type < 0 || H5Tclose(type) >= 0;
    if (!closed && !status)
        status = hdf5_failed(error, "close dataset", path);
    return status;
}

dt_status dt_hdf5_image_add_floats(dt_hdf5_image *image, const char *path, int rank,
                                   const int64_t *shape, const float *values, dt_error *error)
{
    if (rank < 0 || rank > H5S_MAX_RANK)
        return dt_fail(error, DT_ERR_INTERNAL, "HDF5 image: %s: expected rank 0 to %d, found %d",
                       path, H5S_MAX_RANK, rank);
    hsize_t dims[H5S_MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = (hsize_t)shape[i];
    return add_dataset(image, path, H5Tcopy(H5T_IEEE_F32LE), H5Screate_simple(rank, dims, NULL),
                       values, error);
}

/* A type of fixed-length, zero-padded UTF-8 strings; owned by the caller; invalid on failure. */
static hid_t text_type(size_t width)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, width) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

dt_status dt_hdf5_image_add_text(dt_hdf5_image *image, const char *path, const char *text,
                                 size_t length, dt_error *error)
{
    return add_dataset(image, path, text_type(length > 0 ? length : 1), H5Screate(H5S_SCALAR),
                       length > 0 ? text : "", error);
}

/* The values of an attribute, laid out for HDF5. */
typedef struct attribute_values {
    const void *data;
    hid_t file_type; /* owned */
    hid_t memory_type;
    hid_t space; /* owned */
    char *texts; /* owned: [count][width], zero-padded */
} attribute_values;

static dt_status pack_texts(attribute_values *values, size_t count, const char *const *texts,
                            const char *label, dt_error *error)
{
    size_t width = 1;
    for (size_t i = 0; i < count; i++)
        width = strlen(texts[i]) > width ? strlen(texts[i]) : width;
    values->texts = dt_calloc(count * width, 1, error);
    if (!values->texts)
        return DT_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++)
        memcpy(values->texts + i * width, texts[i], strlen(texts[i]));
    values->data = values->texts;

    values->file_type = text_type(width);
    values->memory_type = values->file_type;
    return values->file_type < 0 ? hdf5_failed(error, "create the type of", label) : DT_OK;
}

static dt_status lay_out(attribute_values *values, const dt_attribute *attribute, const char *label,
                         dt_error *error)
{
    hsize_t count = attribute->count;
    bool list =
        attribute->kind == DT_ATTRIBUTE_TEXT_LIST || attribute->kind == DT_ATTRIBUTE_INTEGER_LIST;
    values->space = list ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    if (values->space < 0)
        return hdf5_failed(error, "create the space of", label);

    switch (attribute->kind) {
    case DT_ATTRIBUTE_TEXT:
        return pack_texts(values, 1, &attribute->text, label, error);
    case DT_ATTRIBUTE_TEXT_LIST:
        return pack_texts(values, attribute->count, attribute->texts, label, error);
    case DT_ATTRIBUTE_INTEGER:
    case DT_ATTRIBUTE_INTEGER_LIST:
        values->data = count > 0 && list ? attribute->integers : &attribute->integer;
        values->file_type = H5Tcopy(H5T_STD_I64LE);
        values->memory_type = H5T_NATIVE_INT64;
        break;
    case DT_ATTRIBUTE_REAL:
        values->data = &attribute->real;
        values->file_type = H5Tcopy(H5T_IEEE_F64LE);
        values->memory_type = H5T_NATIVE_DOUBLE;
        break;
    }
    return values->file_type < 0 ? hdf5_failed(error, "create the type of", label) : DT_OK;
}

static dt_status write_values(hid_t file, const char *object, const char *name,
                              const attribute_values *values, const char *label, dt_error *error)
{
    hid_t written = H5Acreate_by_name(file, object, name, values->file_type, values->space,
                                      H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    dt_status status = DT_OK;
    if (written < 0 || H5Awrite(written, values->memory_type, values->data) < 0)
        status = hdf5_failed(error, "write", label);
    if (written >= 0 && H5Aclose(written) < 0 && !status)
        status = hdf5_failed(error, "close", label);
    return status;
}

dt_status dt_hdf5_image_add_attribute(dt_hdf5_image *image, const char *object,
                                      const dt_attribute *attribute, dt_error *error)
{
    char label[LABEL_SIZE];
    snprintf(label, sizeof label, "attribute %s of %s", attribute->name, object);
    attribute_values values = {.file_type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
    dt_status status = lay_out(&values, attribute, label, error);
    if (!status)
        status = write_values(image->file, object, attribute->name, &values, label, error);

    bool closed = values.space < 0 || H5Sclose(values.space) >= 0;
    closed &= values.file_type < 0 || H5Tclose(values.file_type) >= 0;
    if (!closed && !status)
        status = hdf5_failed(error, "close", label);
    dt_free(values.texts);
    return status;
}

/* Writes all of the file to its memory and closes it; its length in *size. */
static dt_status close_file(dt_hdf5_image *image, size_t *size, dt_error *error)
{
    hid_t file = image->file;
    ssize_t length = -1;
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0)
        length = H5Fget_file_image(file, NULL, 0);
    dt_status status = length > 0 ? DT_OK : hdf5_failed(error, "finish", "the file");
    image->file = H5I_INVALID_HID;
    if (H5Fclose(file) < 0 && !status)
        status = hdf5_failed(error, "close", "the file");
    *size = status ? 0 : (size_t)length;
    return status;
}

dt_status dt_hdf5_image_finish_with_room(dt_hdf5_image *image, size_t room, void **bytes,
                                         size_t *size, dt_error *error)
{
    *bytes = NULL;
    *size = 0;
    size_t length;
    dt_status status = close_file(image, &length, error);
    if (status)
        return status;
    char *resized = dt_resize(image->bytes, length + room, error);
    if (!resized)
        return DT_ERR_INTERNAL;
    image->bytes = NULL;
    memset(resized + length, 0, room);
    *bytes = resized;
    *size = length;
    return DT_OK;
}

dt_status dt_hdf5_image_finish(dt_hdf5_image *image, void **bytes, size_t *size, dt_error *error)
{
    return dt_hdf5_image_finish_with_room(image, 0, bytes, size, error);
}

void dt_hdf5_version(char *text, size_t size)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, size, "%u.%u.%u", major, minor, release);
}

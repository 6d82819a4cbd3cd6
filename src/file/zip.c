#include "file/zip.h"

#include <stdint.h>
#include <string.h>

#include <zip.h>

#include "base/memory.h"
#include "file/atomic_file.h"

/* 1980-01-01 00:00:00, the first time there is. source: APPNOTE.TXT, 4.4.6; MS-DOS */
enum { NO_TIME = 0, FIRST_DATE = 1 << 5 | 1 };

/* Of all members together: this many times the file's size, and as many bytes. */
#define RATIO_MAX 32
#define SIZE_FREE ((uint64_t)1 << 20)

/* ---- writing ---- */

static dt_status zip_failed(const char *what, const char *why, dt_error *error)
{
    return dt_fail(error, DT_ERR_INTERNAL, "zip: cannot %s: %s", what, why);
}

static dt_status add_part(zip_t *archive, const dt_zip_part *part, dt_error *error)
{
    zip_source_t *source = zip_source_buffer(archive, part->bytes, part->size, 0);
    zip_int64_t index = source ? zip_file_add(archive, part->name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        zip_source_free(source);
        return zip_failed("add", zip_strerror(archive), error);
    }
    zip_uint64_t at = (zip_uint64_t)index;
    if (zip_set_file_compression(archive, at, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive, at, NO_TIME, FIRST_DATE, 0) != 0)
        return zip_failed("store", zip_strerror(archive), error);
    return DT_OK;
}

/* Writes what the closed archive has left in `source`. */
static dt_status write_source(const char *path, zip_source_t *source, dt_error *error)
{
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_source_stat(source, &info) != 0 || !(info.valid & ZIP_STAT_SIZE) ||
        zip_source_open(source) != 0)
        return zip_failed("read back", zip_error_strerror(zip_source_error(source)), error);
    void *bytes = dt_calloc(info.size, 1, error);
    dt_status status = bytes ? DT_OK : DT_ERR_INTERNAL;
    if (bytes && zip_source_read(source, bytes, info.size) != (zip_int64_t)info.size)
        status = zip_failed("read back", zip_error_strerror(zip_source_error(source)), error);
    zip_source_close(source);
    if (!status)
        status = dt_atomic_write(path, bytes, info.size, error);
    dt_free(bytes);
    return status;
}

dt_status dt_zip_write(const char *path, const dt_zip_part *parts, size_t count, dt_error *error)
{
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &why) : NULL;
    dt_status status = DT_OK;
    if (!archive)
        status = zip_failed("create", zip_error_strerror(&why), error);
    else
        zip_source_keep(source);
    for (size_t i = 0; i < count && !status; i++)
        status = add_part(archive, &parts[i], error);
    if (!status && zip_close(archive) != 0)
        status = zip_failed("finish", zip_strerror(archive), error);
    else if (!status)
        archive = NULL;
    if (!status)
        status = write_source(path, source, error);
    if (archive)
        zip_discard(archive);
    zip_source_free(source);
    zip_error_fini(&why);
    return status;
}

/* ---- reading ---- */

struct dt_zip {
    zip_t *zip;
    uint64_t room; /* bytes that members may still have */
};

dt_status dt_zip_open(const void *bytes, size_t size, dt_zip **out, dt_error *error)
{
    dt_zip *self = *out = dt_calloc(1, sizeof *self, error);
    if (!self)
        return DT_ERR_INTERNAL;
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &why);
    self->room = RATIO_MAX * (uint64_t)size + SIZE_FREE;
    self->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    dt_status status = DT_OK;
    if (!self->zip) {
        zip_source_free(source);
        status = dt_fail(error, DT_ERR_DATA, "expected a whole ZIP archive, found: %s",
                         zip_error_strerror(&why));
        dt_free(self);
        *out = NULL;
    }
    zip_error_fini(&why);
    return status;
}

void dt_zip_close(dt_zip *zip)
{
    if (zip)
        zip_discard(zip->zip);
    dt_free(zip);
}

size_t dt_zip_count(const dt_zip *zip)
{
    zip_int64_t count = zip_get_num_entries(zip->zip, 0);
    return count > 0 ? (size_t)count : 0;
}

const char *dt_zip_name(const dt_zip *zip, size_t index)
{
    const char *name = zip_get_name(zip->zip, index, 0);
    return name ? name : "";
}

size_t dt_zip_find(const dt_zip *zip, const char *name)
{
    zip_int64_t index = zip_name_locate(zip->zip, name, 0);
    return index >= 0 ? (size_t)index : dt_zip_count(zip);
}

static dt_status check_member(const dt_zip *self, const zip_stat_t *info, dt_error *error)
{
    zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if ((info->valid & needed) != needed ||
        (info->comp_method != ZIP_CM_STORE && info->comp_method != ZIP_CM_DEFLATE) ||
        (info->valid & ZIP_STAT_ENCRYPTION_METHOD && info->encryption_method != ZIP_EM_NONE))
        return dt_fail(error, DT_ERR_DATA,
                       "expected ZIP members that are stored or deflated, found another");
    if (info->size > self->room)
        return dt_fail(error, DT_ERR_DATA,
                       "%.100s: expected members of at most %d times the file's size and %d MiB, "
                       "found more: %llu bytes",
                       info->name, RATIO_MAX, (int)(SIZE_FREE >> 20),
                       (unsigned long long)info->size);
    return DT_OK;
}

static dt_status read_member(dt_zip *self, zip_uint64_t index, const zip_stat_t *info, void **bytes,
                             dt_error *error)
{
    *bytes = NULL;
    dt_status status = check_member(self, info, error);
    if (status)
        return status;
    self->room -= info->size;
    zip_file_t *file = zip_fopen_index(self->zip, index, 0);
    if (!file)
        return dt_fail(error, DT_ERR_DATA, "%.100s: expected a whole member, found: %s", info->name,
                       zip_strerror(self->zip));
    *bytes = dt_calloc(info->size + 1, 1, error);
    char end;
    /* The read at the end is the one that checks the CRC. */
    if (!*bytes)
        status = DT_ERR_INTERNAL;
    else if (zip_fread(file, *bytes, info->size) != (zip_int64_t)info->size ||
             zip_fread(file, &end, 1) != 0)
        status = dt_fail(error, DT_ERR_DATA, "%.100s: expected a whole member, found: %s",
                         info->name, zip_file_strerror(file));
    zip_fclose(file);
    if (status) {
        dt_free(*bytes);
        *bytes = NULL;
    }
    return status;
}

dt_status dt_zip_read(dt_zip *zip, size_t index, void **member, size_t *member_size,
                      dt_error *error)
{
    zip_stat_t info;
    zip_stat_init(&info);
    *member = NULL;
    *member_size = 0;
    if (zip_stat_index(zip->zip, index, 0, &info) != 0)
        return dt_fail(error, DT_ERR_DATA, "expected a member, found: %s", zip_strerror(zip->zip));
    dt_status status = read_member(zip, index, &info, member, error);
    *member_size = status ? 0 : info.size;
    return status;
}

#include "file/npz.h"

#include <stdio.h>
#include <string.h>

#include <zip.h>

#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/npy.h"

#define SUFFIX      ".npy"
#define MEMBER_NAME (DT_BUNDLE_NAME + sizeof SUFFIX)

/* 1980-01-01 00:00:00, the first time there is. source: APPNOTE.TXT, 4.4.6; MS-DOS */
enum { NO_TIME = 0, FIRST_DATE = 1 << 5 | 1 };

/* Of all members together: this many times the file's size, and as many bytes. */
#define RATIO_MAX 32
#define SIZE_FREE ((uint64_t)1 << 20)

static dt_status zip_failed(const char *what, const char *why, dt_error *error)
{
    return dt_fail(error, DT_ERR_INTERNAL, "npz: cannot %s: %s", what, why);
}

/* ---- writing ---- */

/* Takes over `bytes`. */
static dt_status add_member(zip_t *archive, const char *name, void *bytes, size_t size,
                            dt_error *error)
{
    char path[MEMBER_NAME];
    snprintf(path, sizeof path, "%s" SUFFIX, name);
    zip_source_t *source = zip_source_buffer(archive, bytes, size, 0);
    zip_int64_t index = source ? zip_file_add(archive, path, source, ZIP_FL_ENC_UTF_8) : -1;
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

/* members: [array_count + text_count], what the archive reads from until it is closed. */
static dt_status add_members(zip_t *archive, const dt_bundle *bundle, void **members,
                             dt_error *error)
{
    dt_status status = DT_OK;
    size_t size;
    for (size_t i = 0; i < bundle->array_count && !status; i++, members++) {
        const dt_array *array = &bundle->arrays[i];
        status = dt_npy_of_array(array, members, &size, error);
        if (!status)
            status = add_member(archive, array->name, *members, size, error);
    }
    for (size_t i = 0; i < bundle->text_count && !status; i++, members++) {
        const dt_named_text *text = &bundle->texts[i];
        status = dt_npy_of_text(text->text, members, &size, error);
        if (!status)
            status = add_member(archive, text->name, *members, size, error);
    }
    return status;
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

dt_status dt_npz_write(const char *path, const dt_bundle *bundle, dt_error *error)
{
    size_t count = bundle->array_count + bundle->text_count;
    zip_error_t why;
    zip_error_init(&why);
    void **members = dt_calloc(count, sizeof *members, error);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &why) : NULL;
    dt_status status = members ? DT_OK : DT_ERR_INTERNAL;
    if (!status && !archive)
        status = zip_failed("create", zip_error_strerror(&why), error);
    if (archive)
        zip_source_keep(source);
    if (!status)
        status = add_members(archive, bundle, members, error);
    if (!status && zip_close(archive) != 0)
        status = zip_failed("finish", zip_strerror(archive), error);
    else if (!status)
        archive = NULL;
    if (!status)
        status = write_source(path, source, error);
    if (archive)
        zip_discard(archive);
    zip_source_free(source);
    for (size_t i = 0; members && i < count; i++)
        dt_free(members[i]);
    dt_free(members);
    zip_error_fini(&why);
    return status;
}

/* ---- reading ---- */

/* A ZIP archive that is being read, and how many bytes its members may still have. */
typedef struct archive {
    zip_t *zip;
    uint64_t room;
} archive;

static dt_status open_archive(const void *bytes, size_t size, archive *out, dt_error *error)
{
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &why);
    *out = (archive){.room = RATIO_MAX * (uint64_t)size + SIZE_FREE};
    out->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    dt_status status = DT_OK;
    if (!out->zip) {
        zip_source_free(source);
        status = dt_fail(error, DT_ERR_DATA, "expected a whole ZIP archive, found: %s",
                         zip_error_strerror(&why));
    }
    zip_error_fini(&why);
    return status;
}

static dt_status check_member(const archive *self, const zip_stat_t *info, dt_error *error)
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

/* The caller owns *bytes: dt_free. */
static dt_status read_member(archive *self, zip_uint64_t index, const zip_stat_t *info,
                             void **bytes, dt_error *error)
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

static dt_status add_file(archive *self, zip_uint64_t index, dt_bundle *to, dt_error *error)
{
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_stat_index(self->zip, index, 0, &info) != 0)
        return dt_fail(error, DT_ERR_DATA, "expected a member, found: %s", zip_strerror(self->zip));
    size_t length = strlen(info.name), suffix = sizeof SUFFIX - 1;
    if (length <= suffix || strcmp(info.name + length - suffix, SUFFIX) != 0)
        return dt_fail(error, DT_ERR_DATA, "%.100s: expected members NAME.npy, found another",
                       info.name);
    char name[DT_BUNDLE_NAME + 1];
    snprintf(name, sizeof name, "%.*s", (int)(length - suffix), info.name);
    void *bytes;
    dt_status status = read_member(self, index, &info, &bytes, error);
    if (!status)
        status = dt_npy_read(bytes, info.size, name, to, error);
    dt_free(bytes);
    return status;
}

dt_status dt_npz_decode(const void *bytes, size_t size, dt_bundle *out, dt_error *error)
{
    *out = (dt_bundle){0};
    archive self;
    dt_status status = open_archive(bytes, size, &self, error);
    if (status)
        return status;
    zip_int64_t count = zip_get_num_entries(self.zip, 0);
    if (count > 2 * DT_BUNDLE_MAX)
        status = dt_fail(error, DT_ERR_DATA, "expected at most %d members, found %lld",
                         2 * DT_BUNDLE_MAX, (long long)count);
    for (zip_int64_t i = 0; i < count && !status; i++)
        status = add_file(&self, (zip_uint64_t)i, out, error);
    zip_discard(self.zip);
    return status;
}

dt_status dt_zip_member(const void *bytes, size_t size, const char *name, void **member,
                        size_t *member_size, dt_error *error)
{
    *member = NULL;
    *member_size = 0;
    archive self;
    zip_stat_t info;
    zip_stat_init(&info);
    dt_status status = open_archive(bytes, size, &self, error);
    if (status)
        return status;
    zip_int64_t index = zip_name_locate(self.zip, name, 0);
    if (index >= 0 && zip_stat_index(self.zip, (zip_uint64_t)index, 0, &info) == 0) {
        status = read_member(&self, (zip_uint64_t)index, &info, member, error);
        *member_size = status ? 0 : info.size;
    }
    zip_discard(self.zip);
    return status;
}

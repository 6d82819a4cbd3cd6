#include "file/npz.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "file/npy.h"
#include "file/zip.h"

#define SUFFIX      ".npy"
#define MEMBER_NAME (DT_BUNDLE_NAME + sizeof SUFFIX)

/* The members of an archive that is to be written: [count]. */
typedef struct members {
    dt_zip_part *parts;
    char (*names)[MEMBER_NAME];
    size_t count;
} members;

static dt_status make_members(const dt_bundle *bundle, members *to, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < bundle->array_count + bundle->text_count && !status; i++) {
        bool array = i < bundle->array_count;
        const dt_named_text *text = array ? NULL : &bundle->texts[i - bundle->array_count];
        dt_zip_part *part = &to->parts[to->count];
        void *bytes;
        snprintf(to->names[to->count], MEMBER_NAME, "%s" SUFFIX,
                 array ? bundle->arrays[i].name : text->name);
        status = array ? dt_npy_of_array(&bundle->arrays[i], &bytes, &part->size, error)
                       : dt_npy_of_text(text->text, &bytes, &part->size, error);
        part->bytes = bytes;
        part->name = to->names[to->count];
        to->count += !status;
    }
    return status;
}

dt_status dt_npz_write(const char *path, const dt_bundle *bundle, dt_error *error)
{
    size_t count = bundle->array_count + bundle->text_count;
    members all = {.parts = dt_calloc(count, sizeof *all.parts, error),
                   .names = dt_calloc(count, sizeof *all.names, error)};
    dt_status status = all.parts && all.names ? make_members(bundle, &all, error) : DT_ERR_INTERNAL;
    if (!status)
        status = dt_zip_write(path, all.parts, all.count, error);
    for (size_t i = 0; i < all.count; i++)
        dt_free((void *)(uintptr_t)all.parts[i].bytes);
    dt_free(all.parts);
    dt_free(all.names);
    return status;
}

static dt_status add_member(dt_zip *zip, size_t index, dt_bundle *to, dt_error *error)
{
    const char *member = dt_zip_name(zip, index);
    size_t length = strlen(member), suffix = sizeof SUFFIX - 1, size;
    if (length <= suffix || strcmp(member + length - suffix, SUFFIX) != 0)
        return dt_fail(error, DT_ERR_DATA, "%.100s: expected members NAME.npy, found another",
                       member);
    char name[DT_BUNDLE_NAME + 1];
    snprintf(name, sizeof name, "%.*s", (int)(length - suffix), member);
    void *bytes;
    dt_status status = dt_zip_read(zip, index, &bytes, &size, error);
    if (!status)
        status = dt_npy_read(bytes, size, name, to, error);
    dt_free(bytes);
    return status;
}

dt_status dt_npz_decode(const void *bytes, size_t size, dt_bundle *out, dt_error *error)
{
    *out = (dt_bundle){.text_arrays = true};
    dt_zip *zip;
    dt_status status = dt_zip_open(bytes, size, &zip, error);
    if (status)
        return status;
    size_t count = dt_zip_count(zip);
    if (count > 2 * DT_BUNDLE_MAX)
        status = dt_fail(error, DT_ERR_DATA, "expected at most %d members, found %zu",
                         2 * DT_BUNDLE_MAX, count);
    for (size_t i = 0; i < count && !status; i++)
        status = add_member(zip, i, out, error);
    dt_zip_close(zip);
    return status;
}

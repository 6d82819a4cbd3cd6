/* ZIP archives in memory, of others and for others. source: APPNOTE.TXT of PKWARE. */
#ifndef DT_FILE_ZIP_H
#define DT_FILE_ZIP_H

#include <stddef.h>

#include "base/status.h"

typedef struct dt_zip_part {
    const char *name; /* UTF-8 */
    const void *bytes;
    size_t size;
} dt_zip_part;

/* Writes the file `path` (dt_atomic_write), its members stored without compression. No time of its
 * own: the same members, the same bytes. Not collective. Errors: those of dt_atomic_write;
 * DT_ERR_INTERNAL. */
dt_status dt_zip_write(const char *path, const dt_zip_part *parts, size_t count, dt_error *error);

/* An archive that is being read. */
typedef struct dt_zip dt_zip;

/* Opens an archive whose bytes stay as they are as long as it lives. The caller owns *out:
 * dt_zip_close, which takes NULL. Errors: DT_ERR_DATA; DT_ERR_INTERNAL. */
dt_status dt_zip_open(const void *bytes, size_t size, dt_zip **out, dt_error *error);
void dt_zip_close(dt_zip *zip);

/* How many members there are. */
size_t dt_zip_count(const dt_zip *zip);

/* The name of one, as long as the archive is open; "": it has none. */
const char *dt_zip_name(const dt_zip *zip, size_t index);

/* The member of that name; their number if there is none. */
size_t dt_zip_find(const dt_zip *zip, const char *name);

/* Reads a member, stored or deflated, with a 0 behind it. The caller owns *member: dt_free.
 * Refused, before anything is allocated for them, are members that together are more than 32 times
 * the file's size and a mebibyte. Errors: DT_ERR_DATA, with the name; DT_ERR_INTERNAL. */
dt_status dt_zip_read(dt_zip *zip, size_t index, void **member, size_t *member_size,
                      dt_error *error);

#endif

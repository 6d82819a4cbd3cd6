/* Records (base/record.h) in files. */
#ifndef DT_FILE_RECORD_H
#define DT_FILE_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/record.h"
#include "base/status.h"
#include "base/text.h"
#include "file/hdf5_file.h"
#include "file/hdf5_reader.h"

/* JSON: fields that are no arrays. Not known (dt_record_clear) and not finite is null. */

/* Adds an object, a field a line, indented by 2. */
void dt_record_to_json(const dt_record *record, dt_text *to);

/* Reads an object; what it does not say, or says to be null, is not known, other keys are passed
 * over. `name`: of the file, for messages. Errors, with name, and line or key: DT_ERR_DATA (texts
 * and arrays are NULL then); DT_ERR_INTERNAL. */
dt_status dt_record_of_json(const char *name, const void *bytes, size_t size,
                            const dt_record *record, dt_error *error);

/* A field as a text of its own: a text as it is, others as JSON. The caller frees it: dt_free. NULL
 * with *error set when there is no memory. */
char *dt_field_to_text(const dt_record *record, const dt_field *field, dt_error *error);

/* The reverse; NULL: there is none. Errors: DT_ERR_DATA; DT_ERR_INTERNAL. */
dt_status dt_field_of_text(const dt_record *record, const dt_field *field, const char *text,
                           dt_error *error);

/* HDF5: arrays are datasets but for lists, which are attributes like all that is no array. */

enum { DT_RECORD_PATH_SIZE = 128 };

/* The path of a dataset, or of the object that has the attribute. */
char *dt_field_path(const dt_record *record, const dt_field *field, char path[DT_RECORD_PATH_SIZE]);

/* The field, which is no dataset, as an attribute, which points into the record, or to `hash`. */
dt_attribute dt_field_attribute(const dt_record *record, const dt_field *field,
                                char hash[DT_HASH_TEXT]);

/* Errors: DT_ERR_DATA: an integer, or one of an array of whole numbers, beyond its limits. */
dt_status dt_record_check(const dt_record *record, dt_error *error);

/* Adds the fields; those of attributes are of groups that are there, or come to be with an array
 * that stands before them in the table. Errors: those of dt_hdf5_image. */
dt_status dt_record_to_hdf5(const dt_record *record, dt_hdf5_image *image, dt_error *error);

/* Reads the fields, and sizes that are not known yet. Errors: DT_ERR_DATA, with the object, what
 * was expected and found; DT_ERR_INTERNAL. What has been read until then is the record's. */
dt_status dt_record_of_hdf5(const dt_record *record, const dt_hdf5_reader *reader, dt_error *error);

#endif

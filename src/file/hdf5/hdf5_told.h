/* The reader of HDF5 files, in parts. */
#ifndef DT_FILE_HDF5_TOLD_H
#define DT_FILE_HDF5_TOLD_H

#include "file/confined.h"
#include "hdf5_wire.h"

typedef struct told_attribute {
    wire_attribute head;
    const char *name; /* in the block, as are the values behind it */
    const void *values;
    size_t size; /* of the values, bytes */
} told_attribute;

/* The file, in memory or open. */
typedef struct told_file {
    const uint8_t *bytes; /* NULL: it is open */
    int fd;
    size_t size;
} told_file;

struct dt_hdf5_reader {
    told_file file;
    dt_confined *child;
    size_t count, object_room, told_room;
    dt_hdf5_object *objects; /* [count] */
    wire_object *told;       /* [count] */
    size_t attribute_count, attribute_room;
    told_attribute *attributes; /* [attribute_count]; each owns its block, which `name` is */
    size_t values;              /* dt_hdf5_reader_values */
};

/* The head of what the child says next, to which it has been given the bytes that it needs.
 * FAILED becomes an error. */
dt_status told_next(const dt_hdf5_reader *self, wire_head *head, dt_error *error);

/* Copies bytes of the file; false: it has not so many, or they cannot be read. */
bool told_bytes(const told_file *file, uint64_t offset, size_t size, void *to);

/* Reads rows of a dataset of numbers, which it has, into values[rows * values of a row]: bytes of
 * one whose type is that. Errors begin with no path. */
dt_status told_rows(const dt_hdf5_reader *reader, const wire_object *from, uint64_t first,
                    uint64_t rows, wire_form form, void *values, dt_error *error);

/* Number of the object `path`; reader->count: there is none. */
size_t told_find(const dt_hdf5_reader *reader, const char *path);

#endif

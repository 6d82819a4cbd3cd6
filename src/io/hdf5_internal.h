/* What the files that call HDF5 share. */
#ifndef DT_IO_HDF5_INTERNAL_H
#define DT_IO_HDF5_INTERNAL_H

#include <hdf5.h>
#include <stdint.h>

#include "io/hdf5_reader.h"

#define HDF5_REASON_SIZE 200

/* HDF5's innermost reason for the call that failed last; forgets it. Returns `reason`. */
char *hdf5_reason(char reason[HDF5_REASON_SIZE]);

/* Opens a file to be read, with a driver of our own that takes it from where it is, copies nothing,
 * and answers a read beyond its end with an error. HDF5's own driver for files in memory copies the
 * file, adds zeros behind it, and lets HDF5 gather its small reads, in code that crashes on
 * addresses that are not there. `bytes` must stay until *file is closed: H5Fclose. Errors:
 * DT_ERR_DATA, DT_ERR_INTERNAL (memory). */
dt_status hdf5_open_memory(const void *bytes, size_t size, hid_t *file, dt_error *error);

struct dt_hdf5_reader {
    const uint8_t *bytes;
    size_t size;
    hid_t file;
    size_t count;
    dt_hdf5_object *objects; /* [DT_HDF5_OBJECT_MAX], count of them in use */
    haddr_t *addresses;      /* [DT_HDF5_OBJECT_MAX + 1], of the objects; the last of the root */
};

/* DT_ERR_DATA: HDF5 cannot do that with the object. */
dt_status hdf5_unreadable(dt_error *error, const char *object, const char *what);

/* "32-bit float", "little-endian 64-bit integer"; returns `text`. */
#define HDF5_TYPE_SIZE 64
char *hdf5_type_text(hid_t type, char text[HDF5_TYPE_SIZE]);

/* Checks, without HDF5, the variable-length strings of an attribute: HDF5 1.10 takes the length of
 * a string from the attribute and copies what its heap holds, whatever length that has, and
 * believes a heap that claims to hold objects beyond its end. Every attribute of that name in the
 * file, of whatever object, must have `count` strings whose lengths are those of their objects in a
 * heap that is well-formed. label: the attribute, for messages. source: HDF5 File Format
 * Specification 3.0, III.E Global Heap, IV.A.2.m Attribute Message. */
dt_status hdf5_check_strings(const dt_hdf5_reader *reader, const char *name, size_t count,
                             const char *label, dt_error *error);

#endif

/* The child that reads HDF5 files, in parts. It frees nothing that it needs to its end. */
#ifndef DT_FILE_HDF5_CHILD_H
#define DT_FILE_HDF5_CHILD_H

#include <hdf5.h>

#include "hdf5_wire.h"

/* Says a message in two parts; the second may be empty. What is said waits for child_flush. */
void child_say(int kind, const void *first, size_t first_size, const void *second,
               size_t second_size);
void child_flush(void);

/* Says FAILED, with HDF5's reason if it has one, and ends the process. */
_Noreturn void child_give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The innermost reason of HDF5 for its last failure; "": none. */
const char *child_reason(void);

/* The file of the parent, of `size` bytes, opened: negative when it is none. */
hid_t child_open_file(uint64_t size);

/* What a type is; text: in words. */
wire_type child_type(hid_t type, char text[WIRE_TYPE_SIZE]);

/* What h5py makes of NumPy's bfloat16, and of nothing else: 2 bytes of which HDF5 knows no more. */
bool child_is_opaque_bfloat16(hid_t type);

/* Fills what the object says of a dataset. */
void child_look_at(hid_t dataset, wire_object *out);

/* Says all attributes of an object, which messages call `path`. */
void child_say_attributes(hid_t object, uint64_t number, const char *path);

/* Walks over all objects and says them. */
void child_walk(hid_t file);

/* The object that was said with that number; negative: there is none. */
hid_t child_object(hid_t file, uint64_t number);

#endif

/* What the reader of HDF5 files and its child (file/confined.h) say to each other.
 *
 * The parent sends the size of the file, 8 bytes. The child walks over the file and sends an
 * OBJECT for each but the root, each behind the group that it is in, and an ATTRIBUTE for each of
 * theirs and of the root's; then DONE. After that each REQUEST of the parent is answered by VALUES
 * or FAILED. Whenever the child needs bytes of the file it sends NEED, and gets them, without a
 * head. FAILED before DONE is the last. */
#ifndef DT_FILE_HDF5_WIRE_H
#define DT_FILE_HDF5_WIRE_H

#include "file/hdf5_reader.h"

/* The child. */
void hdf5_child_work(void);

/* Bytes of one NEED; of all objects and attributes; of what FAILED says. */
#define WIRE_NEED_MAX    ((uint64_t)1 << 30)
#define WIRE_CONTENT_MAX ((uint64_t)64 << 20)
#define WIRE_REASON_MAX  600

#define WIRE_TYPE_SIZE 64
#define WIRE_NOTE_SIZE 120
#define WIRE_NOWHERE   UINT64_MAX

enum { WIRE_NEED, WIRE_OBJECT, WIRE_ATTRIBUTE, WIRE_DONE, WIRE_FAILED, WIRE_VALUES };

typedef struct wire_head {
    uint64_t kind, size; /* of what follows, bytes */
} wire_head;

typedef struct wire_need {
    uint64_t offset, size;
} wire_need;

typedef enum wire_type {
    WIRE_OTHER,
    WIRE_INTEGER,
    WIRE_BOOLEAN, /* as h5py writes them: an enumeration FALSE = 0, TRUE = 1 */
    WIRE_FLOAT,
    WIRE_TEXT, /* fixed length */
    WIRE_VARIABLE_TEXT
} wire_type;

typedef struct wire_object {
    dt_hdf5_object object;
    char note[WIRE_NOTE_SIZE]; /* why it cannot be read; "": it can. The rest is of a dataset that
                                  can */
    char type[WIRE_TYPE_SIZE]; /* in words */
    uint32_t kind;             /* wire_type */
    bool alias;                /* an object that another path has too came before */
    bool packed;               /* its values may take less room than they have */
    char padding;              /* of a text of fixed length: ' ' or 0 */
    int32_t rank;
    uint64_t shape[DT_HDF5_RANK_MAX];
    uint64_t width;      /* bytes of a value */
    uint64_t stored;     /* bytes of the file that hold values */
    uint64_t offset;     /* in the file, of all values as they stand there: 32-bit floats of this
                            machine, or unsigned integers of 8 bits; or NOWHERE */
    uint64_t chunk_rows; /* that are stored together; 1: one by one */
} wire_object;

#define WIRE_ROOT UINT64_MAX

/* Then the name, and the values: int64_t, double, or texts, each with a 0 behind it. */
typedef struct wire_attribute {
    uint64_t object; /* how many OBJECT came before its own; or ROOT */
    char type[WIRE_TYPE_SIZE];
    uint32_t kind;  /* wire_type, the two of texts being one; OTHER: no values follow, as they do
                       not of booleans */
    int32_t rank;   /* -1: no value at all */
    uint64_t count; /* of values */
    uint64_t name_size; /* with its 0 */
} wire_attribute;

/* What values become: of this machine. */
typedef enum wire_form { WIRE_FLOATS, WIRE_DOUBLES, WIRE_BYTES, WIRE_FORMS } wire_form;

/* Rows of a dataset as such numbers; or a text, which is one row. */
typedef struct wire_request {
    uint64_t object, first, rows, form;
} wire_request;

#endif

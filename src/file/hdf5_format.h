/* The parts of an HDF5 file, as they stand in its bytes.
 *
 * Understood is what HDF5 writes for its oldest format (superblock 0, object headers of version 1,
 * groups with symbol tables): what dt_hdf5_image makes and what h5py makes unless it is asked for
 * another. source: HDF5 File Format Specification 3.0; sections are named where they are used. */
#ifndef DT_FILE_HDF5_FORMAT_H
#define DT_FILE_HDF5_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "file/hdf5_reader.h"

/* Bytes of the file, all of them within it. */
typedef struct span {
    const uint8_t *at;
    size_t size;
} span;

struct dt_hdf5_reader {
    span file; /* up to the end that the superblock tells */
    uint64_t root;
    size_t count;
    dt_hdf5_object *objects; /* [DT_HDF5_OBJECT_MAX], count of them in use */
    uint64_t *headers;       /* [DT_HDF5_OBJECT_MAX], addresses of the objects' headers */
};

/* IV.A.2 */
enum {
    MESSAGE_SPACE = 0x01,
    MESSAGE_LINK_INFO = 0x02,
    MESSAGE_TYPE = 0x03,
    MESSAGE_LINK = 0x06,
    MESSAGE_EXTERNAL_FILES = 0x07,
    MESSAGE_LAYOUT = 0x08,
    MESSAGE_FILTERS = 0x0b,
    MESSAGE_ATTRIBUTE = 0x0c,
    MESSAGE_CONTINUATION = 0x10,
    MESSAGE_SYMBOL_TABLE = 0x11
};

typedef struct message {
    int type;
    bool shared; /* the body only says where the message is */
    span body;
} message;

/* A pass over the messages of an object header. */
#define HEADER_PIECES 64
typedef struct header_pass {
    span file;
    const char *label; /* of the object, for messages; borrowed */
    span pieces[HEADER_PIECES];
    int count, next;
    span left; /* of the piece that is being read */
    size_t bytes;
} header_pass;

/* Shape of a dataset or an attribute: no rank for no values at all. */
typedef struct dataspace {
    bool none;
    int rank;
    uint64_t dims[DT_HDF5_RANK_MAX];
} dataspace;

typedef enum datatype_kind {
    TYPE_FLOAT32,
    TYPE_FLOAT64,
    TYPE_INTEGER64,
    TYPE_TEXT,          /* fixed length: width */
    TYPE_VARIABLE_TEXT, /* a reference of 16 bytes to a heap */
    TYPE_OTHER
} datatype_kind;

typedef enum text_padding { PAD_TERMINATED, PAD_ZEROS, PAD_SPACES } text_padding;

#define DATATYPE_TEXT_SIZE 64
typedef struct datatype {
    datatype_kind kind;
    size_t width; /* bytes of a value; >= 1 */
    text_padding padding;
    char text[DATATYPE_TEXT_SIZE]; /* what it is, for messages */
} datatype;

/* Little-endian number of `width` bytes. */
uint64_t hdf5_number(const uint8_t *bytes, int width);

/* The `size` bytes at `address`. False: they are not in the file. */
bool hdf5_span(span file, uint64_t address, uint64_t size, span *out);

/* Fills reader->file and reader->root from the superblock. */
dt_status hdf5_read_superblock(span bytes, dt_hdf5_reader *reader, dt_error *error);

/* Begins a pass over the object header at `address`. */
dt_status hdf5_header(span file, uint64_t address, const char *label, header_pass *pass,
                      dt_error *error);

/* The next message; *more false: there is none. */
dt_status hdf5_next_message(header_pass *pass, message *out, bool *more, dt_error *error);

/* label: of the object or attribute, for messages. */
dt_status hdf5_read_space(span body, const char *label, dataspace *out, dt_error *error);
dt_status hdf5_read_type(span body, const char *label, datatype *out, dt_error *error);

/* A dataset is one that the reader can read: called when the file is opened. */
dt_status hdf5_check_dataset(const dt_hdf5_reader *reader, size_t index, dt_error *error);

/* Number of the object `path` in reader->objects; reader->count: there is none. */
size_t hdf5_find(const dt_hdf5_reader *reader, const char *path);

#endif

/* One IDX file of images or labels, raw or packed with gzip.
 *
 * Format: magic (two zero bytes, a type byte, the number of dimensions), the dimensions, then the
 * values; numbers are 32 bits, big-endian. source: http://yann.lecun.com/exdb/mnist/.
 * Every message names the file, what was expected and what was found. Not collective. */
#ifndef DT_DATA_IDX_FILE_H
#define DT_DATA_IDX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define DT_IDX_SHOWN 300 /* two shown paths and a sentence fit into a dt_error */

/* Images are unsigned bytes in 3 dimensions, [count][height][width], or in 4 with 1 or 3 channels
 * behind these; labels are integers of 1, 2 or 4 bytes in 1, [count], or in 2, of which the first
 * column counts: [count][1], or [count][8] as QMNIST has them (source:
 * https://github.com/facebookresearch/qmnist). */
typedef enum dt_idx_kind { DT_IDX_IMAGES, DT_IDX_LABELS, DT_IDX_KINDS } dt_idx_kind;

typedef struct dt_idx_file {
    int fd; /* -1: not open */
    dt_idx_kind kind;
    bool gzip;
    char shown[DT_IDX_SHOWN]; /* the path, for messages */
    int64_t disk_size;        /* bytes */
    int64_t count;            /* images or labels, >= 1 */
    int64_t header;           /* bytes before the first of them */
    int height, width;        /* of an image, 1 to 4096; of a label 1 x columns */
    int channels;             /* 1 or 3 */
    int value_size;           /* bytes of a value */
    bool is_signed;           /* the values are */
    struct dt_gunzip *stream; /* of a packed file that is being read; NULL: none */
    int64_t position;         /* in it: unpacked bytes so far */
} dt_idx_file;

/* A path for messages: one that is too long loses its head ("...rest"). Returns `shown`. */
char *dt_idx_show(const char *path, char *shown, size_t size);

/* Opens the file `path`, raw or packed with gzip, as its content says. Checks the header, and the
 * size of a raw file; of a packed one only that it is not far too short for what its header says.
 * *file is always set; end it with dt_idx_close, also after an error.
 * Errors: DT_ERR_NO_INPUT when there is no such file or it cannot be opened; DT_ERR_DATA for wrong
 * content; DT_ERR_IO. */
dt_status dt_idx_open(const char *path, dt_idx_kind kind, dt_idx_file *file, dt_error *error);

/* The same for the open file `fd`, which stays the caller's: *file is not to be closed, but read to
 * its last item or to an error. `name` is for messages. */
dt_status dt_idx_open_descriptor(int fd, const char *name, dt_idx_kind kind, dt_idx_file *file,
                                 dt_error *error);

/* Bytes of an item: an image, or a label with all its columns. */
size_t dt_idx_item(const dt_idx_file *file);

/* The number that the item says, of a file of labels. */
int32_t dt_idx_label(const dt_idx_file *file, const uint8_t *item);

/* Reads items first .. first + count - 1, within file->count, into bytes[count][dt_idx_item].
 * A packed file is unpacked from where the last range ended, if this one is not before it, else
 * from the beginning; when the last item is read, it is checked to its end.
 * Errors: DT_ERR_DATA, DT_ERR_IO. */
dt_status dt_idx_read(dt_idx_file *file, int64_t first, int64_t count, uint8_t *bytes,
                      dt_error *error);

/* Closes an open file; allowed on one that is not open. */
void dt_idx_close(dt_idx_file *file);

#endif

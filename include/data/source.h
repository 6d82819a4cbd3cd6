/* A source of labelled images, whatever its format: IDX files, synthetic digits, arrays, pictures.
 *
 * A source has two parts, training and test, each a sequence of samples that can be read by range,
 * so that every rank reads its shard and nothing else. Not collective: a source belongs to a rank.
 */
#ifndef DT_DATA_SOURCE_H
#define DT_DATA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/class_names.h"
#include "base/shape.h"
#include "base/status.h"

typedef enum dt_part { DT_TRAIN, DT_TEST, DT_PARTS } dt_part;

#define DT_PLACE_SIZE 300

typedef struct dt_source dt_source;

struct dt_source {
    char name[256];    /* for people: "MNIST-type files in DIR", "synthetic digits" */
    char note[400];    /* what else people should know of them; "": nothing */
    dt_shape shape;    /* of every image; a pixel is a byte, 0 background, 255 ink; height 0: not
                          known yet */
    int classes;       /* 0: not known yet (data/classes.h) */
    const char *uses;  /* the settings that the format uses besides data and transpose ("keys"); by
                          who chose the format, else NULL */
    char *class_names; /* base/class_names.h; owned; NULL: the numbers 0 .. classes - 1 */
    int32_t label_of[DT_CLASSES_MAX]; /* [classes], the label that the data have for the class */
    bool transposed;                  /* rows and columns are exchanged when samples are read */
    int64_t count[DT_PARTS]; /* samples of each part: of training >= 1; of test 0: there are none */
    bool whole;      /* images are whole pictures, scaled; so are pictures to predict then */
    uint64_t order;  /* hash of the names that the order of the samples follows from; 0: none */
    bool sequential; /* to read a range, all is read from where the last reading ended (gzip) */
    char place[DT_PARTS][DT_PLACE_SIZE]; /* where the labels stand, for messages */
    void *state;                         /* of the kind of source */
    /* As dt_source_read, with the labels as the data have them; images NULL: labels alone. */
    dt_status (*read)(dt_source *source, dt_part part, int64_t first, int64_t count,
                      uint8_t *images, int32_t *labels, dt_error *error);
    void (*release)(dt_source *source); /* see dt_source_release; NULL: nothing */
    void (*close)(dt_source *source);   /* frees state and the source itself; state may be NULL */
};

/* Reads samples first .. first + count - 1 of `part` (within its count; count may be 0), of a
 * source whose classes are known. images: [count][height * width * channels], labels: [count], the
 * numbers of their classes; both the caller's; undefined after an error. A range is checked as it
 * is read: each label has a class. A gzip file is checked to its end when its last sample is read.
 * With count 0 nothing is read or checked. Errors: DT_ERR_DATA, DT_ERR_IO with the file and what
 * was expected and found; DT_ERR_INTERNAL for a range outside the part, or no memory. */
dt_status dt_source_read(dt_source *source, dt_part part, int64_t first, int64_t count,
                         uint8_t *images, uint8_t *labels, dt_error *error);

/* The classes become the labels 0 .. classes - 1 (<= DT_CLASSES_MAX). */
void dt_classes_of_number(dt_source *source, int classes);

/* From here on rows and columns of the images are exchanged, and the sides of the shape with them:
 * some data sets store them so. */
void dt_source_transpose(dt_source *source);

/* Exchanges rows and columns of image[height][width][channels]; the result is of the sides
 * exchanged. */
void dt_transpose(dt_shape shape, const uint8_t *image, uint8_t *transposed);

/* Nothing more will be read: what that takes, as processes and memory, is given back; what the
 * source says of the data stays. */
void dt_source_release(dt_source *source);

/* Ends a source; NULL is allowed. */
void dt_source_close(dt_source *source);

/* IDX files (http://yann.lecun.com/exdb/mnist/): images and labels of a training part and, where
 * there is one, of a test part, raw or packed with gzip. `path` is their directory or one above it,
 * DIRECTORY/PREFIX, or one of the files (src/data/idx_names.h has their names). Headers, raw sizes
 * and the agreement of the files are checked here; labels and packed data when they are read. The
 * files stay open: what happens to their names later does not matter. Errors: DT_ERR_NO_INPUT when
 * the directory or a file is missing or cannot be opened, DT_ERR_DATA for wrong content, DT_ERR_IO,
 * DT_ERR_INTERNAL; *out is then NULL. The caller owns *out: dt_source_close. */
dt_status dt_source_open_idx(const char *path, dt_source **out, dt_error *error);

/* Whether the directory `path` has IDX files, or directories below it have where dt_source_open_idx
 * looks. */
bool dt_source_idx_is(const char *path);

/* Synthetic handwritten digits, 60,000 + 10,000 of 28 x 28 x 1 in 10 classes: a sample is a pure
 * function of (seed, part, index). The caller owns *out: dt_source_close. */
dt_status dt_source_open_synthetic(uint64_t seed, dt_source **out, dt_error *error);

#endif

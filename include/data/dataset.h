/* The data set of a run: training, validation and test samples, and the shard that a rank holds.
 *
 * The samples of a source form one pool, the training part first, then the test part. Each subset
 * is a list of members of the pool, of which a rank holds a contiguous range of positions. */
#ifndef DT_DATA_DATASET_H
#define DT_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/partition.h"
#include "base/status.h"
#include "data/source.h"

typedef enum dt_split {
    DT_SPLIT_STANDARD, /* train and test as the source has them; validation out of train */
    DT_SPLIT_RANDOM    /* one pool of both; validation out of it; no test set */
} dt_split;

extern const char *const dt_split_names[];

typedef enum dt_subset_kind {
    DT_SUBSET_TRAIN,
    DT_SUBSET_VAL,
    DT_SUBSET_TEST,
    DT_SUBSETS
} dt_subset_kind;

extern const char *const dt_subset_names[];

typedef struct dt_subset {
    int64_t count;    /* samples, all ranks together; 0: there is no such subset */
    int32_t *members; /* [count], ascending numbers in the pool */
    dt_range held;    /* positions that this rank holds: at first none */
    uint8_t *images;  /* [held.count][image size] */
    uint8_t *labels;  /* [held.count] */
    bool borrowed;    /* images and labels belong to somebody else */
} dt_subset;

typedef struct dt_dataset {
    dt_subset subsets[DT_SUBSETS];
} dt_dataset;

typedef struct dt_dataset_spec {
    dt_split split;
    double val_fraction;             /* of the training samples (standard) or of the pool (random),
                                        rounded */
    int64_t train_limit, test_limit; /* only the first so many of each part; 0: all */
    uint64_t seed;                   /* of the choice of the validation samples */
} dt_dataset_spec;

/* How many samples each subset will have, before anything is made of them.
 * Errors: DT_ERR_CONFIG and DT_ERR_DATA, as dt_dataset_create. */
dt_status dt_dataset_count(const dt_source *source, const dt_dataset_spec *spec,
                           int64_t counts[DT_SUBSETS], dt_error *error);

/* Decides on the subsets' members; reads nothing. The caller owns *out: dt_dataset_destroy. Not
 * collective. Errors: DT_ERR_CONFIG when no training samples, or with a val_fraction > 0 no
 * validation samples, are left; DT_ERR_INTERNAL. */
dt_status dt_dataset_create(const dt_source *source, const dt_dataset_spec *spec, dt_dataset **out,
                            dt_error *error);

/* Leaves the other subsets without samples, so that none of theirs are read. Before
 * dt_dataset_hold. */
void dt_dataset_keep_only(dt_dataset *dataset, dt_subset_kind kind);

/* A piece of a source, as much as is read at a time: as many samples of `image_size` bytes as fit
 * into some megabytes, at least one. */
int64_t dt_dataset_piece(size_t image_size);

/* Makes room for what this rank holds: the positions `held` of each subset, which the caller has
 * set; in the memory that dt_subset_place has given, else in its own. Not collective.
 * Errors: DT_ERR_INTERNAL. */
dt_status dt_dataset_hold(dt_dataset *dataset, size_t image_size, dt_error *error);

/* Says where the samples of a subset that this rank holds will be: in images[held][image size] and
 * labels[held] of the caller, which must outlive the data set. Before dt_dataset_hold. */
void dt_subset_place(dt_subset *subset, uint8_t *images, uint8_t *labels);

/* Whether a subset that is kept, of whichever rank, has samples of `part`: the same on all ranks.
 */
bool dt_dataset_wants(const dt_dataset *dataset, const dt_source *source, dt_part part);

/* Takes those samples that this rank holds out of samples first .. first + count - 1 of `part` of
 * the source that dt_dataset_create was given. Not collective. */
void dt_dataset_take(dt_dataset *dataset, const dt_source *source, dt_part part, int64_t first,
                     int64_t count, const uint8_t *images, const uint8_t *labels);

/* Reads what this rank holds from `source`, piece by piece. After dt_dataset_hold.
 * Not collective. Errors: those of dt_source_read; DT_ERR_INTERNAL. */
dt_status dt_dataset_load(dt_dataset *dataset, dt_source *source, dt_error *error);

/* This rank's part of the fingerprint of the data: the sum of all ranks' parts, modulo 2^64, says
 * which images with which labels are where in which subset, and does not depend on who holds them.
 * After dt_dataset_load. Not collective. */
uint64_t dt_dataset_fingerprint(const dt_dataset *dataset, size_t image_size);

/* How many samples the subsets have, "60000 training, 10000 test". Returns `text`. */
#define DT_DATASET_COUNTS 128
char *dt_dataset_counts(const dt_dataset *dataset, char text[DT_DATASET_COUNTS]);

/* NULL is allowed. */
void dt_dataset_destroy(dt_dataset *dataset);

#endif

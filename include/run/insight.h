/* insight.h5: what a run knows at its end and none of its other files says: its answers, its worst
 * mistakes, where each rank's time went, where it ran. A report draws it.
 *
 * An HDF5 file (file/hdf5_file.h), for h5py too. Objects, with their attributes:
 *     /              format: "dist-train insight 1"; classes height width channels epoch step;
 *                    class_names, where they are no numbers;
 *                    facts: their names, in order
 *     /facts         the facts: texts, each by its name
 *     /answers/test  samples loss; counts: float [dt_metrics_size]; likewise /answers/val
 *     /time          phases: names; seconds: float [ranks][phases]; hosts: one text, a line a rank
 *     /mistakes      samples labels answers: integers; pixels: float [count][height * width *
 *                    channels]; probabilities: float [count][classes]; scores: float [count]
 *     /hardest, /doubtful   likewise, of tracked runs
 *     /tracked       gradient_norms, margins: float [training samples], in file order
 *     /augmented     samples labels epochs: integers; pixels: float [count][height * width *
 *                    channels]
 *     /timeline      step steps all_steps median; ranks phases begins ends: float [spans], phases
 *                    as numbers of those of /time
 * What there is nothing of is left out; objects that are not named here are passed over. Not
 * collective. */
#ifndef DT_RUN_INSIGHT_H
#define DT_RUN_INSIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/trace.h"
#include "data/dataset.h"

/* How the attribute `format` begins; the number of the layout follows. */
#define DT_INSIGHT_FORMAT "dist-train insight "

/* Most pictures of a gallery, and of facts. */
#define DT_GALLERY_MAX 100
#define DT_FACTS_MAX   64

/* Samples with what the network answered, the most telling first. */
typedef struct dt_gallery {
    int64_t count;
    uint8_t *pixels;      /* [count][height][width][channels] */
    int64_t *samples;     /* [count], number in the pool (data/dataset.h) less, of test, that of the
                             first test sample: the place in the file, but of a random split */
    int64_t *labels;      /* [count] */
    int64_t *answers;     /* [count]; classes: none */
    float *probabilities; /* [count][classes] */
    float *scores;        /* [count]; what they are ordered by: dt_insight says */
} dt_gallery;

/* Training images, and what becomes of them when they are drawn anew (data/augment.h): of each
 * image first itself, then as it is drawn in the first epochs, one after the other. */
typedef struct dt_drawn {
    int64_t count;    /* pictures; 0: nothing is drawn anew */
    uint8_t *pixels;  /* [count][height][width][channels] */
    int64_t *samples; /* [count], number in the pool (data/dataset.h) */
    int64_t *labels;  /* [count] */
    int64_t *epochs;  /* [count], from 1; 0: as the data have it */
} dt_drawn;

/* The answers to a part of the data. samples 0: there is none. */
typedef struct dt_answers {
    int64_t samples;
    double loss;     /* mean */
    int64_t *counts; /* [dt_metrics_size(classes)], each at most 2^24 */
} dt_answers;

/* Some steps of a timeline: what ranks did when, the first of them, each in so many spans at most.
 */
enum { DT_EXCERPT_RANKS = 24, DT_EXCERPT_SPANS = 240 };
typedef struct dt_excerpt {
    int64_t step;            /* the first of them; the first of the timeline is 1 */
    int64_t steps;           /* that are whole; 0: it ends within the first */
    int64_t all_steps;       /* of the timeline, at least those */
    double median;           /* seconds of a step, of rank 0 */
    int64_t count;           /* spans; 0: there is no timeline */
    int64_t *ranks, *phases; /* [count], of each span */
    double *begins, *ends;   /* [count], seconds since the excerpt begins */
} dt_excerpt;

/* Something to say of a run, for people: "rank 0's host", "node1". */
typedef struct dt_fact {
    char *name, *value;
} dt_fact;

typedef struct dt_insight {
    dt_shape shape; /* of an image */
    int classes;
    char *class_names;   /* base/class_names.h; NULL: numbers */
    int64_t epoch, step; /* completed, at which the answers were given */
    dt_answers test, val;
    dt_gallery mistakes;   /* of test, or else val; score: the loss of the sample, largest first */
    dt_gallery hardest;    /* training samples; score: mean norm of the gradient, largest first */
    dt_gallery doubtful;   /* training samples; score: mean margin, smallest first */
    int64_t tracked;       /* training samples that were tracked; 0: none */
    float *gradient_norms; /* [tracked], means over the epochs; NaN: never played */
    float *margins;        /* [tracked]: output of the label less the largest of the others, before
                              softmax, mean over the epochs; NaN: never played */
    int ranks;
    char **hosts;          /* [ranks] */
    double *phase_seconds; /* [ranks][DT_PHASES], of this start of the run */
    dt_drawn augmented;
    dt_excerpt timeline;
    int fact_count;
    dt_fact *facts; /* in the order in which people want them */
} dt_insight;

/* Writes the file `path` atomically (dt_atomic_write); the caller keeps *insight. Names of facts
 * differ from each other, texts are below 64 KB, host names without line breaks.
 * Errors: those of dt_atomic_write; DT_ERR_INTERNAL for what is not as described. */
dt_status dt_insight_write(const char *path, const dt_insight *insight, dt_error *error);

/* Reads it. *out is always set: dt_insight_destroy. Errors, with the path: those of dt_read_file;
 * DT_ERR_DATA for a file that is not as described; DT_ERR_INTERNAL. */
dt_status dt_insight_read(const char *path, dt_insight *out, dt_error *error);

/* The same of a file's bytes; errors without a path. */
dt_status dt_insight_decode(const void *bytes, size_t size, dt_insight *out, dt_error *error);

/* Frees all that *insight points to. NULL, {0} and a second call are allowed. */
void dt_insight_destroy(dt_insight *insight);

#endif

/* Several networks asked about the same samples: the means of the probabilities that they give. */
#ifndef DT_TRAIN_ENSEMBLE_H
#define DT_TRAIN_ENSEMBLE_H

#include "base/status.h"
#include "train/examine.h"
#include "train/model.h"

/* Whether the networks of two weights files can be asked about the same images and give the same
 * kind of answers: pixels, their normalisation and order, classes, and loss, which says what the
 * outputs mean; and whether the subset has the same samples for both. paths: of both, for messages.
 * Errors: DT_ERR_CONFIG, with both values. */
dt_status dt_ensemble_check(const dt_model *first, const dt_model *other, dt_subset_kind kind,
                            const char *const paths[2], dt_error *error);

/* Adds the probabilities that the outputs of the last evaluation (run->outputs) say of the samples
 * that this rank holds to sums[held][classes]; with the mean squared error the outputs themselves.
 * Not collective. */
void dt_ensemble_add(const dt_session *run, dt_subset_kind kind, double *sums);

/* The examination of so many networks: sums become means, rounded to float in run->outputs. The
 * loss is that of the means (dt_loss_of_probabilities). Counts and loss are the same on any number
 * of ranks. Collective. *out is always set: dt_examination_destroy. Errors: DT_ERR_INTERNAL, the
 * same on all ranks. */
dt_status dt_ensemble_examine(dt_session *run, dt_subset_kind kind, int networks, double *sums,
                              dt_examination *out, dt_error *error);

#endif

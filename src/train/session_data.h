/* A session's data. */
#ifndef DT_TRAIN_SESSION_DATA_H
#define DT_TRAIN_SESSION_DATA_H

#include "train/session.h"

/* What is to be built, and with what. */
typedef struct session_build {
    const dt_network_spec *model; /* NULL: the one that the settings mean */
    dt_subset_kind only;          /* the subset that is evaluated; DT_SUBSETS: a training, of all */
    uint64_t freed;               /* as dt_session_open has it */
    const char *class_names;      /* likewise; of rank 0 */
    bool goes_on;                 /* of a checkpoint, as rank 0 knows */
} session_build;

/* A session that has its data (of a training, in the exchange where it can be), and nothing else.
 * The caller owns *out, also after an error. Collective. Errors: the same on all ranks. */
dt_status session_begin(dt_comm *comm, const dt_config *config, const session_build *what,
                        dt_session **out, dt_error *error);

/* Measures the form of the training images that the ranks hold, some thousands of them: run->form,
 * the same on all ranks and for any number of ranks. Of images in colour, and of such without ink,
 * it is not known: an extent of NaN. Collective. Errors: DT_ERR_INTERNAL, on all ranks. */
dt_status session_measure_form(dt_session *run, dt_error *error);

/* The network that the settings mean, for the samples that a rank plays of a batch. Errors: those
 * of dt_model_specify. */
dt_status session_specify(const dt_session *run, dt_network_spec *out, dt_error *error);

#endif

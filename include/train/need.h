/* What a command needs in memory: computed from settings, shapes and counts, before it is taken.
 *
 * src/README.md says what training takes, item by item. */
#ifndef DT_TRAIN_NEED_H
#define DT_TRAIN_NEED_H

#include <stdint.h>

#include "base/status.h"
#include "dist/room.h"
#include "train/model.h"
#include "train/session.h"

/* Of this rank, for a run that has its source and settings, and subsets of these sizes.
 * Not collective. Errors: DT_ERR_CONFIG: too many parameters; DT_ERR_INTERNAL. */
dt_status dt_need_of_training(const dt_session *run, const dt_network_spec *spec,
                              const int64_t counts[DT_SUBSETS], dt_need *out, dt_error *error);

/* The same for a run that evaluates the subset `kind` and does nothing else. */
void dt_need_of_evaluation(const dt_session *run, const dt_network_spec *spec,
                           const int64_t counts[DT_SUBSETS], dt_subset_kind kind, dt_need *out);

/* Of a weights file that is converted: its bytes, its arrays, and both of the result. */
enum { DT_TIMES_CONVERTED = 4 };

/* Whether this process can hold the file `path` `times` over: once as it is, and what it becomes. A
 * file that is not there is left to its reader. Not collective. Errors: DT_ERR_CONFIG. */
dt_status dt_need_check_file(const char *path, int times, dt_error *error);

/* Whether this process can build a network and its parameters. Not collective.
 * Errors: DT_ERR_CONFIG. */
dt_status dt_need_check_network(const dt_network_spec *spec, dt_error *error);

#endif

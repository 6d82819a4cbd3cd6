/* What a run is, for people, before it starts. */
#ifndef DT_CLI_BANNER_H
#define DT_CLI_BANNER_H

#include "train/session.h"

enum { BANNER_PLACE = 80 };

/* Writes "step 30 of 45", or that the run is beyond what is asked for now. Returns `text`. */
const char *banner_place(const dt_session *run, int64_t step, char text[BANNER_PLACE]);

/* Prints ranks and hosts, data, network, training and the settings that are not the defaults.
 * asked: the settings as the user gave them; of a run that goes on, the checkpoint's count too.
 * output: the run directory; resumed_from: a checkpoint, of step `step`, or NULL. Rank 0. */
void banner_print(const dt_session *run, const dt_config *asked, const char *output,
                  const char *resumed_from, int64_t step);

/* The same without a run directory, from rank 0, with the memory that it takes and a drawing of the
 * augmentation. Collective; other ranks' texts are of no meaning. Errors: DT_ERR_INTERNAL, the same
 * on all ranks. */
dt_status banner_print_dry(const dt_session *run, const dt_config *asked, const char *resumed_from,
                           int64_t step, dt_error *error);

#endif

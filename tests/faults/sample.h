/* A small checkpoint to save and to damage. */
#ifndef DT_TESTS_FAULTS_SAMPLE_H
#define DT_TESTS_FAULTS_SAMPLE_H

#include <stdbool.h>

#include "run/checkpoint.h"

/* Of this step; another `variant` has other parameters. Good until the next call. */
const dt_checkpoint *sample_checkpoint(int64_t step, int variant);

/* Whether a checkpoint that was read is that one. */
bool sample_is(const dt_checkpoint *found, int64_t step, int variant);

#endif

/* What the setting `data` means. */
#ifndef DT_TRAIN_SESSION_SOURCE_H
#define DT_TRAIN_SESSION_SOURCE_H

#include <stdbool.h>

#include "config/config.h"
#include "data/source.h"

/* Whether there is something at `data` that looks like a data set of a format, whole or not. Not
 * collective. */
bool session_source_is(const char *data);

/* Opens the data set at config->data, in the first of the formats that know it. The caller owns
 * *out: dt_source_close. Not collective. Errors: those of the format. */
dt_status session_open_source(const dt_config *config, dt_source **out, dt_error *error);

#endif

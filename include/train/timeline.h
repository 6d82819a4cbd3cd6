/* The timeline of a run, from all ranks' laps. */
#ifndef DT_TRAIN_TIMELINE_H
#define DT_TRAIN_TIMELINE_H

#include "base/status.h"
#include "train/session.h"

/* Writes the spans that the ranks have kept to the file of the setting `timeline`; does nothing
 * without one. Collective. Errors: DT_ERR_CREATE, DT_ERR_IO, the same on all ranks. */
dt_status dt_timeline_write(dt_session *run, dt_error *error);

#endif

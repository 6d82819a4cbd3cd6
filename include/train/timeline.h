/* The timeline of a run, from all ranks' laps. */
#ifndef DT_TRAIN_TIMELINE_H
#define DT_TRAIN_TIMELINE_H

#include "base/status.h"
#include "run/insight.h"
#include "train/session.h"

/* Writes the spans that the ranks have kept to the file of the setting `timeline`, and some steps
 * of them, on rank 0, to *out, which is zero and becomes that of an insight; does nothing without
 * one. Collective. Errors: DT_ERR_CREATE, DT_ERR_IO, DT_ERR_INTERNAL, the same on all ranks. */
dt_status dt_timeline_write(dt_session *run, dt_excerpt *out, dt_error *error);

#endif

/* A file of TensorBoard's events: see run/tensorboard.h. Private to the run room. */
#ifndef DT_RUN_EVENT_FILE_H
#define DT_RUN_EVENT_FILE_H

#include <event.pb-c.h>
#include <stdint.h>

#include "base/status.h"

typedef struct events_writer events_writer;

/* Makes `directory`, if it is not there, and in it a new file, DT_EVENTS_NEXT, with the two events
 * that begin it. The caller owns *out: event_file_close.
 * Errors: DT_ERR_CREATE; DT_ERR_IO (no file is left then); DT_ERR_INTERNAL. */
dt_status event_file_create(const char *directory, events_writer **out, dt_error *error);

/* Makes it the one event file of the directory, under a name that comes after those of the others,
 * which are removed then. Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status event_file_publish(events_writer *self, dt_error *error);

/* Adds an event to those to be written. Errors: DT_ERR_INTERNAL. */
dt_status event_file_add(events_writer *self, const Tensorflow__Event *event, dt_error *error);

/* Writes what has been added, all or nothing: after an error it is kept. Before the file is
 * published, little may wait for more. Errors: DT_ERR_IO. */
dt_status event_file_flush(events_writer *self, dt_error *error);

/* Flushes and closes, or removes what was not published; NULL is allowed. Errors: DT_ERR_IO. */
dt_status event_file_close(events_writer *self, dt_error *error);

#endif

/* Event files for TensorBoard: the curves of a run, while it runs.
 *
 * RUN/tensorboard/ has a directory for each family of curves, train, val and test, which are runs
 * to TensorBoard: it draws curves of the same tag in one chart. Their tags are the columns of
 * metrics.csv: "loss", "accuracy", and in train "learning_rate", "samples_per_second",
 * "gradient_norm" and "seconds/compute", "seconds/reduce", "seconds/wait", "seconds/data"; the step
 * is the number of updates. A value that is not known (NaN) is no event.
 *
 * An event file, events.out.tfevents.<seconds since 1970>.<host>.<process>, has TFRecords: length
 * (8 bytes, little-endian), masked CRC-32C of these, a message Event (event.proto), masked CRC-32C
 * of that. source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/lib/hash/crc32c.h.
 *
 * A run that goes on begins files of its own, which TensorBoard reads after the older ones, by
 * their names. They say, with SessionLog START at the step after the last row that goes on,
 * that what the older ones have from there on is void: TensorBoard forgets it. It takes the first
 * START that it sees for the beginning of a run; so every file has one. source:
 * tensorboard/backend/event_processing/plugin_event_accumulator.py, _CheckForRestartAndMaybePurge;
 * torch/utils/tensorboard/writer.py, purge_step. */
#ifndef DT_IO_TENSORBOARD_H
#define DT_IO_TENSORBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"
#include "io/metrics_log.h"

typedef struct dt_tensorboard dt_tensorboard;

/* Makes `directory`, if it is not there, and in it an event file of each family (dt_subset_kind)
 * that is wanted.
 * first_step: of the rows to come; events of earlier starts from there on are void.
 * The caller owns *out: dt_tensorboard_close. Not collective.
 * Errors: DT_ERR_CREATE, DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status dt_tensorboard_open(const char *directory, const bool wanted[DT_SUBSETS],
                              int64_t first_step, dt_tensorboard **out, dt_error *error);

/* Adds the values of a row, in one write a family; wall_time: seconds since 1970, when the row was
 * made. Errors: DT_ERR_IO, with the file and the reason: its events so far are whole and stay,
 * those of this row are kept in memory and written with the next row, or on closing;
 * DT_ERR_INTERNAL: those of this row are lost. */
dt_status dt_tensorboard_row(dt_tensorboard *self, const dt_metrics_row *row, double wall_time,
                             dt_error *error);

/* Writes what is not in the files yet, and closes them; NULL is allowed.
 * Errors: DT_ERR_IO (all is closed all the same). */
dt_status dt_tensorboard_close(dt_tensorboard *self, dt_error *error);

#endif

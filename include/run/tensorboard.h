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
 * A run that goes on replaces its files by new ones, with the rows up to its checkpoint again:
 * however often it goes on, a family has one file. A new file appears whole, under a name after
 * that of the old one, which is removed then. TensorBoard, which follows a directory by the names
 * of its files, forgets what it knows at the new one's SessionLog START at step 0; so it does when
 * the old file is still there because the process was killed in between. It takes the first START
 * that it sees for the beginning of a run; so every file has one. source:
 * tensorboard/backend/event_processing/plugin_event_accumulator.py, _CheckForRestartAndMaybePurge;
 * torch/utils/tensorboard/writer.py, purge_step. */
#ifndef DT_RUN_TENSORBOARD_H
#define DT_RUN_TENSORBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"
#include "run/metrics_log.h"

typedef struct dt_tensorboard dt_tensorboard;

/* Makes `directory`, if it is not there, and in it a file of each family (dt_subset_kind) that is
 * wanted, which nobody sees before dt_tensorboard_publish.
 * The caller owns *out: dt_tensorboard_close. Not collective.
 * Errors: DT_ERR_CREATE, DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status dt_tensorboard_open(const char *directory, const bool wanted[DT_SUBSETS],
                              dt_tensorboard **out, dt_error *error);

/* Replaces the files of earlier starts by these, with the rows so far.
 * Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status dt_tensorboard_publish(dt_tensorboard *self, dt_error *error);

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

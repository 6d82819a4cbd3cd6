/* The progress bar: one line of a terminal that is drawn again and again. */
#ifndef DT_CLI_PROGRESS_H
#define DT_CLI_PROGRESS_H

#include <stdbool.h>

#include "base/text.h"
#include "config/config.h"
#include "train/trainer.h"

/* Whether to draw a bar: as the setting says; with DT_PROGRESS_AUTO when standard error is a
 * terminal. Under mpirun a rank's standard error is a pipe to mpirun: then mpirun's counts. */
bool progress_wanted(dt_progress setting);

/* Switches the bar on: lines of base/log.h clear it. Once a process. */
void progress_start(void);

/* Draws the state after a step, at most ten times a second. Does nothing unless started. */
void progress_draw(const dt_progress_report *report);

/* Clears the bar and switches it off. */
void progress_stop(void);

/* Adds "12:31" or "1:02:03". */
void progress_add_time(dt_text *text, double seconds);

/* Adds "[=====>    ] " of at most `room` characters between the brackets; nothing where they are
 * too few. */
void progress_add_bar(dt_text *text, double part, int room);

/* Writes the line of an epoch: "epoch 3/10 step 1407 loss 0.0812 acc 0.9756 test_acc 0.9712 lr
 * 1.0e-01 231000 samples/s". What is not known is left out. */
void progress_epoch_line(const dt_progress_report *report, char *text, size_t size);

#endif

/* A run as a report sees it: all that its files say. */
#ifndef DT_REPORT_READ_RUN_H
#define DT_REPORT_READ_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/markup.h"
#include "base/status.h"
#include "config/config.h"
#include "model/weights.h"
#include "rows.h"
#include "run/directory.h"
#include "run/insight.h"
#include "run/lock.h"
#include "run/summary.h"

/* What became of a run. */
typedef enum report_state {
    REPORT_COMPLETE,
    REPORT_STOPPED,
    REPORT_FAILED,
    REPORT_RUNNING,
    REPORT_ENDED /* it was killed: nobody wrote how it ended */
} report_state;

typedef struct report_run {
    const char *path;        /* as the user gave it */
    char name[DT_PATH_SIZE]; /* for people */
    char key[4];             /* "A", "B", ...: several runs */
    int colour;
    bool has_config, has_summary, has_insight, has_weights;
    dt_run_lock_state lock; /* free where it cannot be read */
    dt_config config;
    report_rows rows;
    dt_summary summary;
    dt_insight insight;
    dt_weights_file weights; /* weights.h5, or while it is not there best.h5 */
    const char *weights_name;
    report_state state;
    /* The numbers that say how good and how fast it is: of the summary, or while there is none, of
     * the last row of an epoch. What is not known: NaN, -1, NULL. */
    dt_summary result;
    dt_markup notes; /* on what is missing or damaged */
} report_run;

/* Reads what there is of a run. *out, which is zero, is always set: report_run_close.
 * Errors: those of dt_report_write. */
dt_status report_run_open(const char *path, report_run *out, dt_error *error);

/* Frees all that the run owns; {0} and a second call are allowed. */
void report_run_close(report_run *run);

#endif

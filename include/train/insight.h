/* What a run knows at its end, collected from its ranks: run/insight.h.
 *
 * Nothing is computed anew: the answers are those of the last evaluation, whose outputs the run has
 * kept. So it costs next to nothing, and does not hold up a run that has to stop. */
#ifndef DT_TRAIN_INSIGHT_H
#define DT_TRAIN_INSIGHT_H

#include <time.h>

#include "base/status.h"
#include "run/insight.h"
#include "train/session.h"
#include "train/trainer.h"

/* What the run itself does not know. Of rank 0. */
typedef struct dt_epilogue {
    const dt_progress_report *evaluated; /* of the last evaluation; NULL: there was none */
    const char *ending;                  /* how it ended, in words */
    const char *version;                 /* of the program */
    const char *resumed_from;            /* the checkpoint; NULL: none */
    time_t begin, end;                   /* of this start */
} dt_epilogue;

/* Collects the answers to test and validation samples (counts, exact on any number of ranks), the
 * worst mistakes (mistakes.h), training images as they are drawn anew (drawn.h), the time of each
 * rank by phase, and the facts: how the run ended, when, on what, and with which data. Of the
 * environment, only the number of a Slurm job is named. config.report must have been set from the
 * start of the run; the feed is gone. The galleries and arrays of tracked runs are left empty.
 * epilogue: of rank 0; NULL elsewhere. *out is always set, on rank 0 to the insight, elsewhere to
 * an empty one: dt_insight_destroy. Collective. Errors: DT_ERR_INTERNAL, the same on all ranks. */
dt_status dt_insight_collect(dt_session *run, const dt_epilogue *epilogue, dt_insight *out,
                             dt_error *error);

/* What a rank says of where it runs; can be sent as bytes. */
typedef struct dt_rank_place {
    double seconds[DT_PHASES];
    int64_t peak_memory; /* bytes, with what it shares with others */
    char host[128];
    char processor[128]; /* "AMD EPYC 7B13, 2 processors" */
} dt_rank_place;

/* Of this rank. Not collective. */
void dt_facts_look(const dt_session *run, dt_rank_place *out);

/* Fills out->facts. places: [ranks]. For rank 0; not collective. Errors: DT_ERR_INTERNAL. */
dt_status dt_facts_tell(const dt_session *run, const dt_epilogue *epilogue,
                        const dt_rank_place *places, dt_insight *out, dt_error *error);

#endif

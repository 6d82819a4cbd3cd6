/* A process's part in a run: everything that training needs, built from the settings.
 *
 * Every rank has the same network and parameters, plays its own virtual ranks, and holds its shard
 * of the data; within a host each updates a slice of the parameters, and has the optimizer's state
 * of that slice. With more ranks than virtual ranks some play none: surplus ranks, which bring no
 * gradient and do all the rest. */
#ifndef DT_TRAIN_SESSION_H
#define DT_TRAIN_SESSION_H

#include "base/status.h"
#include "config/config.h"
#include "data/dataset.h"
#include "data/plan.h"
#include "data/source.h"
#include "dist/comm.h"
#include "dist/exchange.h"
#include "dist/reduce.h"
#include "dist/replica.h"
#include "dist/room.h"
#include "dist/shared.h"
#include "dist/watchdog.h"
#include "file/image_fit.h"
#include "nn/network.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/augmented.h"
#include "train/model.h"

struct dt_resume;

typedef struct dt_session {
    dt_comm *comm;    /* borrowed */
    dt_config config; /* resolved; virtual_ranks and data are what they turned out to be */
    dt_range own_virtual_ranks; /* of this rank; none: it is a surplus rank */
    dt_range own_parts;         /* of DT_EVALUATION_PARTS */
    dt_need need;               /* of memory, of this rank (train/need.h) */
    dt_source *source;
    dt_dataset *dataset;
    dt_image_form form;   /* of the training images */
    uint64_t fingerprint; /* of the data: dt_dataset_fingerprint, all ranks together */
    dt_plan plan;
    int64_t total_steps; /* of the whole run: epochs, cut by max_steps */
    dt_network *network;
    size_t parameter_count;
    dt_replica *replica;
    float *parameters;       /* [parameter_count], which this rank reads: dt_replica_values */
    dt_replica *average;     /* of the parameters (nn/average.h), in the same slices; NULL: none */
    const float *model;      /* [parameter_count], what is evaluated and saved: the average as
                                dt_verify_replicas left it, else the parameters */
    dt_range slice;          /* of the parameters, which this rank updates */
    dt_optimizer *optimizer; /* of the slice */
    dt_shared *notes;        /* of the first rank of a host: dt_optimizer_note; NULL: none */
    dt_schedule schedule;
    dt_reduce *reduce;            /* of parameter_count gradients and DT_STEP_TOTALS more */
    struct dt_factored *factored; /* gradients that the reduction does not carry
                                     (train/factored.h); NULL: it carries all */
    dt_exchange *exchange;
    dt_augmented *augmented;    /* NULL: images are as the data have them */
    dt_watchdog *watchdog;      /* NULL: nobody watches */
    int64_t step;               /* updates so far, for the watchdog */
    struct dt_track *track;     /* what is learned of each sample (train/track.h); NULL: nothing */
    float *outputs[DT_SUBSETS]; /* [held][classes], of the last evaluation of each subset; NULL:
                                   there was none, or they are not kept (config.report) */
    dt_trace trace;             /* where this rank's time goes, since the run was opened */
    dt_segment *segments;       /* [own virtual ranks], scratch of a step */
    dt_loss_sum *losses;        /* [own virtual ranks], scratch of a step */
} dt_session;

/* What travels behind the gradient of a virtual rank: the sum of the losses, and how many answers
 * were correct. As floats: exact for counts, since a batch has at most 2^24 samples. */
enum { DT_STEP_LOSS, DT_STEP_CORRECT, DT_STEP_TOTALS };

/* Parts that validation and test samples are cut into, of which the ranks hold and evaluate as even
 * shares as can be. A fixed number: what an evaluation finds depends on neither ranks nor virtual
 * ranks. */
#define DT_EVALUATION_PARTS 1024

/* Settles what the settings of a user leave open: *config becomes `asked` of rank 0, resolved
 * (dt_config_resolve), with `--data auto` replaced by where it leads on rank 0: $DIST_TRAIN_DATA,
 * else data/mnist if there is anything in it, else synthetic digits, which it says. The same on all
 * ranks. Collective. Errors: DT_ERR_CONFIG, on all ranks. */
dt_status dt_session_settle(dt_comm *comm, const dt_config *asked, dt_config *config,
                            dt_error *error);

/* Builds a run from resolved settings, the same on all ranks, and reads the data, if there is
 * memory for all that a training takes (dist/room.h). `from`: what rank 0 is to go on from
 * (train/resume.h), which says what the classes are called, and what memory will be free when it
 * saves; NULL, as on other ranks: nothing. When there are surplus ranks, or a new run scales lr for
 * a larger batch than it has, a line says so. On an error all ranks return the same one. The caller
 * owns *out: dt_session_close. Collective. */
dt_status dt_session_open(dt_comm *comm, const dt_config *config, const struct dt_resume *from,
                          dt_session **out, dt_error *error);

/* The positions that this rank holds of a subset of `count` samples, before and after it is there.
 * trains: the run does; else it evaluates. Not collective. */
dt_range dt_session_held(const dt_session *run, dt_subset_kind kind, int64_t count, bool trains);

/* A run that evaluates the subset `kind` and does not train (no plan, optimizer, reduction,
 * exchange, nor samples of another subset): the data that resolved settings mean, and the network
 * of rank 0's `model`, whose classes are looked for by name. config and model->spec are the same on
 * all ranks, and agree. The caller owns *out: dt_session_close. Collective. Errors: the same on all
 * ranks; DT_ERR_CONFIG for images of another shape. */
dt_status dt_session_open_model(dt_comm *comm, const dt_config *config, const dt_model *model,
                                dt_subset_kind kind, dt_session **out, dt_error *error);

/* The network of a run that evaluates becomes that of rank 0's `model`, for the same images and
 * classes; model->spec is the same on all ranks. After an error the run can only be closed.
 * Collective. Errors: DT_ERR_INTERNAL, the same on all ranks. */
dt_status dt_session_take_model(dt_session *run, const dt_model *model, dt_error *error);

/* The average, if there is one, becomes that of the parameters as they are. Not collective. */
void dt_session_begin_average(dt_session *run);

/* Whether the setting of this name is for data of other formats than the run's. Not collective. */
bool dt_session_ignores(const dt_session *run, const char *setting);

/* The state of the optimizer comes from the ranks' slices to rank 0's arrays, [parameter_count];
 * others have none. Collective. */
void dt_session_gather(dt_session *run, dt_optimizer_state whole);

/* NULL is allowed. Collective. */
void dt_session_close(dt_session *run);

#endif

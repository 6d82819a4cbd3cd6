#include "train/track.h"

#include "base/memory.h"

/* Facts of samples, with their positions; both [capacity]. */
typedef struct facts {
    int32_t *positions;
    dt_tracked *tracked;
} facts;

struct dt_track {
    dt_comm *comm;
    int64_t samples; /* of the training set */
    facts own;       /* kept, not yet collected */
    int64_t kept;
    int64_t *counts;    /* [ranks], scratch of a collection */
    facts theirs;       /* rank 0: those of another rank */
    dt_track_sums sums; /* rank 0 */
};

/* Samples that the virtual ranks play in an epoch: in any, the slices differ in their samples, not
 * in their sizes. */
static int64_t count_played(const dt_plan *plan, dt_range virtual_ranks)
{
    int64_t count = 0, steps = dt_plan_steps(plan);
    for (int64_t step = 0; step < steps; step++)
        for (int64_t v = 0; v < virtual_ranks.count; v++)
            count += dt_plan_slice(plan, step, (int)(virtual_ranks.first + v)).count;
    return count;
}

static dt_status allocate_facts(facts *self, int64_t capacity, dt_error *error)
{
    self->positions = dt_calloc((size_t)capacity, sizeof *self->positions, error);
    self->tracked =
        self->positions ? dt_calloc((size_t)capacity, sizeof *self->tracked, error) : NULL;
    return self->tracked ? DT_OK : error->status;
}

static dt_status allocate_sums(dt_track_sums *sums, int64_t samples, dt_error *error)
{
    size_t count = (size_t)samples;
    if ((sums->plays = dt_calloc(count, sizeof(float), error)) &&
        (sums->gradient_norms = dt_calloc(count, sizeof(float), error)) &&
        (sums->margins = dt_calloc(count, sizeof(float), error)))
        return DT_OK;
    return error->status;
}

/* Rank 0's room for what the others have kept. */
static dt_status allocate_theirs(dt_track *self, dt_error *error)
{
    int64_t most = 0;
    for (int r = 1; r < dt_comm_size(self->comm); r++)
        most = self->counts[r] > most ? self->counts[r] : most;
    return allocate_facts(&self->theirs, most, error);
}

dt_status dt_track_create(dt_comm *comm, const dt_plan *plan, dt_range own, dt_track **out,
                          dt_error *error)
{
    dt_track *self = dt_calloc(1, sizeof *self, error);
    int64_t played = count_played(plan, own);
    dt_status status = self ? DT_OK : DT_ERR_INTERNAL;
    if (self) {
        self->comm = comm;
        self->samples = plan->samples;
        self->counts = dt_calloc((size_t)dt_comm_size(comm), sizeof *self->counts, error);
        status = self->counts ? allocate_facts(&self->own, played, error) : DT_ERR_INTERNAL;
    }
    status = dt_comm_agree(comm, status, error);
    if (!status) {
        dt_comm_all_gather(comm, &played, sizeof played, self->counts);
        if (dt_comm_rank(comm) == 0) {
            status = allocate_theirs(self, error);
            if (!status)
                status = allocate_sums(&self->sums, self->samples, error);
        }
        status = dt_comm_agree(comm, status, error);
    }
    if (status) {
        dt_track_destroy(self);
        return status;
    }
    *out = self;
    return DT_OK;
}

void dt_track_destroy(dt_track *self)
{
    if (!self)
        return;
    dt_free(self->own.positions);
    dt_free(self->own.tracked);
    dt_free(self->theirs.positions);
    dt_free(self->theirs.tracked);
    dt_free(self->counts);
    dt_free(self->sums.plays);
    dt_free(self->sums.gradient_norms);
    dt_free(self->sums.margins);
    dt_free(self);
}

dt_tracked *dt_track_next(dt_track *self)
{
    return self->own.tracked + self->kept;
}

void dt_track_keep(dt_track *self, const int32_t *positions, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        self->own.positions[self->kept + i] = positions[i];
    self->kept += count;
}

static void add(dt_track_sums *sums, const facts *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int32_t position = from->positions[i];
        sums->plays[position] += 1;
        sums->gradient_norms[position] += from->tracked[i].gradient_norm;
        sums->margins[position] += from->tracked[i].margin;
    }
}

void dt_track_collect(dt_track *self)
{
    bool collects = dt_comm_rank(self->comm) == 0;
    dt_comm_all_gather(self->comm, &self->kept, sizeof self->kept, self->counts);
    if (collects)
        add(&self->sums, &self->own, self->kept);
    for (int r = 1; r < dt_comm_size(self->comm); r++) {
        size_t count = (size_t)self->counts[r];
        dt_comm_bring(self->comm, r, self->own.positions, self->theirs.positions,
                      count * sizeof *self->own.positions);
        dt_comm_bring(self->comm, r, self->own.tracked, self->theirs.tracked,
                      count * sizeof *self->own.tracked);
        if (collects)
            add(&self->sums, &self->theirs, self->counts[r]);
    }
    self->kept = 0;
}

dt_track_sums dt_track_get_sums(dt_track *self)
{
    return self->sums;
}

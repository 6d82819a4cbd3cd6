#include "train/examine.h"

#include <stddef.h>

#include "base/memory.h"

/* Samples whose outputs are in memory at a time. */
enum { CHUNK = 1024 };

/* Counts of all ranks that are in memory at a time. */
enum { PIECE = 1 << 20 };

typedef struct work {
    const uint8_t *images[CHUNK];
    float *outputs;  /* [CHUNK][classes] */
    double *losses;  /* [own parts], sums */
    int64_t *counts; /* [dt_metrics_size], of this rank */
} work;

static dt_status allocate(work *self, int classes, size_t own_parts, dt_error *error)
{
    size_t size = dt_metrics_size(classes);
    if ((self->outputs = dt_calloc((size_t)CHUNK * (size_t)classes, sizeof(float), error)) &&
        (self->losses = dt_calloc(own_parts, sizeof(double), error)) &&
        (self->counts = dt_calloc(size, sizeof(int64_t), error)))
        return DT_OK;
    return error->status;
}

static void release(work *self)
{
    dt_free(self->outputs);
    dt_free(self->losses);
    dt_free(self->counts);
}

/* The losses of held samples first .. first + count - 1, each to its part's sum. */
static void add_losses(const dt_run *run, const dt_subset *subset, int64_t first, int64_t count,
                       work *self)
{
    int64_t parts = run->config.virtual_ranks;
    int classes = run->config.classes;
    for (int64_t i = 0; i < count;) {
        int64_t position = subset->held.first + first + i;
        int64_t part = dt_partition_owner(subset->count, parts, position);
        int64_t end = dt_partition_first(subset->count, parts, part + 1) - position + i;
        int samples = (int)((end < count ? end : count) - i);
        dt_loss_sum sum = {.loss = self->losses[part - run->own_virtual_ranks.first]};
        dt_loss_tile((dt_loss)run->config.loss, samples, classes,
                     self->outputs + (ptrdiff_t)i * classes, subset->labels + first + i, NULL,
                     &sum);
        self->losses[part - run->own_virtual_ranks.first] = sum.loss;
        i += samples;
    }
}

static void examine_own(const dt_run *run, const dt_subset *subset, work *self)
{
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    for (int64_t first = 0; first < subset->held.count; first += CHUNK) {
        int64_t left = subset->held.count - first;
        int64_t count = left < CHUNK ? left : CHUNK;
        for (int64_t i = 0; i < count; i++)
            self->images[i] = subset->images + (size_t)(first + i) * image_size;
        dt_network_outputs(run->network, count, self->images, self->outputs);
        dt_metrics_count(run->config.classes, (int)count, self->outputs, subset->labels + first,
                         self->counts);
        add_losses(run, subset, first, count, self);
    }
}

/* Counts go as one vector a rank: integers below 2^53 are exact as doubles, in any order. In
 * pieces, since a reduction of totals needs room for those of all ranks. */
dt_status dt_examine_add_counts(dt_comm *comm, int classes, const int64_t *own, int64_t *sums,
                                dt_error *error)
{
    int ranks = dt_comm_size(comm);
    size_t size = dt_metrics_size(classes), piece = PIECE / (size_t)ranks + 1;
    piece = size < piece ? size : piece;
    double *totals = dt_calloc(2 * piece, sizeof *totals, error);
    dt_status status = dt_comm_agree(comm, totals ? DT_OK : DT_ERR_INTERNAL, error);
    for (size_t first = 0; !status && first < size; first += piece) {
        size_t count = size - first < piece ? size - first : piece;
        for (size_t i = 0; i < count; i++)
            totals[i] = (double)own[first + i];
        status = dt_reduce_totals(comm, ranks, (int)count, totals, totals + piece, error);
        for (size_t i = 0; !status && i < count; i++)
            sums[first + i] = (int64_t)totals[piece + i];
    }
    dt_free(totals);
    return status;
}

dt_status dt_examine(dt_run *run, dt_subset_kind kind, dt_examination *out, dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    *out = (dt_examination){.classes = run->config.classes, .samples = subset->count};
    if (subset->count == 0)
        return dt_fail(error, DT_ERR_CONFIG,
                       "--split %s: expected a subset with samples, found none (split %s, "
                       "val_fraction %g)",
                       dt_subset_names[kind], dt_split_names[run->config.split],
                       run->config.val_fraction);
    work self = {0};
    dt_status status = allocate(&self, out->classes, (size_t)run->own_virtual_ranks.count, error);
    if (!status) {
        out->counts = dt_calloc(dt_metrics_size(out->classes), sizeof *out->counts, error);
        status = out->counts ? DT_OK : error->status;
    }
    status = dt_comm_agree(run->comm, status, error);
    if (!status) {
        double loss = 0;
        examine_own(run, subset, &self);
        status = dt_reduce_totals(run->comm, (int)run->config.virtual_ranks, 1, self.losses, &loss,
                                  error);
        if (!status)
            status =
                dt_examine_add_counts(run->comm, out->classes, self.counts, out->counts, error);
        out->loss = loss / (double)out->samples;
    }
    release(&self);
    return status;
}

void dt_examination_destroy(dt_examination *examination)
{
    if (!examination)
        return;
    dt_free(examination->counts);
    *examination = (dt_examination){0};
}

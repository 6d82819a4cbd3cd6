#include "train/examine.h"

#include <stddef.h>

#include "base/memory.h"
#include "train/evaluate.h"

/* Counts of all ranks that are in memory at a time. */
enum { PIECE = 1 << 20 };

/* sums[dt_metrics_size] becomes the sum of all ranks' own[dt_metrics_size].
 * Counts go as one vector a rank: integers below 2^53 are exact as doubles, in any order. In
 * pieces, since a reduction of totals needs room for those of all ranks. */
static dt_status add_counts(dt_comm *comm, int classes, const int64_t *own, int64_t *sums,
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

dt_status dt_examine_count(const dt_session *run, dt_subset_kind kind, int64_t **counts,
                           dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    int classes = run->source->classes;
    int64_t *own = dt_calloc(dt_metrics_size(classes), sizeof *own, error);
    *counts = own ? dt_calloc(dt_metrics_size(classes), sizeof *own, error) : NULL;
    dt_status status = dt_comm_agree(run->comm, *counts ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        dt_metrics_count(classes, (int)subset->held.count, run->outputs[kind], subset->labels, own);
        status = add_counts(run->comm, classes, own, *counts, error);
    }
    dt_free(own);
    return status;
}

dt_status dt_examine(dt_session *run, dt_subset_kind kind, dt_examination *out, dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    int classes = run->source->classes;
    *out = (dt_examination){.classes = classes, .samples = subset->count};
    if (subset->count == 0)
        return dt_fail(error, DT_ERR_CONFIG,
                       "--split %s: expected a subset with samples, found none (split %s, "
                       "val_fraction %g)",
                       dt_subset_names[kind], dt_split_names[run->config.split],
                       run->config.val_fraction);
    dt_evaluation evaluation;
    dt_status status = dt_evaluate(run, kind, &evaluation, error);
    out->loss = evaluation.loss;
    if (!status)
        status = dt_examine_count(run, kind, &out->counts, error);
    return status;
}

void dt_examination_destroy(dt_examination *examination)
{
    if (!examination)
        return;
    dt_free(examination->counts);
    *examination = (dt_examination){0};
}

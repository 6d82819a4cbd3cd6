#include "train/step.h"

#include <math.h>

#include "nn/average.h"
#include "nn/finite.h"
#include "nonfinite.h"
#include "train/factored.h"
#include "train/track.h"

/* The totals of this rank's virtual ranks, added up as their gradients are, behind them. */
static void add_totals(dt_session *run)
{
    float *const *sums = dt_reduce_sums(run->reduce);
    const int *merges = dt_reduce_merges(run->reduce);
    int top = -1;
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++) {
        float *totals = sums[++top] + run->parameter_count;
        totals[DT_STEP_LOSS] = (float)run->losses[i].loss;
        totals[DT_STEP_CORRECT] = (float)run->losses[i].correct;
        for (int m = 0; m < merges[i]; m++, top--)
            for (int t = 0; t < DT_STEP_TOTALS; t++)
                sums[top - 1][run->parameter_count + (size_t)t] +=
                    sums[top][run->parameter_count + (size_t)t];
    }
}

_Static_assert((int)DT_SLICE_UNIT == (int)DT_SQUARES_BLOCK,
               "a slice's squares are those of whole blocks");

/* Whether nobody needs zeros in the gradient: a reduction between ranks adds up whole vectors. */
static bool may_be_sparse(const dt_session *run)
{
    return dt_comm_size(run->comm) == 1 && dt_optimizer_skips_zeros(run->optimizer);
}

/* What is final goes to other hosts while the backward pass works on the rest. */
static void announce(void *state, size_t first)
{
    dt_session *run = state;
    dt_trace_lap(&run->trace, DT_PHASE_BACKWARD);
    if (first == run->parameter_count)
        add_totals(run);
    dt_reduce_announce(run->reduce, first);
    dt_trace_lap(&run->trace, DT_PHASE_REDUCE);
}

/* The gradients of this rank's virtual ranks, added up to the nodes that they form. *support, so
 * far all of them, becomes where they may be other than zero. */
static void add_gradients(dt_session *run, const dt_play *play, dt_support *support)
{
    const int *merges = dt_reduce_merges(run->reduce);
    dt_listener listener = {
        .part = dt_reduce_section(run->reduce), .final = announce, .state = run};
    bool announces = listener.part > 0;
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++)
        run->segments[i] = (dt_segment){.samples = play->counts[i], .merges = merges[i]};
    dt_batch batch = play->batch;
    batch.segment_count = (int)run->own_virtual_ranks.count;
    batch.segments = run->segments;
    batch.losses = run->losses;
    batch.noise = &play->noise;
    batch.factoring = dt_factored_begin(run, play);
    dt_network_gradient(run->network, &batch, dt_reduce_sums(run->reduce),
                        announces ? &listener : NULL, may_be_sparse(run) ? support : NULL,
                        &run->trace);
    if (!announces)
        add_totals(run);
    if (batch.factoring)
        dt_factored_end(run);
}

/* The bits of dt_reduce_ask. */
enum { ASKS_STOP = 1, ASKS_SAVE = 2 };

static void ask(dt_session *run, dt_request own)
{
    dt_reduce_ask(run->reduce, (own.stop ? ASKS_STOP : 0) | (own.save ? ASKS_SAVE : 0));
}

static dt_request asked(const dt_session *run)
{
    unsigned bits = dt_reduce_asked(run->reduce);
    return (dt_request){.stop = bits & ASKS_STOP, .save = bits & ASKS_SAVE};
}

static bool is_finite(const float *values, const dt_support *support)
{
    for (size_t i = 0; i < support->count; i++) {
        const dt_interval *it = &support->intervals[i];
        if (dt_find_nonfinite(values + it->first, it->end - it->first) < it->end - it->first)
            return false;
    }
    return true;
}

/* Whether the loss and all of the gradient are. support: of a gradient that may be sparse, where it
 * may be other than zero. Adds up what is not known to be. */
static bool all_finite(dt_session *run, const dt_reduced *sum, const dt_support *support)
{
    if (sum->bounded)
        return true;
    if (sum->whole) { /* on every rank the same */
        const dt_support all = {1, &(dt_interval){0, run->parameter_count}};
        return isfinite(sum->values[run->parameter_count + DT_STEP_LOSS]) &&
               is_finite(sum->values, may_be_sparse(run) ? support : &all);
    }
    dt_range slice = dt_reduce_slice(run->reduce);
    const float *own = sum->values + slice.first;
    dt_reduce_add(run->reduce, (size_t)slice.first, (size_t)slice.count);
    bool finite = dt_find_nonfinite(own, (size_t)slice.count) == (size_t)slice.count;
    return dt_reduce_meet(run->reduce, finite, &run->trace);
}

static bool is_due(int64_t count, int64_t every)
{
    return every > 0 && count % every == 0;
}

/* Whether a row of metrics.csv tells of the step, or may tell of it after a restart. */
static bool norm_is_wanted(const dt_session *run, int64_t update, dt_request asked)
{
    int64_t steps = update + 1;
    return is_due(steps, dt_plan_steps(&run->plan)) || steps == run->total_steps ||
           is_due(steps, run->config.log_every) || is_due(steps, run->config.checkpoint_steps) ||
           asked.stop || asked.save;
}

static double *totals_of(const dt_session *run)
{
    return dt_reduce_notes(run->reduce) + dt_squares_blocks(run->parameter_count + DT_STEP_TOTALS);
}

/* The totals that stand in this rank's slice of the sum. */
static void note_totals(dt_session *run, const float *sum)
{
    dt_range slice = dt_reduce_slice(run->reduce);
    for (int t = 0; t < DT_STEP_TOTALS; t++) {
        int64_t at = (int64_t)run->parameter_count + t;
        if (slice.first <= at && at < slice.first + slice.count)
            totals_of(run)[t] = (double)sum[at];
    }
}

/* When all have noted theirs. */
static void read_totals(const dt_session *run, dt_step_result *result)
{
    result->loss = totals_of(run)[DT_STEP_LOSS];
    result->correct = (int64_t)totals_of(run)[DT_STEP_CORRECT];
}

/* The Euclidean norm of the mean gradient, when all have noted their squares. */
static double find_norm(const dt_session *run, int64_t samples)
{
    double squares = dt_squares_sum(run->parameter_count, dt_reduce_notes(run->reduce));
    return sqrt(squares) / (double)samples;
}

/* Notes this rank's part of the squares of the gradient. part: of the slice, from a multiple of
 * DT_SQUARES_BLOCK on; support: of the gradient in that part, which begins at `gradient`. */
static void note_squares(dt_session *run, const dt_interval *part, const dt_support *support,
                         const float *gradient)
{
    size_t block = ((size_t)run->slice.first + part->first) / DT_SQUARES_BLOCK;
    dt_support_squares(support, part->end - part->first, gradient,
                       dt_reduce_notes(run->reduce) + block);
}

/* The average follows the parameters in a part of the slice, which have been updated. */
static void average(dt_session *run, const dt_interval *part)
{
    if (run->average)
        dt_average_update(run->config.ema, run->step, part, dt_replica_slice(run->replica),
                          dt_replica_slice(run->average));
}

/* Adds up the slice, updates it and hands it on, a block after the other, each while it is in the
 * L1 cache: what waits for memory does so while others are worked on. */
static void add_and_update(dt_session *run, const float *sum, bool measured)
{
    enum { BLOCK = DT_SQUARES_BLOCK };
    size_t first = (size_t)run->slice.first, count = (size_t)run->slice.count;
    for (size_t at = 0; at < count; at += BLOCK) {
        const dt_interval part = {at, count - at < BLOCK ? count : at + BLOCK};
        const dt_support all = {1, &(dt_interval){0, part.end - at}};
        dt_reduce_add(run->reduce, first + at, part.end - at);
        if (measured)
            note_squares(run, &part, &all, sum + first + at);
        dt_optimizer_update(run->optimizer, &part, dt_replica_slice(run->replica), sum + first);
        average(run, &part);
        dt_replica_publish(run->replica, part.first, part.end);
    }
    dt_range slice = dt_reduce_slice(run->reduce); /* and what of it stands behind the parameters */
    size_t begin = (size_t)slice.first, end = begin + (size_t)slice.count;
    size_t behind = begin > first ? begin : first + count;
    dt_reduce_add(run->reduce, behind, end - behind);
}

/* The ratios of tensors, for an optimizer that looks at their norms. Collective over the host. */
static void find_ratios(dt_session *run, const float *gradient)
{
    double *notes = dt_shared_segment(run->notes, 0);
    dt_optimizer_note(run->optimizer, dt_replica_slice(run->replica), gradient, notes);
    dt_reduce_meet(run->reduce, true, &run->trace);
    dt_optimizer_find_ratios(run->optimizer, notes);
}

/* Updates this rank's slice of the parameters; when all have updated theirs, the norm is known, if
 * somebody has a use for it. support: of the slice. */
static void update(dt_session *run, const dt_reduced *sum, const dt_support *support,
                   dt_step_result *result, bool measured)
{
    bool clips = dt_optimizer_clips(run->optimizer), added = sum->whole || !sum->bounded;
    const dt_interval slice = {0, (size_t)run->slice.count};
    const float *gradient = sum->values + run->slice.first;
    double norm = (double)NAN;
    if ((clips || run->notes) && !added) {
        dt_range all = dt_reduce_slice(run->reduce);
        dt_reduce_add(run->reduce, (size_t)all.first, (size_t)all.count);
        added = true;
    }
    if (added && (clips || measured))
        note_squares(run, &slice, support, gradient);
    if (clips) {
        dt_reduce_meet(run->reduce, true, &run->trace);
        norm = find_norm(run, result->samples);
    }
    dt_optimizer_begin(run->optimizer, dt_optimizer_scale(run->optimizer, result->samples, norm),
                       &result->rates);
    if (run->notes)
        find_ratios(run, gradient);
    if (!added)
        add_and_update(run, sum->values, measured);
    for (size_t i = 0; added && i < support->count; i++)
        dt_optimizer_update(run->optimizer, &support->intervals[i], dt_replica_slice(run->replica),
                            gradient);
    if (added) {
        average(run, &slice);
        dt_replica_publish(run->replica, slice.first, slice.end);
    }
    note_totals(run, sum->values);
    dt_trace_lap(&run->trace, DT_PHASE_UPDATE);
    dt_reduce_release(run->reduce, &run->trace);
    dt_replica_refresh(run->replica);
    dt_trace_lap(&run->trace, DT_PHASE_REDUCE);
    result->gradient_norm = measured && !clips ? find_norm(run, result->samples) : norm;
    read_totals(run, result);
}

/* Says what is not finite, and where; the same on all ranks. */
static dt_status refuse(dt_session *run, const dt_reduced *sum, const dt_support *support,
                        dt_step_result *result, dt_error *error)
{
    const float *values = sum->values;
    if (may_be_sparse(run)) { /* fail_nonfinite looks at all of them */
        dt_support rest = *support;
        dt_support_clear_rest(&rest, dt_reduce_sums(run->reduce)[0], run->parameter_count);
    }
    if (!sum->whole)
        values = dt_reduce_whole(run->reduce, &run->trace);
    result->loss = (double)values[run->parameter_count + DT_STEP_LOSS];
    result->correct = (int64_t)values[run->parameter_count + DT_STEP_CORRECT];
    result->skipped = run->config.on_nonfinite == DT_NONFINITE_SKIP;
    dt_status status = fail_nonfinite(run, values, result->loss, run->step + 1, &result->problem);
    dt_reduce_release(run->reduce, &run->trace);
    if (!result->skipped)
        *error = result->problem;
    return result->skipped ? DT_OK : status;
}

dt_status dt_step(dt_session *run, dt_feed *feed, const dt_state *where, dt_request own,
                  dt_step_result *result, dt_error *error)
{
    dt_play play;
    dt_interval all = {0, (size_t)run->slice.count};
    dt_support support = {1, &all};
    int64_t number = where->step;
    run->step = number;
    dt_watchdog_beat(run->watchdog, number, DT_PHASE_GATHER);
    dt_status status = dt_feed_step(feed, &play, error);
    if (status)
        return status;
    if (run->augmented)
        dt_augmented_step(run->augmented, &play.noise, &play.batch);
    if (run->track)
        play.batch.tracked = dt_track_next(run->track);
    dt_trace_lap(&run->trace, DT_PHASE_GATHER);
    ask(run, own);
    add_gradients(run, &play, &support);
    dt_watchdog_beat(run->watchdog, number, DT_PHASE_WAIT);
    dt_reduced sum = dt_reduce_finish(run->reduce, &run->trace);
    *result =
        (dt_step_result){.samples = play.step_samples,
                         .rates = dt_schedule_rates(&run->schedule, number, where->plateau.drops),
                         .gradient_norm = (double)NAN,
                         .asked = asked(run)};
    if (!all_finite(run, &sum, &support))
        return refuse(run, &sum, &support, result, error);
    update(run, &sum, &support, result, norm_is_wanted(run, number, result->asked));
    if (run->track)
        dt_track_keep(run->track, play.positions, play.batch.count);
    return DT_OK;
}

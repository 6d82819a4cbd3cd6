#include "train/insight.h"

#include <math.h>

#include "base/memory.h"
#include "drawn.h"
#include "mistakes.h"
#include "train/examine.h"

/* Collective. loss: of rank 0. */
static dt_status collect_answers(const dt_session *run, dt_subset_kind kind, double loss,
                                 dt_answers *out, dt_error *error)
{
    if (!run->outputs[kind])
        return DT_OK;
    dt_status status = dt_examine_count(run, kind, &out->counts, error);
    if (!status) {
        out->samples = run->dataset->subsets[kind].count;
        out->loss = loss;
    }
    return status;
}

/* Collective. */
static dt_status collect_mistakes(dt_session *run, dt_insight *out, dt_error *error)
{
    if (run->outputs[DT_SUBSET_TEST])
        return mistakes_collect(run, DT_SUBSET_TEST, &out->mistakes, error);
    if (run->outputs[DT_SUBSET_VAL])
        return mistakes_collect(run, DT_SUBSET_VAL, &out->mistakes, error);
    return DT_OK;
}

static dt_status note_times(const dt_rank_place *places, int ranks, dt_insight *out,
                            dt_error *error)
{
    out->hosts = dt_calloc((size_t)ranks, sizeof *out->hosts, error);
    out->phase_seconds = dt_calloc((size_t)ranks * DT_PHASES, sizeof *out->phase_seconds, error);
    if (!out->hosts || !out->phase_seconds)
        return DT_ERR_INTERNAL;
    for (; out->ranks < ranks; out->ranks++) {
        const dt_rank_place *place = &places[out->ranks];
        if (!(out->hosts[out->ranks] = dt_strdup(place->host, error)))
            return DT_ERR_INTERNAL;
        for (int p = 0; p < DT_PHASES; p++)
            out->phase_seconds[(size_t)out->ranks * DT_PHASES + (size_t)p] = place->seconds[p];
    }
    return DT_OK;
}

/* Collective. */
static dt_status collect_places(dt_session *run, const dt_epilogue *epilogue, dt_insight *out,
                                dt_error *error)
{
    int ranks = dt_comm_size(run->comm);
    dt_rank_place own;
    dt_rank_place *all = dt_calloc((size_t)ranks, sizeof *all, error);
    dt_status status = dt_comm_agree(run->comm, all ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        dt_facts_look(run, &own);
        dt_comm_all_gather(run->comm, &own, sizeof own, all);
        if (epilogue)
            status = note_times(all, ranks, out, error);
        if (epilogue && !status)
            status = dt_facts_tell(run, epilogue, all, out, error);
        status = dt_comm_agree(run->comm, status, error);
    }
    dt_free(all);
    return status;
}

dt_status dt_insight_collect(dt_session *run, const dt_epilogue *epilogue, dt_insight *out,
                             dt_error *error)
{
    const dt_progress_report *report = epilogue ? epilogue->evaluated : NULL;
    *out = (dt_insight){.shape = run->source->shape, .classes = run->source->classes};
    if (report) {
        out->epoch = report->step / report->steps_an_epoch;
        out->step = report->step;
    }
    const char *names = run->source->class_names;
    dt_status status = DT_OK;
    if (names && !(out->class_names = dt_strdup(names, error)))
        status = DT_ERR_INTERNAL;
    status = dt_comm_agree(run->comm, status, error);
    if (!status)
        status = collect_answers(run, DT_SUBSET_TEST, report ? report->test.loss : (double)NAN,
                                 &out->test, error);
    if (!status)
        status = collect_answers(run, DT_SUBSET_VAL, report ? report->val.loss : (double)NAN,
                                 &out->val, error);
    if (!status)
        status = collect_mistakes(run, out, error);
    if (!status)
        status = drawn_collect(run, &out->augmented, error);
    if (!status)
        status = collect_places(run, epilogue, out, error);
    if (status || !epilogue)
        dt_insight_destroy(out);
    return status;
}

#include "insight_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "nn/metrics.h"

dt_status insight_check_answers(const char *group, const dt_answers *answers, int classes,
                                dt_error *error)
{
    int64_t sum = 0;
    for (size_t i = 0; i < dt_metrics_top2(classes); i++)
        sum += answers->counts[i];
    if (sum == answers->samples)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA, "%s: expected counts of %" PRId64 " samples, found %" PRId64,
                   group, answers->samples, sum);
}

dt_status insight_check_gallery(const char *group, const dt_gallery *gallery, int classes,
                                dt_error *error)
{
    for (int64_t i = 0; i < gallery->count; i++) {
        bool bad = gallery->labels[i] >= classes;
        if (bad || gallery->answers[i] > classes)
            return dt_fail(error, DT_ERR_DATA, "%s of %s: expected 0 to %d, found %" PRId64,
                           bad ? "labels" : "answers", group, bad ? classes - 1 : classes,
                           bad ? gallery->labels[i] : gallery->answers[i]);
    }
    return DT_OK;
}

static dt_status check_time(const dt_insight *insight, dt_error *error)
{
    for (int r = 0; r < insight->ranks; r++) {
        if (insight->hosts[r][0] == '\0' || strchr(insight->hosts[r], '\n'))
            return dt_fail(error, DT_ERR_DATA,
                           "/time/hosts: expected a name of one line, found '%.60s' of rank %d",
                           insight->hosts[r], r);
        for (int p = 0; p < DT_PHASES; p++) {
            double seconds = insight->phase_seconds[(size_t)r * DT_PHASES + (size_t)p];
            if (!isfinite(seconds) || seconds < 0)
                return dt_fail(error, DT_ERR_DATA,
                               "/time/seconds: expected 0 or more, found %g of rank %d", seconds,
                               r);
        }
    }
    return DT_OK;
}

static dt_status check_facts(const dt_insight *insight, dt_error *error)
{
    if (insight->fact_count < 0 || insight->fact_count > DT_FACTS_MAX)
        return dt_fail(error, DT_ERR_DATA, "/facts: expected 0 to %d, found %d", DT_FACTS_MAX,
                       insight->fact_count);
    for (int i = 0; i < insight->fact_count; i++)
        if (insight->facts[i].name[0] == '\0')
            return dt_fail(error, DT_ERR_DATA, "/facts: expected names, found none for '%.60s'",
                           insight->facts[i].value);
    return DT_OK;
}

/* Whether a picture begins those of an image, or goes on with the one before. */
static bool follows(const dt_drawn *drawn, int64_t i)
{
    return drawn->epochs[i] == 0 || (i > 0 && drawn->epochs[i] == drawn->epochs[i - 1] + 1 &&
                                     drawn->samples[i] == drawn->samples[i - 1] &&
                                     drawn->labels[i] == drawn->labels[i - 1]);
}

static dt_status check_drawn(const dt_insight *insight, dt_error *error)
{
    const dt_drawn *drawn = &insight->augmented;
    for (int64_t i = 0; i < drawn->count; i++) {
        if (drawn->labels[i] >= insight->classes)
            return dt_fail(error, DT_ERR_DATA,
                           "labels of /augmented: expected 0 to %d, found %" PRId64,
                           insight->classes - 1, drawn->labels[i]);
        if (!follows(drawn, i))
            return dt_fail(error, DT_ERR_DATA,
                           "/augmented: expected each image as it is, then epochs from 1 on, found "
                           "epoch %" PRId64 " of sample %" PRId64 " as picture %" PRId64,
                           drawn->epochs[i], drawn->samples[i], i);
    }
    return DT_OK;
}

static dt_status check_timeline(const dt_insight *insight, dt_error *error)
{
    const dt_excerpt *it = &insight->timeline;
    if (it->count > 0 && (it->steps > it->all_steps || it->step > it->all_steps - it->steps + 1 ||
                          !(it->median >= 0 && isfinite(it->median))))
        return dt_fail(error, DT_ERR_DATA,
                       "/timeline: expected some of %" PRId64 " steps, found %" PRId64
                       " from step %" PRId64 " on, of %g seconds",
                       it->all_steps, it->steps, it->step, it->median);
    int ranks = insight->ranks < DT_EXCERPT_RANKS ? insight->ranks : DT_EXCERPT_RANKS;
    for (int64_t i = 0; i < it->count; i++) {
        if (it->ranks[i] >= ranks || it->phases[i] >= DT_PHASES)
            return dt_fail(error, DT_ERR_DATA,
                           "/timeline: expected phases below %d and ranks below %d, found phase "
                           "%" PRId64 " of rank %" PRId64,
                           DT_PHASES, ranks, it->phases[i], it->ranks[i]);
        if (!(it->begins[i] >= 0 && it->begins[i] <= it->ends[i] && isfinite(it->ends[i])))
            return dt_fail(error, DT_ERR_DATA,
                           "/timeline: expected spans of time from 0 on, found %g to %g",
                           it->begins[i], it->ends[i]);
    }
    return DT_OK;
}

dt_status insight_check_rest(const dt_insight *insight, dt_error *error)
{
    dt_status status = check_time(insight, error);
    if (!status)
        status = check_drawn(insight, error);
    if (!status)
        status = check_timeline(insight, error);
    return status ? status : check_facts(insight, error);
}

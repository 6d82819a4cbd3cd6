#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "insight_format.h"
#include "nn/metrics.h"

const insight_number insight_numbers[] = {
    {"classes", offsetof(dt_insight, classes), false, 1, 256},
    {"height", offsetof(dt_insight, shape.height), false, 1, 4096},
    {"width", offsetof(dt_insight, shape.width), false, 1, 4096},
    {"channels", offsetof(dt_insight, shape.channels), false, 1, 4},
    {"epoch", offsetof(dt_insight, epoch), true, 0, INT64_MAX},
    {"step", offsetof(dt_insight, step), true, 0, INT64_MAX},
};

const insight_place insight_answers[] = {
    {"/answers/test", offsetof(dt_insight, test)},
    {"/answers/val", offsetof(dt_insight, val)},
};

const insight_place insight_galleries[] = {
    {"/mistakes", offsetof(dt_insight, mistakes)},
    {"/hardest", offsetof(dt_insight, hardest)},
    {"/doubtful", offsetof(dt_insight, doubtful)},
};

const insight_place insight_lists[] = {
    {"samples", offsetof(dt_gallery, samples)},
    {"labels", offsetof(dt_gallery, labels)},
    {"answers", offsetof(dt_gallery, answers)},
};

static dt_status check_range(const char *object, const char *name, int64_t value, int64_t least,
                             int64_t most, dt_error *error)
{
    if (value >= least && value <= most)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "%s of %s: expected %" PRId64 " to %" PRId64 ", found %" PRId64, name, object,
                   least, most, value);
}

static dt_status check_answers(const insight_place *place, const dt_answers *answers, int classes,
                               dt_error *error)
{
    if (answers->samples == 0)
        return DT_OK;
    int64_t sum = 0;
    size_t top2 = dt_metrics_top2(classes);
    dt_status status = check_range(place->name, "samples", answers->samples, 1, INT64_MAX, error);
    for (size_t i = 0; !status && i <= top2; i++) {
        status =
            check_range(place->name, "counts", answers->counts[i], 0, INSIGHT_COUNT_MAX, error);
        sum += i < top2 ? answers->counts[i] : 0;
    }
    if (!status && sum != answers->samples)
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected counts of %" PRId64 " samples, found %" PRId64, place->name,
                         answers->samples, sum);
    return status;
}

static dt_status check_gallery(const insight_place *place, const dt_gallery *gallery, int classes,
                               dt_error *error)
{
    dt_status status = check_range(place->name, "count", gallery->count, 0, DT_GALLERY_MAX, error);
    for (int64_t i = 0; !status && i < gallery->count; i++) {
        status = check_range(place->name, "samples", gallery->samples[i], 0, INT64_MAX, error);
        if (!status)
            status = check_range(place->name, "labels", gallery->labels[i], 0, classes - 1, error);
        if (!status)
            status = check_range(place->name, "answers", gallery->answers[i], 0, classes, error);
    }
    return status;
}

static dt_status check_time(const dt_insight *insight, dt_error *error)
{
    dt_status status = check_range("/time", "ranks", insight->ranks, 0, INT_MAX, error);
    for (int r = 0; !status && r < insight->ranks; r++) {
        if (insight->hosts[r][0] == '\0' || strchr(insight->hosts[r], '\n'))
            status = dt_fail(error, DT_ERR_DATA,
                             "/time/hosts: expected a name of one line, found '%.60s' of rank %d",
                             insight->hosts[r], r);
        for (int p = 0; !status && p < DT_PHASES; p++) {
            double seconds = insight->phase_seconds[(size_t)r * DT_PHASES + (size_t)p];
            if (!isfinite(seconds) || seconds < 0)
                status =
                    dt_fail(error, DT_ERR_DATA,
                            "/time/seconds: expected 0 or more, found %g of rank %d", seconds, r);
        }
    }
    return status;
}

static dt_status check_facts(const dt_insight *insight, dt_error *error)
{
    dt_status status = check_range("/facts", "count", insight->fact_count, 0, DT_FACTS_MAX, error);
    for (int i = 0; !status && i < insight->fact_count; i++)
        if (insight->facts[i].name[0] == '\0')
            status = dt_fail(error, DT_ERR_DATA, "/facts: expected names, found none for '%.60s'",
                             insight->facts[i].value);
    return status;
}

dt_status insight_check(const dt_insight *insight, dt_error *error)
{
    dt_status status = DT_OK;
    for (int i = 0; !status && i < INSIGHT_NUMBERS; i++) {
        const insight_number *number = &insight_numbers[i];
        const void *value = insight_at(insight, number->offset);
        status = check_range("/", number->name,
                             number->wide ? *(const int64_t *)value : *(const int *)value,
                             number->least, number->most, error);
    }
    for (int i = 0; !status && i < INSIGHT_ANSWERS; i++)
        status = check_answers(&insight_answers[i], insight_at(insight, insight_answers[i].offset),
                               insight->classes, error);
    for (int i = 0; !status && i < INSIGHT_GALLERIES; i++)
        status =
            check_gallery(&insight_galleries[i], insight_at(insight, insight_galleries[i].offset),
                          insight->classes, error);
    if (!status)
        status = check_range("/tracked", "samples", insight->tracked, 0, INT64_MAX, error);
    if (!status)
        status = check_time(insight, error);
    return status ? status : check_facts(insight, error);
}

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "mistakes.h"
#include "train/track.h"

/* Positions in the training set, the most telling first. */
typedef struct selection {
    int most, count;
    int32_t positions[DT_MISTAKES_MAX];
} selection;

/* Samples of both galleries, one behind the other. */
typedef struct pictures {
    int count;
    int32_t wanted[2 * DT_MISTAKES_MAX];
    const uint8_t *images[2 * DT_MISTAKES_MAX];
    uint8_t labels[2 * DT_MISTAKES_MAX];
} pictures;

/* Puts a sample where its score belongs, if it does: the largest first, of equals those that came
 * first. scores: of all samples. */
static void offer(selection *self, const float *scores, float sign, int32_t position)
{
    int place = self->count;
    float score = sign * scores[position];
    while (place > 0 && score > sign * scores[self->positions[place - 1]])
        place--;
    if (place == self->most)
        return;
    self->count += self->count < self->most;
    memmove(self->positions + place + 1, self->positions + place,
            (size_t)(self->count - 1 - place) * sizeof *self->positions);
    self->positions[place] = position;
}

static void select_samples(const dt_insight *insight, selection *hardest, selection *doubtful)
{
    for (int64_t i = 0; i < insight->tracked; i++) {
        if (!isnan(insight->gradient_norms[i]))
            offer(hardest, insight->gradient_norms, 1, (int32_t)i);
        if (insight->margins[i] < 0)
            offer(doubtful, insight->margins, -1, (int32_t)i);
    }
}

static void add_wanted(pictures *self, const selection *from)
{
    memcpy(self->wanted + self->count, from->positions, (size_t)from->count * sizeof *self->wanted);
    self->count += from->count;
}

/* NaN where a sample was never played. */
static dt_status take_means(const dt_track_sums *sums, int64_t samples, dt_insight *insight,
                            dt_error *error)
{
    bool any = false;
    for (int64_t i = 0; i < samples && !any; i++)
        any = sums->plays[i] > 0;
    if (!any)
        return DT_OK;
    if (!(insight->gradient_norms = dt_calloc((size_t)samples, sizeof(float), error)) ||
        !(insight->margins = dt_calloc((size_t)samples, sizeof(float), error)))
        return error->status;
    insight->tracked = samples;
    for (int64_t i = 0; i < samples; i++) {
        insight->gradient_norms[i] = sums->gradient_norms[i] / sums->plays[i];
        insight->margins[i] = sums->margins[i] / sums->plays[i];
    }
    return DT_OK;
}

/* Of the pictures first .. first + count - 1; scores: of all samples. */
static dt_status fill_gallery(const dt_session *run, const pictures *from, int first, int count,
                              const float *scores, dt_gallery *out, dt_error *error)
{
    size_t classes = (size_t)run->source->classes;
    float *outputs = dt_calloc((size_t)count * classes, sizeof *outputs, error);
    double *probabilities = outputs ? dt_calloc(classes, sizeof *probabilities, error) : NULL;
    dt_status status = probabilities ? gallery_allocate(run, count, out, error) : error->status;
    if (!status) {
        out->count = count;
        dt_network_set_parameters(run->network, run->model);
        dt_network_outputs(run->network, count, from->images + first, outputs);
        dt_network_set_parameters(run->network, run->parameters);
    }
    for (int i = 0; i < count && !status; i++) {
        int32_t position = from->wanted[first + i];
        out->samples[i] = run->dataset->subsets[DT_SUBSET_TRAIN].members[position];
        out->labels[i] = from->labels[first + i];
        out->scores[i] = scores[position];
        gallery_put(run, from->images[first + i], outputs + (size_t)i * classes, i, probabilities,
                    out);
    }
    dt_free(outputs);
    dt_free(probabilities);
    return status;
}

dt_status dt_track_report(dt_session *run, dt_insight *insight, dt_error *error)
{
    if (!run->track)
        return DT_OK;
    selection hardest = {.most = gallery_most(run->source->shape)}, doubtful = hardest;
    pictures all = {0};
    dt_status status = DT_OK;
    if (dt_comm_rank(run->comm) == 0) {
        dt_track_sums sums = dt_track_get_sums(run->track);
        status = take_means(&sums, run->plan.samples, insight, error);
        select_samples(insight, &hardest, &doubtful);
        add_wanted(&all, &hardest);
        add_wanted(&all, &doubtful);
    }
    status = dt_comm_agree(run->comm, status, error);
    dt_delivery delivery = {
        .count = all.count, .wanted = all.wanted, .images = all.images, .labels = all.labels};
    if (!status)
        status = dt_exchange_begin(run->exchange, 0, &delivery, error);
    if (status)
        return status;
    dt_exchange_end(run->exchange, 0);
    if (hardest.count > 0)
        status = fill_gallery(run, &all, 0, hardest.count, insight->gradient_norms,
                              &insight->hardest, error);
    if (!status && doubtful.count > 0)
        status = fill_gallery(run, &all, hardest.count, doubtful.count, insight->margins,
                              &insight->doubtful, error);
    return dt_comm_agree(run->comm, status, error);
}

#include "drawn.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "mistakes.h"

/* Images that are looked at, and shown at most; pictures of each at most, the first as it is. */
enum { CANDIDATES = 32, IMAGES = 6, PICTURES = 9 };

/* The samples that are played first. Rank 0 has them; others have none. */
typedef struct candidates {
    int count;
    int32_t positions[CANDIDATES];
    const uint8_t *images[CANDIDATES];
    uint8_t labels[CANDIDATES];
} candidates;

static int at_most(int most, int count)
{
    return count < most ? count : most;
}

/* The first of each label, then others. Returns how many. */
static int choose(const candidates *from, int most, int chosen[IMAGES])
{
    bool seen[256] = {false}, taken[CANDIDATES] = {false};
    int count = 0;
    for (int others = 0; others < 2; others++)
        for (int i = 0; i < from->count && count < most; i++) {
            if (taken[i] || (!others && seen[from->labels[i]]))
                continue;
            taken[i] = seen[from->labels[i]] = true;
            chosen[count++] = i;
        }
    return count;
}

static uint32_t find_place(const dt_plan *plan, int32_t position)
{
    uint32_t place = 0;
    while (plan->order[place] != position)
        place++;
    return place;
}

static dt_status allocate(size_t count, size_t image_size, dt_drawn *out, dt_error *error)
{
    if ((out->pixels = dt_calloc(count, image_size, error)) &&
        (out->samples = dt_calloc(count, sizeof *out->samples, error)) &&
        (out->labels = dt_calloc(count, sizeof *out->labels, error)) &&
        (out->epochs = dt_calloc(count, sizeof *out->epochs, error)))
        return DT_OK;
    return error->status;
}

/* Of rank 0. plan: the run's in its first epoch, with an order of its own. */
static dt_status draw(const dt_session *run, const candidates *from, dt_plan *plan, dt_drawn *out,
                      dt_error *error)
{
    dt_shape shape = run->source->shape;
    size_t size = (size_t)dt_shape_size(shape);
    int chosen[IMAGES], all = gallery_most(shape);
    int pictures = at_most(PICTURES, all < 2 ? 2 : all);
    int images = choose(from, at_most(IMAGES, all < pictures ? 1 : all / pictures), chosen);
    dt_augmenter *augmenter = NULL;
    if (allocate((size_t)(images * pictures), size, out, error) ||
        dt_augmenter_create(&run->config.augment, shape, plan->seed, &augmenter, error))
        return error->status;
    out->count = images * pictures;
    for (int p = 0; p < pictures; p++) {
        if (p > 1)
            dt_plan_start_epoch(plan, (uint32_t)(p - 1));
        for (int i = 0; i < images; i++) {
            int64_t at = i * pictures + p;
            int32_t position = from->positions[chosen[i]];
            const uint8_t *image = from->images[chosen[i]];
            uint8_t *pixels = out->pixels + (size_t)at * size;
            out->samples[at] = run->dataset->subsets[DT_SUBSET_TRAIN].members[position];
            out->labels[at] = from->labels[chosen[i]];
            out->epochs[at] = p;
            if (p == 0)
                memcpy(pixels, image, size);
            else
                dt_augmenter_draw(augmenter, plan->epoch, find_place(plan, position), image,
                                  pixels);
        }
    }
    dt_augmenter_destroy(augmenter);
    return DT_OK;
}

dt_status drawn_collect(dt_session *run, dt_drawn *out, dt_error *error)
{
    candidates first = {0};
    dt_plan plan = run->plan;
    bool voice = dt_comm_rank(run->comm) == 0;
    dt_status status = DT_OK;
    if (!run->augmented)
        return DT_OK;
    plan.order = NULL;
    if (voice)
        status = dt_plan_create(&plan, run->plan.samples, error);
    if (voice && !status) {
        dt_plan_start_epoch(&plan, 0);
        first.count = plan.samples < CANDIDATES ? (int)plan.samples : CANDIDATES;
        memcpy(first.positions, plan.order, (size_t)first.count * sizeof *first.positions);
    }
    status = dt_comm_agree(run->comm, status, error);
    dt_delivery delivery = {.count = first.count,
                            .wanted = first.positions,
                            .images = first.images,
                            .labels = first.labels};
    if (!status)
        status = dt_exchange_begin(run->exchange, 0, &delivery, error);
    if (!status) {
        dt_exchange_end(run->exchange, 0);
        if (voice)
            status = draw(run, &first, &plan, out, error);
        status = dt_comm_agree(run->comm, status, error);
    }
    dt_plan_destroy(&plan);
    return status;
}

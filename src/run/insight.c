#include "run/insight.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "file/atomic_file.h"
#include "file/hdf5_file.h"
#include "insight_format.h"
#include "nn/metrics.h"

static dt_status add_root(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    dt_attribute attribute = dt_attribute_text(INSIGHT_FORMAT, INSIGHT_FORMAT_TEXT);
    dt_status status = dt_hdf5_image_add_attribute(image, "/", &attribute, error);
    for (int i = 0; !status && i < INSIGHT_NUMBERS; i++) {
        const insight_number *number = &insight_numbers[i];
        const void *value = insight_at(insight, number->offset);
        attribute = dt_attribute_integer(number->name, number->wide ? *(const int64_t *)value
                                                                    : *(const int *)value);
        status = dt_hdf5_image_add_attribute(image, "/", &attribute, error);
    }
    return status;
}

static dt_status add_facts(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    const char *names[DT_FACTS_MAX];
    if (insight->fact_count == 0)
        return DT_OK;
    dt_status status = dt_hdf5_image_add_group(image, "/facts", error);
    for (int i = 0; !status && i < insight->fact_count; i++) {
        dt_attribute fact = dt_attribute_text(insight->facts[i].name, insight->facts[i].value);
        names[i] = insight->facts[i].name;
        status = dt_hdf5_image_add_attribute(image, "/facts", &fact, error);
    }
    dt_attribute order = dt_attribute_texts("facts", (size_t)insight->fact_count, names);
    return status ? status : dt_hdf5_image_add_attribute(image, "/", &order, error);
}

static dt_status add_floats(dt_hdf5_image *image, const char *group, const char *name, int rank,
                            const int64_t *shape, const float *values, dt_error *error)
{
    char path[INSIGHT_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", group, name);
    return dt_hdf5_image_add_floats(image, path, rank, shape, values, error);
}

static dt_status add_answers(dt_hdf5_image *image, const char *group, const dt_answers *answers,
                             int classes, dt_error *error)
{
    if (answers->samples == 0)
        return DT_OK;
    const int64_t shape[] = {(int64_t)dt_metrics_size(classes)};
    dt_attribute list[] = {dt_attribute_integer("samples", answers->samples),
                           dt_attribute_real("loss", answers->loss)};
    float *counts = dt_calloc((size_t)shape[0], sizeof *counts, error);
    dt_status status = counts ? DT_OK : error->status;
    for (int64_t i = 0; !status && i < shape[0]; i++)
        counts[i] = (float)answers->counts[i];
    if (!status)
        status = add_floats(image, group, "counts", 1, shape, counts, error);
    for (size_t i = 0; !status && i < sizeof list / sizeof *list; i++)
        status = dt_hdf5_image_add_attribute(image, group, &list[i], error);
    dt_free(counts);
    return status;
}

static dt_status add_pixels(dt_hdf5_image *image, const char *group, const dt_gallery *gallery,
                            int image_size, dt_error *error)
{
    const int64_t shape[] = {gallery->count, image_size};
    size_t count = (size_t)gallery->count * (size_t)image_size;
    float *pixels = dt_calloc(count, sizeof *pixels, error);
    if (!pixels)
        return error->status;
    for (size_t i = 0; i < count; i++)
        pixels[i] = gallery->pixels[i];
    dt_status status = add_floats(image, group, "pixels", 2, shape, pixels, error);
    dt_free(pixels);
    return status;
}

static dt_status add_gallery(dt_hdf5_image *image, const char *group, const dt_gallery *gallery,
                             const dt_insight *insight, dt_error *error)
{
    if (gallery->count == 0)
        return DT_OK;
    const int64_t shape[] = {gallery->count, insight->classes};
    dt_status status = add_pixels(image, group, gallery, dt_shape_size(insight->shape), error);
    if (!status)
        status = add_floats(image, group, "probabilities", 2, shape, gallery->probabilities, error);
    if (!status)
        status = add_floats(image, group, "scores", 1, shape, gallery->scores, error);
    for (int i = 0; !status && i < INSIGHT_LISTS; i++) {
        int64_t *const *values = insight_at(gallery, insight_lists[i].offset);
        dt_attribute list =
            dt_attribute_integers(insight_lists[i].name, (size_t)gallery->count, *values);
        status = dt_hdf5_image_add_attribute(image, group, &list, error);
    }
    return status;
}

static dt_status add_tracked(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    if (insight->tracked == 0)
        return DT_OK;
    dt_status status = add_floats(image, "/tracked", "gradient_norms", 1, &insight->tracked,
                                  insight->gradient_norms, error);
    return status ? status
                  : add_floats(image, "/tracked", "margins", 1, &insight->tracked, insight->margins,
                               error);
}

static dt_status add_hosts(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    dt_text lines = {.size = 1};
    for (int r = 0; r < insight->ranks; r++)
        lines.size += strlen(insight->hosts[r]) + 1;
    lines.text = dt_calloc(lines.size, 1, error);
    if (!lines.text)
        return error->status;
    for (int r = 0; r < insight->ranks; r++)
        dt_text_add(&lines, "%s%s", r > 0 ? "\n" : "", insight->hosts[r]);
    dt_status status =
        dt_hdf5_image_add_text(image, "/time/hosts", lines.text, lines.length, error);
    dt_free(lines.text);
    return status;
}

static dt_status add_time(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    if (insight->ranks == 0)
        return DT_OK;
    const int64_t shape[] = {insight->ranks, DT_PHASES};
    size_t count = (size_t)insight->ranks * DT_PHASES;
    dt_attribute phases = dt_attribute_texts("phases", DT_PHASES, dt_phase_names);
    float *seconds = dt_calloc(count, sizeof *seconds, error);
    if (!seconds)
        return error->status;
    for (size_t i = 0; i < count; i++)
        seconds[i] = (float)insight->phase_seconds[i];
    dt_status status = add_floats(image, "/time", "seconds", 2, shape, seconds, error);
    if (!status)
        status = dt_hdf5_image_add_attribute(image, "/time", &phases, error);
    if (!status)
        status = add_hosts(image, insight, error);
    dt_free(seconds);
    return status;
}

static dt_status add_content(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    dt_status status = add_root(image, insight, error);
    if (!status)
        status = add_facts(image, insight, error);
    for (int i = 0; !status && i < INSIGHT_ANSWERS; i++)
        status =
            add_answers(image, insight_answers[i].name,
                        insight_at(insight, insight_answers[i].offset), insight->classes, error);
    if (!status)
        status = add_time(image, insight, error);
    for (int i = 0; !status && i < INSIGHT_GALLERIES; i++)
        status = add_gallery(image, insight_galleries[i].name,
                             insight_at(insight, insight_galleries[i].offset), insight, error);
    return status ? status : add_tracked(image, insight, error);
}

dt_status dt_insight_write(const char *path, const dt_insight *insight, dt_error *error)
{
    dt_error own = {0};
    dt_hdf5_image *image = NULL;
    void *bytes = NULL;
    size_t size;
    dt_status status = insight_check(insight, &own) ? DT_ERR_INTERNAL : DT_OK;
    if (!status)
        status = dt_hdf5_image_create(&image, &own);
    if (!status)
        status = add_content(image, insight, &own);
    if (!status)
        status = dt_hdf5_image_finish(image, &bytes, &size, &own);
    if (status)
        dt_fail(error, status, "%s: %s", path, own.message);
    else
        status = dt_atomic_write(path, bytes, size, error);
    dt_free(bytes);
    dt_hdf5_image_destroy(image);
    return status;
}

static void destroy_gallery(dt_gallery *gallery)
{
    dt_free(gallery->pixels);
    dt_free(gallery->samples);
    dt_free(gallery->labels);
    dt_free(gallery->answers);
    dt_free(gallery->probabilities);
    dt_free(gallery->scores);
}

void dt_insight_destroy(dt_insight *insight)
{
    if (!insight)
        return;
    for (int i = 0; i < INSIGHT_ANSWERS; i++)
        dt_free(((dt_answers *)insight_at(insight, insight_answers[i].offset))->counts);
    for (int i = 0; i < INSIGHT_GALLERIES; i++)
        destroy_gallery(insight_at(insight, insight_galleries[i].offset));
    dt_free(insight->gradient_norms);
    dt_free(insight->margins);
    for (int r = 0; insight->hosts && r < insight->ranks; r++)
        dt_free(insight->hosts[r]);
    dt_free(insight->hosts);
    dt_free(insight->phase_seconds);
    for (int i = 0; insight->facts && i < insight->fact_count; i++) {
        dt_free(insight->facts[i].name);
        dt_free(insight->facts[i].value);
    }
    dt_free(insight->facts);
    *insight = (dt_insight){0};
}

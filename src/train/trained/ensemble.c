#include "train/ensemble.h"

#include <stdio.h>
#include <string.h>

#include "base/class_names.h"
#include "base/memory.h"
#include "base/text.h"
#include "dist/reduce.h"

enum { DESCRIPTION_SIZE = 200 };

static void describe(const dt_model *model, char text[DESCRIPTION_SIZE])
{
    const dt_network_spec *spec = &model->spec;
    const dt_normalization *by = &spec->normalization;
    dt_shape input = spec->architecture.input;
    dt_text out = {.text = text, .size = DESCRIPTION_SIZE};
    dt_text_add(&out, "%d x %d x %d pixels%s (times %.6g, plus %.6g), %d classes, %s", input.height,
                input.width, input.channels, model->config.transpose ? " transposed" : "",
                by->scale, by->shift, dt_architecture_outputs(&spec->architecture),
                dt_loss_names[spec->loss]);
}

/* The first class that is called otherwise; -1: there is none. */
static int other_class(const dt_model *first, const dt_model *other)
{
    char expected[DT_CLASS_NAME], found[DT_CLASS_NAME];
    int classes = dt_architecture_outputs(&first->spec.architecture);
    for (int i = 0; i < classes; i++)
        if (strcmp(dt_class_name(first->file.facts.class_names, i, expected),
                   dt_class_name(other->file.facts.class_names, i, found)) != 0)
            return i;
    return -1;
}

/* The setting by which the two have different samples in a part of their data; NULL: none. */
static const char *what_parts(const dt_config *a, const dt_config *b)
{
    if (a->split != b->split)
        return "split";
    if (a->train_limit != b->train_limit)
        return "train_limit";
    if (a->val_fraction != b->val_fraction)
        return "val_fraction";
    bool same = a->val_fraction == 0.0 || dt_config_val_seed(a) == dt_config_val_seed(b);
    return same ? NULL : "val_seed";
}

static char *what_it_is(dt_config config, const char *name, char text[DT_TEXT_MAX])
{
    config.val_seed = dt_config_val_seed(&config);
    return dt_config_get(&config, dt_setting_find(name), text);
}

static dt_status check_samples(const dt_model *first, const dt_model *other, dt_subset_kind kind,
                               const char *const paths[2], dt_error *error)
{
    const dt_config *a = &first->config, *b = &other->config;
    char expected[DT_TEXT_MAX], found[DT_TEXT_MAX];
    const char *name = kind == DT_SUBSET_TEST ? NULL : what_parts(a, b);
    if (!name)
        return DT_OK;
    bool tests = a->split == DT_SPLIT_STANDARD && b->split == DT_SPLIT_STANDARD;
    return dt_fail(
        error, DT_ERR_CONFIG,
        "--split %s: %s has other samples there (%s %s) than %s (%s %s), and learned some "
        "of those; train both with one %s%s",
        dt_subset_names[kind], paths[1], name, what_it_is(*b, name, found), paths[0], name,
        what_it_is(*a, name, expected), name, tests ? ", or take --split test" : "");
}

dt_status dt_ensemble_check(const dt_model *first, const dt_model *other, dt_subset_kind kind,
                            const char *const paths[2], dt_error *error)
{
    char expected[DESCRIPTION_SIZE], found[DESCRIPTION_SIZE];
    char classes[2][DT_CLASS_NAME];
    describe(first, expected);
    describe(other, found);
    if (strcmp(expected, found) != 0)
        return dt_fail(error, DT_ERR_CONFIG, "%s: expected a network of %s, as %s has, found %s",
                       paths[1], expected, paths[0], found);
    int differs = other_class(first, other);
    if (differs >= 0)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s: expected class number %d to be '%s', as %s has, found '%s'", paths[1],
                       differs, dt_class_name(first->file.facts.class_names, differs, classes[0]),
                       paths[0], dt_class_name(other->file.facts.class_names, differs, classes[1]));
    return check_samples(first, other, kind, paths, error);
}

void dt_ensemble_add(const dt_session *run, dt_subset_kind kind, double *sums)
{
    int64_t count = run->dataset->subsets[kind].held.count;
    int classes = run->source->classes;
    const float *outputs = run->outputs[kind];
    double probabilities[DT_CLASSES_MAX];
    for (int64_t i = 0; i < count; i++, outputs += classes, sums += classes) {
        if (dt_network_spec_of(run->network)->loss != DT_MSE)
            dt_network_probabilities(run->network, outputs, probabilities);
        else /* whose outputs are not cut off at 0 and 1 by the loss */
            for (int j = 0; j < classes; j++)
                probabilities[j] = (double)outputs[j];
        for (int j = 0; j < classes; j++)
            sums[j] += probabilities[j];
    }
}

/* The losses of the parts that this rank holds, by the means of its samples. */
static void add_losses(const dt_session *run, dt_subset_kind kind, const double *means,
                       double *losses)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    int classes = run->source->classes;
    dt_loss loss = dt_network_spec_of(run->network)->loss;
    const uint8_t *label = subset->labels;
    for (int64_t p = 0; p < run->own_parts.count; p++) {
        int64_t part = run->own_parts.first + p;
        int64_t count = dt_partition(subset->count, DT_EVALUATION_PARTS, part).count;
        for (int64_t i = 0; i < count; i++, means += classes)
            losses[p] += dt_loss_of_probabilities(loss, classes, means, *label++);
    }
}

dt_status dt_ensemble_examine(dt_session *run, dt_subset_kind kind, int networks, double *sums,
                              dt_examination *out, dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    size_t values = (size_t)subset->held.count * (size_t)run->source->classes;
    *out = (dt_examination){.classes = run->source->classes, .samples = subset->count};
    double *losses = dt_calloc((size_t)run->own_parts.count, sizeof *losses, error);
    dt_status status = dt_comm_agree(run->comm, losses ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        for (size_t i = 0; i < values; i++) {
            sums[i] /= networks;
            run->outputs[kind][i] = (float)sums[i];
        }
        add_losses(run, kind, sums, losses);
        status = dt_reduce_totals(run->comm, DT_EVALUATION_PARTS, 1, losses, &out->loss, error);
        out->loss /= (double)subset->count;
    }
    if (!status)
        status = dt_examine_count(run, kind, &out->counts, error);
    dt_free(losses);
    return status;
}

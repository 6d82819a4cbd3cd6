#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "config/config.h"
#include "nn/loss.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "place.h"

/* A refusal of two settings that do not fit together, which begins with the name of the first. */
__attribute__((format(printf, 5, 6))) static dt_status
refuse_both(const dt_config *config, const char *first, const char *second, dt_error *error,
            const char *format, ...)
{
    char text[DT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dt_fail(error, DT_ERR_CONFIG, "%s: %s", first, text);
    int line = config->line[config_row(dt_setting_find(first))];
    if (line <= 0)
        line = config->line[config_row(dt_setting_find(second))];
    if (line > 0 && error)
        dt_fail_in(error, "%s:%d", config->file, line);
    return DT_ERR_CONFIG;
}

/* Where the value comes from: 0 the default, 1 a file, 2 the environment, 3 the command line. */
static int nearness(const dt_config *config, const char *name)
{
    int line = config->line[config_row(dt_setting_find(name))];
    if (!dt_config_is_given(config, name))
        return 0;
    return line > 0 ? 1 : line == DT_LINE_ENVIRONMENT ? 2 : 3;
}

/* Whether `name` was given, and `other` over it. */
static bool yields(const dt_config *config, const char *name, const char *other)
{
    return dt_config_is_given(config, name) && nearness(config, name) < nearness(config, other);
}

/* A setting that says of the layers what they do not say themselves: refused if it was given, but
 * for one over which layers were given. */
static dt_status refuse_beside_layers(const dt_config *config, const char *name, const char *said,
                                      dt_error *error)
{
    char text[DT_TEXT_MAX];
    if (!dt_config_is_given(config, name) || yields(config, name, "layers"))
        return DT_OK;
    return refuse_both(config, name, "layers", error,
                       "expected %s, as layers says, found %s; leave it out, or change layers",
                       said, dt_config_get(config, dt_setting_find(name), text));
}

static dt_status settle_activation(dt_config *config, dt_error *error)
{
    bool has, others;
    const char *said =
        dt_layers_hidden(&config->layers, dt_activation_names[config->activation], &has, &others);
    if (others && yields(config, "layers", "activation"))
        has = false; /* not for a part of them */
    dt_status status =
        said && !has ? refuse_beside_layers(config, "activation", said, error) : DT_OK;
    const char *is = said ? said : dt_setting_find("activation")->default_value;
    int found = dt_name_find(dt_activation_names, is);
    if (!status && !has && found >= 0)
        config->activation = found;
    return status;
}

/* Writes the layers out; what else speaks of them then says the same. */
static dt_status settle_layers(dt_config *config, dt_error *error)
{
    bool with, without;
    dt_layer_defaults defaults = config_layer_defaults(config);
    dt_status status = dt_layers_write_out(&config->layers, &defaults, error);
    if (status)
        return error ? dt_fail_in(error, "layers") : status;
    status = settle_activation(config, error);
    int output = dt_layers_end_in_softmax(&config->layers) ? DT_OUTPUT_SOFTMAX : DT_OUTPUT_IDENTITY;
    if (!status && config->output_activation != output)
        status = refuse_beside_layers(config, "output_activation",
                                      dt_output_activation_names[output], error);
    dt_layers_biases(&config->layers, &with, &without);
    bool contradicted = config->bias ? !with && without : with && !without;
    if (!status && contradicted)
        status = refuse_beside_layers(config, "bias", with ? "true" : "false", error);
    config->output_activation = output;
    config->bias = config->bias != contradicted;
    return status;
}

/* As far as they do not depend on the images, which are not known yet. */
static dt_status check_layers(const dt_config *config, dt_error *error)
{
    char text[DT_TEXT_MAX];
    int outputs = dt_layers_outputs(&config->layers);
    dt_status status = dt_layers_trainable(&config->layers, error);
    if (status)
        return error ? dt_fail_in(error, "layers") : status;
    if (config->classes > 0 && outputs > 0 && outputs != config->classes)
        return refuse_both(config, "layers", "classes", error,
                           "expected the last layer to have one output a class, %d, found %d in "
                           "'%.500s'; change layers or classes",
                           config->classes, outputs, dt_layers_text(&config->layers, text));
    return DT_OK;
}

static dt_status check_schedule(const dt_config *config, dt_error *error)
{
    dt_schedule_kind kind = (dt_schedule_kind)config->schedule;
    double lr = dt_config_peak_lr(config);
    if (dt_has_word(dt_schedule_facts_of(kind)->uses, "lr_min") && config->lr_min > lr)
        return refuse_both(config, "lr_min", "lr", error,
                           "expected at most lr, %.15g, with schedule = %s, found %.15g", lr,
                           dt_schedule_names[kind], config->lr_min);
    if (kind == DT_SCHEDULE_ONE_CYCLE && config->warmup_epochs > 0)
        return refuse_both(config, "warmup_epochs", "schedule", error,
                           "expected 0 with schedule = one-cycle (see pct_start), found %.15g",
                           config->warmup_epochs);
    if (kind == DT_SCHEDULE_PLATEAU && config->val_fraction <= 0.0)
        return refuse_both(config, "schedule", "val_fraction", error,
                           "plateau looks at the validation loss: set val_fraction too");
    return DT_OK;
}

static dt_status check_together(const dt_config *config, dt_error *error)
{
    dt_status status = check_layers(config, error);
    if (status)
        return status;
    if (config->split == DT_SPLIT_RANDOM && config->val_fraction <= 0.0)
        return refuse_both(config, "val_fraction", "split", error,
                           "expected more than 0 with split = random, found 0; the article holds "
                           "out 0.1");
    if (config->overwrite && strcmp(config->resume, "auto") == 0)
        return refuse_both(config, "overwrite", "resume", error,
                           "expected false with resume = auto, found true: go on with the run, or "
                           "replace it?");
    if (config->patience > 0 && config->val_fraction <= 0.0)
        return refuse_both(config, "patience", "val_fraction", error,
                           "expected 0 without validation samples, found %lld; it looks at the "
                           "validation accuracy: set val_fraction too",
                           (long long)config->patience);
    if (config->output_activation == DT_OUTPUT_SOFTMAX && config->loss == DT_CROSS_ENTROPY)
        return dt_config_is_given(config, "output_activation")
                   ? refuse_both(config, "output_activation", "loss", error,
                                 "expected identity with loss = cross-entropy, which contains the "
                                 "softmax, found softmax")
                   : refuse_both(config, "layers", "loss", error,
                                 "expected no softmax at the end with loss = cross-entropy, which "
                                 "contains it, found one; leave it out, or change loss");
    return check_schedule(config, error);
}

double dt_config_peak_lr(const dt_config *config)
{
    return dt_scale_lr((dt_lr_scaling)config->lr_scaling, config->lr, config->batch_size,
                       config->lr_batch);
}

int64_t dt_config_val_seed(const dt_config *config)
{
    return config->val_seed >= 0 ? config->val_seed : config->seed;
}

void dt_config_set_outputs(dt_config *config, int classes)
{
    if (!dt_config_is_given(config, "layers"))
        dt_layers_set_outputs(&config->layers, classes);
}

dt_status dt_config_resolve(dt_config *config, dt_error *error)
{
    dt_config resolved = *config;
    const dt_optimizer_facts *defaults = dt_optimizer_facts_of(config->optimizer);
    if (isnan(config->lr))
        resolved.lr = defaults->lr;
    if (isnan(config->beta2))
        resolved.beta2 = defaults->beta2;
    if (isnan(config->epsilon))
        resolved.epsilon = defaults->epsilon;
    if (isnan(config->weight_decay))
        resolved.weight_decay = defaults->weight_decay;

    dt_status status = settle_layers(&resolved, error);
    if (!status && config->classes > 0)
        dt_config_set_outputs(&resolved, config->classes);
    if (!status)
        status = check_together(&resolved, error);
    if (!status)
        *config = resolved;
    return status;
}

void dt_config_agree(dt_config *config)
{
    dt_config settled = *config;
    if (settle_layers(&settled, NULL))
        return;
    char meant[DT_LAYERS_TEXT], found[DT_LAYERS_TEXT];
    dt_layer_list written_out = settled.layers;
    settled.layers = config->layers;
    *config = settled;
    if (settle_layers(&settled, NULL) ||
        strcmp(dt_layers_text(&written_out, meant), dt_layers_text(&settled.layers, found)) != 0)
        config->layers = written_out;
}

void dt_config_unresolve(dt_config *config)
{
    dt_layer_defaults defaults = config_layer_defaults(config);
    dt_layers_shorten(&config->layers, &defaults);
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char now[DT_TEXT_MAX], found[DT_TEXT_MAX];
    for (size_t i = 0; i < count; i++) {
        dt_config open = *config, resolved;
        if (!settings[i].allow_auto || dt_config_set(&open, &settings[i], "auto", NULL))
            continue;
        open.given[i] = config->given[i];
        resolved = open;
        if (!dt_config_resolve(&resolved, NULL) &&
            strcmp(dt_config_get(config, &settings[i], now),
                   dt_config_get(&resolved, &settings[i], found)) == 0)
            *config = open;
    }
}

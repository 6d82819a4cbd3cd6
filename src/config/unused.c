#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

static const char *optimizer_uses(int kind)
{
    return dt_optimizer_names[kind] ? dt_optimizer_facts_of(kind)->uses : NULL;
}

static const char *schedule_uses(int kind)
{
    return dt_schedule_names[kind] ? dt_schedule_facts_of(kind)->uses : NULL;
}

/* Settings that make no difference while another one has a certain value. */
static const struct {
    const char *names, *other, *value;
} idle[] = {
    {"lr_batch", "lr_scaling", "none"},
    {"max_skips", "on_nonfinite", "stop"},
    {"val_seed", "val_fraction", "0"},
    {"decay_all", "weight_decay", "0"},
    {"base_momentum max_momentum", "cycle_momentum", "false"},
    {"overwrite", "output", "auto"},
};

/* The setting that decides that the one called `name` makes no difference; NULL: it may. */
static const char *find_decider(const dt_config *config, const char *name)
{
    char text[DT_TEXT_MAX];
    const char *scheduled = schedule_uses(config->schedule);
    const char *optimized = optimizer_uses(config->optimizer);
    bool cycles = dt_has_word(scheduled, "cycle_momentum");
    bool has_momentum = dt_has_word(optimized, "momentum") || dt_has_word(optimized, "beta1");
    if (dt_has_word_elsewhere(optimized, name, optimizer_uses))
        return "optimizer";
    if (dt_has_word_elsewhere(scheduled, name, schedule_uses))
        return "schedule";
    if (dt_has_word("cycle_momentum base_momentum max_momentum", name) && !has_momentum)
        return "optimizer";
    if (dt_has_word("momentum beta1", name) && cycles && config->cycle_momentum)
        return "cycle_momentum";
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (dt_has_word(idle[i].names, name) &&
            strcmp(dt_config_get(config, dt_setting_find(idle[i].other), text), idle[i].value) == 0)
            return idle[i].other;
    return NULL;
}

bool dt_config_is_unused(const dt_config *config, const dt_setting *setting, char why[DT_TEXT_MAX])
{
    char value[DT_TEXT_MAX];
    const char *decider = find_decider(config, setting->name);
    if (decider)
        snprintf(why, DT_TEXT_MAX, "%s = %.100s", decider,
                 dt_config_get(config, dt_setting_find(decider), value));
    return decider;
}

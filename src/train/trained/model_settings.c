#include "model_settings.h"

#include <stddef.h>
#include <string.h>

#include "nn/schedule.h"

/* Settings that are part of the network. normalize is among them but has no name in every file. */
static void put_spec(const dt_network_spec *spec, dt_config *config)
{
    config->layers = spec->architecture.list;
    config->classes = dt_architecture_outputs(&spec->architecture);
    config->loss = (int)spec->loss;
    for (int i = DT_NORMALIZE_UNIT; i <= DT_NORMALIZE_STANDARD; i++) {
        dt_normalization known = dt_normalization_of((dt_normalize)i);
        if (known.scale == spec->normalization.scale && known.shift == spec->normalization.shift)
            config->normalize = i;
    }
}

/* The settings of the file's run; of a file from elsewhere those that its list was read with. */
static dt_status read_settings(const char *path, const dt_config *asked, dt_model *self,
                               dt_error *error)
{
    dt_config_unnamed(&self->config);
    if (!self->file.own) {
        self->config.activation = asked->activation;
        self->config.bias = asked->bias;
    }
    const char *config = self->file.own ? self->file.facts.config : "";
    if (config[0] && dt_config_read_ini_text(&self->config, path, config, error)) {
        dt_fail_in(error, "the settings in the file");
        return error->status = DT_ERR_DATA;
    }
    put_spec(&self->spec, &self->config);
    /* What training alone needs validation samples for. */
    self->config.schedule = DT_SCHEDULE_CONSTANT;
    self->config.patience = 0;
    memset(self->config.given, 0, sizeof self->config.given);
    if (dt_config_resolve(&self->config, error)) {
        dt_fail_in(error, "the settings in the file");
        return error->status = DT_ERR_DATA;
    }
    return DT_OK;
}

/* Whether a setting that was asked for is the file's. */
static dt_status check_asked(const dt_config *asked, const dt_model *self, dt_error *error)
{
    static const char *const network[] = {"classes", "layers", "activation", "output_activation",
                                          "bias",    "loss",   "normalize"};
    char text[DT_TEXT_MAX], own[DT_TEXT_MAX];
    dt_config meant = self->config;
    for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
        const dt_setting *setting = dt_setting_find(network[i]);
        if (!dt_config_is_given(asked, network[i]))
            continue;
        bool layers = setting->offset == offsetof(dt_config, layers);
        if (layers) {
            meant.layers = asked->layers;
            if (dt_config_resolve(&meant, error))
                return error->status;
        }
        dt_config_get(layers ? &meant : asked, setting, text);
        dt_config_get(&self->config, setting, own);
        if (strcmp(text, own) != 0)
            return dt_fail(error, DT_ERR_CONFIG,
                           "%s: expected %.300s, as this file has it, found %.300s; leave it out",
                           network[i], own, text);
    }
    return DT_OK;
}

dt_status model_settle(const char *path, const dt_config *asked, dt_model *out, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char text[DT_TEXT_MAX];
    dt_status status = read_settings(path, asked, out, error);
    if (!status)
        status = check_asked(asked, out, error);
    for (size_t i = 0; i < count && !status; i++)
        if (asked->given[i] && settings[i].offset != offsetof(dt_config, layers))
            status = dt_config_set(&out->config, &settings[i],
                                   dt_config_get(asked, &settings[i], text), error);
    memcpy(out->config.given, asked->given, sizeof asked->given);
    return status;
}

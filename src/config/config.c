#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "place.h"
#include "size.h"

#define FOUND_MAX 60

ptrdiff_t config_row(const dt_setting *setting)
{
    size_t count;
    return setting - dt_settings(&count);
}

static dt_status refuse(const dt_setting *setting, const char *text, dt_error *error)
{
    char expected[DT_TEXT_MAX];
    dt_suggestion search = {.typed = text};
    for (size_t i = 0; setting->type == DT_SETTING_ENUM && setting->names[i]; i++)
        dt_suggest_offer(&search, setting->names[i]);
    return dt_fail(error, DT_ERR_CONFIG, "expected %s, found '%.*s%s'%s%s%s",
                   dt_setting_expects(setting, expected), FOUND_MAX, text,
                   strlen(text) > FOUND_MAX ? "..." : "", search.word ? "; did you mean '" : "",
                   search.word ? search.word : "", search.word ? "'?" : "");
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const words[2][5] = {{"false", "no", "off", "0", NULL},
                                            {"true", "yes", "on", "1", NULL}};
    for (int answer = 0; answer < 2; answer++)
        for (int i = 0; words[answer][i]; i++)
            if (strcmp(text, words[answer][i]) == 0) {
                *value = answer;
                return true;
            }
    return false;
}

static int64_t auto_integer(const dt_setting *setting)
{
    return (int64_t)setting->min - 1;
}

/* One beyond int64_t comes clamped from strtoll, which is beyond every setting's range too. */
static bool parse_integer(const dt_setting *setting, const char *text, int64_t *value)
{
    char *end;
    if (setting->allow_auto && strcmp(text, "auto") == 0) {
        *value = auto_integer(setting);
        return true;
    }
    if (!isdigit((unsigned char)text[text[0] == '-']))
        return false;
    *value = strtoll(text, &end, 10);
    return *value >= (int64_t)setting->min && *value <= (int64_t)setting->max && *end == '\0';
}

static bool parse_real(const dt_setting *setting, const char *text, double *value)
{
    if (setting->allow_auto && strcmp(text, "auto") == 0) {
        *value = (double)NAN;
        return true;
    }
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    char *end;
    errno = 0;
    double parsed = strtod(text, &end);
    bool underflow = errno == ERANGE && parsed == 0.0;
    if (*end != '\0' || underflow || !(parsed >= setting->min && parsed <= setting->max))
        return false;
    *value = parsed == 0.0 ? 0.0 : parsed; /* no -0 */
    return true;
}

static bool parse_enum(const dt_setting *setting, const char *text, int *value)
{
    int found = dt_name_find(setting->names, text);
    if (found >= 0)
        *value = found;
    return found >= 0;
}

static bool parse_text(const char *text, char value[DT_NAME_MAX])
{
    size_t length = strlen(text);
    if (length == 0 || length >= DT_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (iscntrl((unsigned char)text[i]))
            return false;
    memset(value, 0, DT_NAME_MAX);
    memcpy(value, text, length);
    return true;
}

dt_status dt_config_set(dt_config *config, const dt_setting *setting, const char *text,
                        dt_error *error)
{
    void *field = (char *)config + setting->offset;
    bool good = false;
    int64_t integer;
    switch (setting->type) {
    case DT_SETTING_BOOL:
        good = parse_bool(text, field);
        break;
    case DT_SETTING_INT:
        good = parse_integer(setting, text, &integer);
        if (good)
            *(int *)field = (int)integer;
        break;
    case DT_SETTING_INT64:
        good = parse_integer(setting, text, &integer);
        if (good)
            *(int64_t *)field = integer;
        break;
    case DT_SETTING_REAL:
        good = parse_real(setting, text, field);
        break;
    case DT_SETTING_ENUM:
        good = parse_enum(setting, text, field);
        break;
    case DT_SETTING_TEXT:
        good = parse_text(text, field);
        break;
    case DT_SETTING_SIZE:
        good = size_parse(setting, text, field);
        break;
    case DT_SETTING_LIST:
        if (text[0] && setting->list->parse(text, field, error))
            return DT_ERR_CONFIG;
        good = text[0];
        break;
    }
    if (!good)
        return refuse(setting, text, error);
    config->given[config_row(setting)] = true;
    config->line[config_row(setting)] = 0;
    return DT_OK;
}

static void get_integer(const dt_setting *setting, int64_t value, char text[DT_TEXT_MAX])
{
    if (setting->allow_auto && value == auto_integer(setting))
        snprintf(text, DT_TEXT_MAX, "auto");
    else
        snprintf(text, DT_TEXT_MAX, "%" PRId64, value);
}

static void get_real(double value, char text[DT_TEXT_MAX])
{
    dt_text real = {.text = text, .size = DT_TEXT_MAX};
    if (isnan(value))
        dt_text_add(&real, "auto");
    else
        dt_text_add_real(&real, value);
}

char *dt_config_get(const dt_config *config, const dt_setting *setting, char text[DT_TEXT_MAX])
{
    const void *value = (const char *)config + setting->offset;
    switch (setting->type) {
    case DT_SETTING_BOOL:
        snprintf(text, DT_TEXT_MAX, "%s", *(const bool *)value ? "true" : "false");
        break;
    case DT_SETTING_INT:
        get_integer(setting, *(const int *)value, text);
        break;
    case DT_SETTING_INT64:
        get_integer(setting, *(const int64_t *)value, text);
        break;
    case DT_SETTING_REAL:
        get_real(*(const double *)value, text);
        break;
    case DT_SETTING_ENUM:
        snprintf(text, DT_TEXT_MAX, "%s", setting->names[*(const int *)value]);
        break;
    case DT_SETTING_TEXT:
        snprintf(text, DT_TEXT_MAX, "%s", (const char *)value);
        break;
    case DT_SETTING_SIZE:
        size_write(value, text);
        break;
    case DT_SETTING_LIST:
        setting->list->write(value, text);
        break;
    }
    return text;
}

dt_layer_defaults config_layer_defaults(const dt_config *config)
{
    return (dt_layer_defaults){.hidden = dt_activation_names[config->activation],
                               .output = dt_output_activation_names[config->output_activation],
                               .bias = config->bias};
}

/* A list that is written out is the default's, written out with the same settings. */
static bool layers_are_default(const dt_config *config, const dt_setting *setting)
{
    char own[DT_LAYERS_TEXT], other[DT_LAYERS_TEXT];
    dt_layer_list list = config->layers, preset;
    dt_layer_defaults defaults = config_layer_defaults(config);
    (void)dt_layers_parse(setting->default_value, &preset, NULL);
    (void)dt_layers_write_out(&preset, &defaults, NULL);
    (void)dt_layers_write_out(&list, &defaults, NULL);
    return strcmp(dt_layers_text(&list, own), dt_layers_text(&preset, other)) == 0;
}

bool dt_config_is_default(const dt_config *config, const dt_setting *setting)
{
    char text[DT_TEXT_MAX];
    if (setting->offset == offsetof(dt_config, layers))
        return layers_are_default(config, setting);
    return strcmp(dt_config_get(config, setting, text), setting->default_value) == 0;
}

static void set_all(dt_config *config, bool unnamed)
{
    size_t count;
    const dt_setting *it = dt_settings(&count);
    memset(config, 0, sizeof *config);
    for (const dt_setting *end = it + count; it < end; it++)
        (void)dt_config_set(config, it, unnamed && it->unnamed ? it->unnamed : it->default_value,
                            NULL);
    memset(config->given, 0, sizeof config->given);
}

void dt_config_defaults(dt_config *config)
{
    set_all(config, false);
}

void dt_config_unnamed(dt_config *config)
{
    set_all(config, true);
}

bool dt_config_is_given(const dt_config *config, const char *name)
{
    return config->given[config_row(dt_setting_find(name))];
}

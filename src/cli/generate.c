#include "generate.h"

#include <ctype.h>
#include <string.h>

static void (*const writers[])(FILE *out) = {dt_generate_man, dt_generate_bash};

const char *const dt_generate_names[] = {"man", "bash", NULL};

void dt_generate(const char *name, FILE *out)
{
    for (size_t i = 0; dt_generate_names[i]; i++)
        if (strcmp(name, dt_generate_names[i]) == 0)
            writers[i](out);
}

bool dt_flag_is_common(const dt_flag *flag)
{
    return flag->commands == (1U << DT_COMMANDS) - 1;
}

const char *dt_flag_help(const dt_flag *flag)
{
    return dt_flag_is_common(flag) ? flag->help : strstr(flag->help, ": ") + 2;
}

void dt_setting_add_value_word(const dt_setting *setting, dt_text *out)
{
    static const char *const words[] = {
        [DT_SETTING_BOOL] = "",
        [DT_SETTING_INT] = " N",
        [DT_SETTING_INT64] = " N",
        [DT_SETTING_REAL] = " X",
        [DT_SETTING_ENUM] = " NAME",
        [DT_SETTING_TEXT] = " TEXT",
        [DT_SETTING_LAYERS] = " LAYER,...",
    };
    if (!setting->unit) {
        dt_text_add(out, "%s", words[setting->type]);
        return;
    }
    dt_text_add(out, " ");
    for (const char *c = setting->unit; *c; c++)
        dt_text_add(out, "%c", toupper((unsigned char)*c));
}

static void add_range(const dt_setting *setting, dt_text *out)
{
    dt_text_add(out, setting->max == 0x1p53 ? "at least %.15g" : "%.15g to %.15g", setting->min,
                setting->max);
    if (setting->unit)
        dt_text_add(out, " %s", setting->unit);
}

void dt_setting_add_values(const dt_setting *setting, dt_text *out)
{
    if (setting->allow_auto)
        dt_text_add(out, "auto, or ");
    for (const char *const *name = setting->names; name && *name; name++)
        dt_text_add(out, "%s%s", name == setting->names ? "" : ", ", *name);
    switch (setting->type) {
    case DT_SETTING_BOOL:
        dt_text_add(out, "true, false");
        break;
    case DT_SETTING_INT:
    case DT_SETTING_INT64:
        dt_text_add(out, "integer, ");
        add_range(setting, out);
        break;
    case DT_SETTING_REAL:
        add_range(setting, out);
        break;
    case DT_SETTING_ENUM:
        break;
    case DT_SETTING_TEXT:
        dt_text_add(out, "%s%s", setting->names ? ", or a " : "",
                    setting->unit ? setting->unit : "text");
        break;
    case DT_SETTING_LAYERS:
        dt_text_add(out, "layers, separated by commas (--help layers)");
        break;
    }
}

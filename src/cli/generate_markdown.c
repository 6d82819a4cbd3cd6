#include <string.h>

#include "generate.h"

/* Text that Markdown shows as it is. */
static void put(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else
            fprintf(out, strchr("|*\\`", *text) ? "\\%c" : "%c", *text);
    }
}

void dt_generate_markdown(FILE *out)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        const dt_setting *setting = &settings[i];
        if (i == 0 || strcmp(setting->section, settings[i - 1].section) != 0)
            fprintf(out, "%s| [%s] | default | values | |\n| --- | --- | --- | --- |\n",
                    i ? "\n" : "", setting->section);
        char values[DT_TEXT_MAX], name[DT_VARIABLE_MAX];
        dt_text text = {.text = values, .size = sizeof values};
        dt_setting_add_values(setting, &text);
        fprintf(out, "| `--%s` | `%s` | ", dt_options_name(setting, name), setting->default_value);
        put(out, values);
        fputs(" | ", out);
        put(out, setting->help);
        fputs(" |\n", out);
    }
}

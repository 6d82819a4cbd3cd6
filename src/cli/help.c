#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/options.h"
#include "generate.h"
#include "topics.h"
#include "nn/layer.h"

#define WIDTH  80
#define INDENT 28

/* The text from `column` on, broken at blanks and indented. */
static void print_text(FILE *out, int column, int indent, const char *text)
{
    column += fprintf(out, "%*s", indent - column, "");
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > WIDTH)
            column = fprintf(out, "\n%*s", indent, "") - 1;
        column += fprintf(out, "%s%.*s", column > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* "  TERM   text" */
static void print_entry(FILE *out, const char *term, const char *text)
{
    int column = fprintf(out, "  %s ", term);
    if (column > INDENT) {
        fputc('\n', out);
        column = 0;
    }
    print_text(out, column, INDENT, text);
}

static void print_flags(FILE *out)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    fprintf(out, "\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        dt_text term = {.text = (char[WIDTH]){""}, .size = WIDTH};
        if (flags[i].letter)
            dt_text_add(&term, "-%c, ", flags[i].letter);
        dt_text_add(&term, "--%s", flags[i].name);
        if (flags[i].value)
            dt_text_add(&term, " %s", flags[i].value);
        dt_text text = {.text = (char[2 * DT_TEXT_MAX]){""}, .size = 2 * DT_TEXT_MAX};
        dt_text_add(&text, "%s", flags[i].help);
        for (const char *const *name = flags[i].names; name && *name; name++)
            dt_text_add(&text, "%s%s", name == flags[i].names ? "; " : ", ", *name);
        print_entry(out, term.text, text.text);
    }
}

/* True when the help already says what each name means. */
static bool explains_names(const dt_setting *setting)
{
    for (const char *const *name = setting->names; *name; name++)
        if (!strstr(setting->help, *name))
            return false;
    return true;
}

static void print_setting(FILE *out, const dt_setting *setting)
{
    char name[DT_VARIABLE_MAX], expects[DT_TEXT_MAX];
    dt_text term = {.text = (char[WIDTH]){""}, .size = WIDTH};
    dt_text_add(&term, "--%s%s", setting->type == DT_SETTING_BOOL ? "[no-]" : "",
                dt_options_name(setting, name));
    dt_setting_add_value_word(setting, &term);
    dt_text text = {.text = (char[2 * DT_TEXT_MAX]){""}, .size = 2 * DT_TEXT_MAX};
    dt_text_add(&text, "%s", setting->help);
    if (setting->type == DT_SETTING_ENUM && !explains_names(setting))
        dt_text_add(&text, "; %s", dt_setting_expects(setting, expects));
    dt_text_add(&text, " [%s]", setting->default_value);
    print_entry(out, term.text, text.text);
}

static void print_settings(FILE *out)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    fprintf(out, "\nSettings, by their sections in INI files, with their defaults in brackets.\n"
                 "--print-config says more of each: the values that it takes, and its range.\n");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(settings[i].section, settings[i - 1].section) != 0)
            fprintf(out, "\n[%s]\n", settings[i].section);
        print_setting(out, &settings[i]);
    }
}

void dt_options_print_help(FILE *out)
{
    for (const char *const *usage = dt_usage; *usage; usage++)
        fprintf(out, "%s%s\n", usage == dt_usage ? "Usage: " : "       ", *usage);
    fprintf(out, "\n%c%s.\n\nCommands:\n", toupper((unsigned char)dt_purpose[0]), dt_purpose + 1);
    for (int i = 0; i < DT_COMMANDS; i++)
        print_entry(out, dt_command_infos[i].name, dt_command_infos[i].help);
    print_flags(out);
    print_settings(out);
    fputc('\n', out);
    print_text(out, 0, 0, dt_sources);
    fprintf(out, "\nExamples:\n");
    for (const dt_topic *topic = dt_examples; topic->term; topic++)
        fprintf(out, "  %s\n", topic->term);
    fprintf(out, "\nExit codes:\n");
    for (const dt_topic *topic = dt_exit_codes; topic->term; topic++)
        fprintf(out, "  %2s  %s\n", topic->term, topic->text);
}

static void print_argument(FILE *out, const dt_layer_argument *argument)
{
    char term[WIDTH], text[2 * WIDTH], values[64];
    snprintf(term, sizeof term, "  %s", argument->name);
    dt_text says = {.text = text, .size = sizeof text};
    dt_layer_argument_expects(argument, values, sizeof values);
    dt_text_add(&says, "%s; %s", argument->help, values);
    if (argument->preset)
        dt_text_add(&says, " [%s]", argument->preset);
    print_entry(out, term, text);
}

static void print_kind(FILE *out, const dt_layer_kind *kind)
{
    char term[WIDTH];
    dt_text says = {.text = term, .size = sizeof term};
    dt_text_add(&says, "%s", kind->name);
    for (int i = 0; i < kind->argument_count; i++)
        if (!kind->arguments[i].preset)
            dt_text_add(&says, " %s", kind->arguments[i].name);
    print_entry(out, term, kind->help);
    for (int i = 0; i < kind->argument_count; i++)
        print_argument(out, &kind->arguments[i]);
}

void dt_options_print_layers(FILE *out)
{
    fprintf(out, "--layers ITEM, ITEM, ...\n\n");
    print_text(out, 0, 0,
               "An item is KIND VALUE... [NAME VALUE]... [ACTIVATION]: what a layer is, the values "
               "that it must have, those that it may have, and what stands behind it. A number "
               "alone is a dense layer with so many outputs, with --bias and --activation as they "
               "are set; behind the last one stands --output-activation.");
    fprintf(out, "\nKinds of layers:\n");
    for (int i = 0; dt_layer_kind_at(i); i++)
        if (!dt_layer_kind_at(i)->follows)
            print_kind(out, dt_layer_kind_at(i));
    fprintf(out, "\nActivations, which may also be items of their own:\n");
    for (int i = 0; dt_layer_kind_at(i); i++)
        if (dt_layer_kind_at(i)->follows)
            print_kind(out, dt_layer_kind_at(i));
    fprintf(out, "\nThe same network three times:\n"
                 "  --layers 128,64,10\n"
                 "  --layers \"dense 128 relu, dense 64 relu, dense 10\"\n"
                 "  --layers \"dense 128, relu, dense 64, relu, dense 10\"\n"
                 "An activation for each layer, one without biases:\n"
                 "  --layers \"dense 128 bias false relu, dense 64 tanh, dense 10\"\n");
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-_./,:+@%", *text))
            return false;
    return true;
}

static void add_for_shell(dt_text *to, const char *text)
{
    if (is_plain(text)) {
        dt_text_add(to, "%s", text);
        return;
    }
    bool quoted = false;
    for (; *text; text++) {
        bool must_quote = *text != '\'';
        if (quoted != must_quote)
            dt_text_add(to, "'");
        quoted = must_quote;
        dt_text_add(to, quoted ? "%c" : "\\%c", *text);
    }
    if (quoted)
        dt_text_add(to, "'");
}

size_t dt_options_describe_changes(const dt_config *config, char *text, size_t size)
{
    dt_text out = {.text = text, .size = size};
    if (size > 0)
        text[0] = '\0';
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        char name[DT_VARIABLE_MAX], value[DT_TEXT_MAX];
        const dt_setting *setting = &settings[i];
        if (dt_config_is_default(config, setting))
            continue;
        dt_config_get(config, setting, value);
        bool is_switch = setting->type == DT_SETTING_BOOL;
        dt_text_add(&out, "%s--%s%s", out.length ? " " : "",
                    is_switch && value[0] == 'f' ? "no-" : "", dt_options_name(setting, name));
        if (is_switch)
            continue;
        dt_text_add(&out, strncmp(value, "--", 2) == 0 ? "=" : " ");
        add_for_shell(&out, value);
    }
    return out.length;
}

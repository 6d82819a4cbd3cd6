#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/options.h"

#define WIDTH  80
#define INDENT 28

/* "  TERM   text", the text broken at blanks and indented. */
static void print_entry(FILE *out, const char *term, const char *text)
{
    int column = fprintf(out, "  %s ", term);
    if (column > INDENT) {
        fputc('\n', out);
        column = 0;
    }
    column += fprintf(out, "%*s", INDENT - column, "");
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > INDENT && column + 1 + length > WIDTH)
            column = fprintf(out, "\n%*s", INDENT, "") - 1;
        column += fprintf(out, "%s%.*s", column > INDENT ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
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
        print_entry(out, term.text, flags[i].help);
    }
}

/* What stands for the value: the unit in capitals, or the kind of value. */
static void add_value_word(dt_text *term, const dt_setting *setting)
{
    static const char *const words[] = {
        [DT_SETTING_BOOL] = "",
        [DT_SETTING_INT] = " N",
        [DT_SETTING_INT64] = " N",
        [DT_SETTING_REAL] = " X",
        [DT_SETTING_ENUM] = " NAME",
        [DT_SETTING_TEXT] = " TEXT",
        [DT_SETTING_INT_LIST] = " N,N,...",
    };
    if (!setting->unit) {
        dt_text_add(term, "%s", words[setting->type]);
        return;
    }
    dt_text_add(term, " ");
    for (const char *c = setting->unit; *c; c++)
        dt_text_add(term, "%c", toupper((unsigned char)*c));
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
    add_value_word(&term, setting);
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
    fprintf(out, "Usage: dist-train [COMMAND] [OPTIONS] [FILE...]\n"
                 "       mpirun -np RANKS dist-train [COMMAND] [OPTIONS]\n"
                 "\n"
                 "Trains image classifiers on MNIST-type data on any number of MPI ranks.\n"
                 "\n"
                 "Commands:\n");
    for (int i = 0; i < DT_COMMANDS; i++)
        print_entry(out, dt_command_infos[i].name, dt_command_infos[i].help);
    print_flags(out);
    print_settings(out);
    fprintf(out, "\n"
                 "Each setting can also come from the environment (--batch-size from\n"
                 "DIST_TRAIN_BATCH_SIZE) and from the file of --config (batch_size = 64). The\n"
                 "command line wins over the environment, that over the file.\n"
                 "\n"
                 "Examples:\n"
                 "  mpirun -np 8 ./dist-train\n"
                 "  ./dist-train --config configs/mnist.ini --output runs/mnist\n"
                 "  mpirun -np 2 ./dist-train --layers 500,300,10 --lr 0.01 --optimizer momentum\n"
                 "  mpirun -np 8 ./dist-train --output runs/a --resume auto\n"
                 "  ./dist-train --config configs/article-numpy.ini --dry-run\n"
                 "  ./dist-train eval --weights runs/latest/weights.h5 --split test\n"
                 "  ./dist-train predict --weights runs/latest/weights.h5 digit.png\n"
                 "\n"
                 "Exit codes:\n"
                 "   0  done                 71  no step for --stall-timeout\n"
                 "  64  wrong usage          73  cannot create a file\n"
                 "  65  bad data             74  reading or writing failed\n"
                 "  66  missing input        75  stopped on request: --resume auto goes on\n"
                 "  70  internal error       78  bad setting\n");
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

#include <string.h>

#include "generate.h"

static bool is_common(const dt_flag *flag)
{
    return flag->commands == (1U << DT_COMMANDS) - 1;
}

/* Without the commands in front. */
static const char *flag_help(const dt_flag *flag)
{
    return is_common(flag) ? flag->help : strstr(flag->help, ": ") + 2;
}

/* Text as roff shows it: a hyphen that can be copied, no request at the start of a line. */
static void put(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++)
        switch (*text) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        default:
            fputc(*text, out);
        }
}

static void put_in(FILE *out, char font, const char *text)
{
    fprintf(out, "\\f%c", font);
    put(out, text);
    fputs("\\fR", out);
}

static void put_topics(FILE *out, const help_topic *topics, char font)
{
    for (; topics->term; topics++) {
        fputs(".TP\n", out);
        put_in(out, font, topics->term);
        fputc('\n', out);
        put(out, topics->text);
        fputc('\n', out);
    }
}

static void put_heading(FILE *out)
{
    fprintf(out, ".\\\" Made by dist-train --generate man.\n"
                 ".TH DIST-TRAIN 1 \"\" \"dist-train " DT_VERSION "\" \"User Commands\"\n"
                 ".nh\n.ad l\n.SH NAME\ndist\\-train \\- ");
    put(out, purpose);
    fputs("\n.SH SYNOPSIS\n", out);
    for (const char *const *usage = usage_text; *usage; usage++) {
        if (usage != usage_text)
            fputs(".br\n", out);
        put_in(out, 'B', *usage);
        fputc('\n', out);
    }
    fputs(".SH DESCRIPTION\n", out);
    for (const char *const *text = description; *text; text++) {
        if (text != description)
            fputs(".PP\n", out);
        put(out, *text);
        fputc('\n', out);
    }
}

static bool is_section(const char *name)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].section, name) == 0)
            return true;
    return false;
}

/* The settings of a command: sections and single ones. */
static void put_taken(FILE *out, const char *words)
{
    if (!words || !*words)
        fputs(words ? "none" : "all", out);
    while (words && *words) {
        int length = (int)strcspn(words, " ");
        char word[DT_VARIABLE_MAX];
        snprintf(word, sizeof word, "%.*s", length, words);
        fprintf(out, is_section(word) ? "[%s]" : "\\-\\-%s", word);
        words += length + (int)strspn(words + length, " ");
        fputs(*words ? ", " : "", out);
    }
}

static void put_commands(FILE *out)
{
    fputs(".SH COMMANDS\n", out);
    for (int i = 0; i < DT_COMMANDS; i++) {
        const dt_command_info *info = &dt_command_infos[i];
        fputs(".TP\n", out);
        put_in(out, 'B', info->name);
        if (info->files) {
            fputc(' ', out);
            put_in(out, 'I', info->files);
            fputs("...", out);
        }
        fputc('\n', out);
        put(out, info->help);
        fputs("\n.br\nSettings: ", out);
        put_taken(out, info->settings);
        fputc('\n', out);
    }
}

static void put_flag(FILE *out, const dt_flag *flag)
{
    char values[DT_TEXT_MAX] = "";
    dt_text text = {.text = values, .size = sizeof values};
    flag_add_values(flag, &text);
    fputs(".TP\n", out);
    if (flag->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", flag->letter);
    fputs("\\fB\\-\\-\\fR", out);
    put_in(out, 'B', flag->name);
    if (flag->value) {
        fputc(' ', out);
        put_in(out, 'I', flag->value);
    }
    fputc('\n', out);
    put(out, flag_help(flag));
    put(out, values);
    fputc('\n', out);
}

static void put_flags(FILE *out)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    fputs(".SH OPTIONS\nDashes and underscores in names are alike; a value stands behind a blank "
          "or =.\n",
          out);
    for (size_t i = 0; i < count; i++)
        if (is_common(&flags[i]))
            put_flag(out, &flags[i]);
    for (int command = 0; command < DT_COMMANDS; command++) {
        bool first = true;
        for (size_t i = 0; i < count; i++) {
            if (is_common(&flags[i]) || !(flags[i].commands & 1U << command))
                continue;
            if (first)
                fprintf(out, ".SS Of %s\n", dt_command_infos[command].name);
            first = false;
            put_flag(out, &flags[i]);
        }
    }
}

static void put_setting(FILE *out, const dt_setting *setting)
{
    static const char *const rules[] = {
        [DT_RESUME_FIXED] = "Fixed for the life of a run.",
        [DT_RESUME_TURN] = "A resumed run may change it, with a warning.",
        [DT_RESUME_FREE] = "A resumed run may change it.",
        [DT_RESUME_NEW] = "Counts for one start, not for the run.",
    };
    char name[DT_VARIABLE_MAX], values[DT_TEXT_MAX], word[DT_VARIABLE_MAX] = "";
    dt_text word_text = {.text = word, .size = sizeof word};
    setting_add_value_word(setting, &word_text);
    fputs(".TP\n\\fB\\-\\-\\fR", out);
    if (setting->type == DT_SETTING_BOOL)
        fputs("[\\fBno\\-\\fR]", out);
    put_in(out, 'B', dt_options_name(setting, name));
    put_in(out, 'I', word);
    fputc('\n', out);
    put(out, setting->help);
    fputs("\n.br\nValues: ", out);
    put(out, dt_setting_expects(setting, values));
    fputs("; default: ", out);
    put(out, setting->default_value);
    fprintf(out, ". %s\n", rules[setting->on_resume]);
}

static void put_settings(FILE *out)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    fputs(".SH SETTINGS\n", out);
    put(out, sources);
    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(settings[i].section, settings[i - 1].section) != 0)
            fprintf(out, ".SS [%s]\n", settings[i].section);
        put_setting(out, &settings[i]);
    }
}

void generate_man(FILE *out)
{
    put_heading(out);
    put_commands(out);
    put_flags(out);
    put_settings(out);
    fputs(".SH ENVIRONMENT\n", out);
    put_topics(out, variables, 'B');
    fputs(".SH FILES\n\\fIRUN\\fR is the directory of \\-\\-output.\n", out);
    put_topics(out, file_topics, 'I');
    fputs(".SH EXIT STATUS\nmpirun ends with the first of these that is not 0.\n", out);
    put_topics(out, exit_codes, 'B');
    fputs(".SH EXAMPLES\n", out);
    put_topics(out, examples, 'B');
    fputs(".SH SEE ALSO\n\\fBmpirun\\fR(1), \\fBsbatch\\fR(1), \\fBh5dump\\fR(1)\n", out);
}

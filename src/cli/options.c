#include "cli/options.h"

#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/text.h"
#include "generate.h"

#define PREFIX    "DIST_TRAIN_"
#define FOUND_MAX 60

/* An argument taken apart: --NAME, --NAME=VALUE, --no-NAME, -LETTER. */
typedef struct option {
    char name[DT_VARIABLE_MAX]; /* with its dashes, for messages */
    const char *value;          /* behind "="; NULL: none */
    const dt_flag *flag;        /* one of flag and setting, when the name is known */
    const dt_setting *setting;
    bool negated;
} option;

static char *with_case(const char *prefix, const char *name, bool upper, char text[DT_VARIABLE_MAX])
{
    size_t length = (size_t)snprintf(text, DT_VARIABLE_MAX, "%s%s", prefix, name);
    for (size_t i = 0; i < length && i < DT_VARIABLE_MAX; i++)
        text[i] = upper ? (char)toupper((unsigned char)text[i]) : text[i] == '_' ? '-' : text[i];
    return text;
}

char *dt_options_variable(const dt_setting *setting, char text[DT_VARIABLE_MAX])
{
    return with_case(PREFIX, setting->name, true, text);
}

char *dt_options_name(const dt_setting *setting, char text[DT_VARIABLE_MAX])
{
    return with_case("", setting->name, false, text);
}

static dt_status unknown_option(const char *name, dt_error *error)
{
    dt_suggestion search = {.typed = name + strspn(name, "-")};
    size_t flag_count, count;
    const dt_flag *flags = dt_flags(&flag_count);
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < flag_count; i++)
        dt_suggest_offer(&search, flags[i].name);
    for (size_t i = 0; i < count; i++)
        dt_suggest_offer(&search, settings[i].name);
    if (!search.word)
        return dt_fail(error, DT_ERR_USAGE, "unknown option %s; --help lists the options", name);
    char near[DT_VARIABLE_MAX];
    return dt_fail(error, DT_ERR_USAGE, "unknown option %s; did you mean --%s?", name,
                   with_case("", search.word, false, near));
}

bool dt_command_takes(dt_command command, const dt_setting *setting)
{
    const char *words = dt_command_infos[command].settings;
    return !words || dt_has_word(words, setting->name) || dt_has_word(words, setting->section);
}

/* The flag of `command`, or, without one, of another command. */
static const dt_flag *find_flag(const char *name, bool is_letter, dt_command command)
{
    const dt_flag *found = NULL;
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++) {
        bool same = is_letter ? flags[i].letter && name[0] == flags[i].letter
                              : dt_edit_distance(name, flags[i].name) == 0;
        if (same && flags[i].commands & 1U << command)
            return &flags[i];
        if (same)
            found = &flags[i];
    }
    return found;
}

static dt_status find_option(const char *argument, dt_command command, option *out, dt_error *error)
{
    *out = (option){.value = strchr(argument, '=')};
    size_t length = strcspn(argument, "=");
    snprintf(out->name, sizeof out->name, "%.*s", length > FOUND_MAX ? FOUND_MAX : (int)length,
             argument);
    out->value += out->value ? 1 : 0;

    const char *name = out->name + 2;
    bool is_long = strncmp(out->name, "--", 2) == 0 && length <= FOUND_MAX;
    bool is_letter = !is_long && length == 2;
    const dt_flag *flag =
        is_long || is_letter ? find_flag(is_long ? name : out->name + 1, is_letter, command) : NULL;
    out->setting = is_long ? dt_setting_find(name) : NULL;
    if (flag && (flag->commands & 1U << command || !out->setting)) {
        out->flag = flag;
        out->setting = NULL;
    }
    if (is_long && !out->flag && !out->setting && strncmp(name, "no", 2) == 0 && name[2]) {
        out->setting = dt_setting_find(name + 3);
        out->negated = true;
        if (out->setting && (out->setting->type != DT_SETTING_BOOL || !strchr("-_", name[2])))
            out->setting = NULL;
    }
    return out->flag || out->setting ? DT_OK : unknown_option(out->name, error);
}

/* The setting that `word` names, of those with a help of their own: --help layers. NULL: none. */
static const dt_setting *find_topic(const char *word)
{
    const dt_setting *setting = word ? dt_setting_find(word) : NULL;
    return setting && dt_options_is_topic(setting) ? setting : NULL;
}

/* A word behind --help is a topic, or a command, of which --help tells too. */
static dt_status choose_topic(const char *word, dt_invocation *out, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_suggestion search = {.typed = word};
    out->topic = find_topic(word);
    if (out->topic || !word || word[0] == '-' || dt_command_infos[out->command].files)
        return DT_OK;
    for (int i = 0; i < DT_COMMANDS; i++) {
        if (strcmp(word, dt_command_infos[i].name) == 0)
            return DT_OK;
        dt_suggest_offer(&search, dt_command_infos[i].name);
    }
    for (size_t i = 0; i < count; i++)
        if (find_topic(settings[i].name))
            dt_suggest_offer(&search, settings[i].name);
    return dt_fail(error, DT_ERR_USAGE, "no help on '%.*s'%s%s%s", FOUND_MAX, word,
                   search.word ? "; did you mean '" : "; --help alone lists all settings",
                   search.word ? search.word : "", search.word ? "'?" : "");
}

/* --help=layers */
static bool has_topic(const option *it)
{
    return it->flag && it->flag->offset == offsetof(dt_invocation, help) && find_topic(it->value);
}

/* Gives the option the value that does not stand behind "="; moves *at on to the next argument when
 * that is it. */
static dt_status complete_option(option *it, int argc, char *const argv[], int *at, dt_error *error)
{
    bool is_switch = it->flag ? !it->flag->value : it->setting->type == DT_SETTING_BOOL;
    if (it->value && has_topic(it))
        return DT_OK;
    if (it->value && (it->negated || (it->flag && is_switch)))
        return dt_fail(error, DT_ERR_USAGE, "%s: expected no value, found '%.*s'", it->name,
                       FOUND_MAX, it->value);
    if (it->value)
        return DT_OK;
    if (is_switch)
        it->value = it->negated ? "false" : "true";
    else if (*at + 1 < argc && strncmp(argv[*at + 1], "--", 2) != 0)
        it->value = argv[++*at];
    else
        return dt_fail(error, DT_ERR_USAGE, "%s: expected a value, found %.*s", it->name, FOUND_MAX,
                       *at + 1 < argc ? argv[*at + 1] : "the end of the command line");
    return DT_OK;
}

static dt_status repeated(const option *it, dt_error *error)
{
    return dt_fail(error, DT_ERR_USAGE, "%s: expected once, found a second time", it->name);
}

/* An option that belongs to other commands. */
static dt_status foreign_option(const option *it, dt_command command, dt_error *error)
{
    const char *names[DT_COMMANDS + 1] = {NULL};
    dt_text text = {.text = (char[2 * DT_VARIABLE_MAX]){""}, .size = 2 * DT_VARIABLE_MAX};
    for (int i = 0, count = 0; i < DT_COMMANDS; i++)
        if (it->flag ? it->flag->commands & 1U << i : dt_command_takes((dt_command)i, it->setting))
            names[count++] = dt_command_infos[i].name;
    dt_text_add_names(&text, names);
    return dt_fail(error, DT_ERR_USAGE, "%s: expected with the command %s, found with %s", it->name,
                   text.text, dt_command_infos[command].name);
}

/* Whether the value is one of the flag's names. */
static dt_status check_name(const option *it, dt_error *error)
{
    char list[DT_VARIABLE_MAX];
    dt_text text = {.text = list, .size = sizeof list};
    dt_suggestion search = {.typed = it->value};
    for (const char *const *name = it->flag->names; *name; name++) {
        if (strcmp(it->value, *name) == 0)
            return DT_OK;
        dt_suggest_offer(&search, *name);
    }
    dt_text_add_names(&text, it->flag->names);
    return dt_fail(error, DT_ERR_USAGE, "%s: expected %s, found '%.*s'%s%s%s", it->name, list,
                   FOUND_MAX, it->value, search.word ? "; did you mean '" : "",
                   search.word ? search.word : "", search.word ? "'?" : "");
}

static dt_status set_flag(const option *it, dt_invocation *invocation, dt_error *error)
{
    void *field = (char *)invocation + it->flag->offset;
    if (!(it->flag->commands & 1U << invocation->command))
        return foreign_option(it, invocation->command, error);
    if (!it->flag->value) {
        bool *is_set = field;
        if (*is_set)
            return repeated(it, error);
        *is_set = true;
        return DT_OK;
    }
    char *text = field;
    if (*text)
        return repeated(it, error);
    size_t length = strlen(it->value);
    if (length == 0 || length >= DT_NAME_MAX)
        return dt_fail(error, DT_ERR_USAGE, "%s: expected 1 to %d characters, found %zu", it->name,
                       DT_NAME_MAX - 1, length);
    memcpy(text, it->value, length + 1);
    return it->flag->names ? check_name(it, error) : DT_OK;
}

static dt_status find_command(const char *name, dt_command *out, dt_error *error)
{
    dt_suggestion search = {.typed = name};
    for (int i = 0; i < DT_COMMANDS; i++) {
        if (strcmp(name, dt_command_infos[i].name) == 0) {
            *out = (dt_command)i;
            return DT_OK;
        }
        dt_suggest_offer(&search, dt_command_infos[i].name);
    }
    return dt_fail(error, DT_ERR_USAGE, "unknown command '%.*s'%s%s%s", FOUND_MAX, name,
                   search.word ? "; did you mean '" : "; --help lists the commands",
                   search.word ? search.word : "", search.word ? "'?" : "");
}

static dt_status refuse_word(const char *word, dt_command command, dt_error *error)
{
    static const dt_flag any = {.name = "name", .value = "value"};
    const dt_flag *example = &any;
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = count; i-- > 0;)
        if (flags[i].needed & 1U << command)
            example = &flags[i];
    return dt_fail(error, DT_ERR_USAGE,
                   "unexpected argument '%.*s': expected options, as --%s %s; a switch has its "
                   "value behind =",
                   FOUND_MAX, word, example->name, example->value);
}

/* An argument that is no option: the command, or a file of one that takes files. */
static dt_status read_word(const char *word, int at, int argc, dt_invocation *out, dt_error *error)
{
    if (at == 1 && !dt_command_infos[out->command].files)
        return find_command(word, &out->command, error);
    if (!dt_command_infos[out->command].files)
        return refuse_word(word, out->command, error);
    if (!out->files)
        out->files = dt_calloc((size_t)argc, sizeof *out->files, error);
    if (!out->files)
        return DT_ERR_INTERNAL;
    out->files[out->file_count++] = word;
    return DT_OK;
}

/* Sets the flags, and notes the text of each setting in given[settings], up to --help or
 * --version. */
static dt_status read_arguments(int argc, char *const argv[], dt_invocation *out,
                                const char **given, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_status status = DT_OK;
    bool only_files = false;
    option it = {0};
    int i = 1;
    for (; i < argc && !status && !out->help && !out->version; i++) {
        bool takes_files = dt_command_infos[out->command].files != NULL;
        if (only_files || argv[i][0] != '-' || (takes_files && argv[i][1] == '\0')) {
            status = read_word(argv[i], i, argc, out, error);
            continue;
        }
        if (takes_files && strcmp(argv[i], "--") == 0) {
            only_files = true;
            continue;
        }
        status = find_option(argv[i], out->command, &it, error);
        if (!status)
            status = complete_option(&it, argc, argv, &i, error);
        if (status)
            return status;
        if (it.flag)
            status = set_flag(&it, out, error);
        else if (!dt_command_takes(out->command, it.setting))
            status = foreign_option(&it, out->command, error);
        else if (given[it.setting - settings])
            status = repeated(&it, error);
        else
            given[it.setting - settings] = it.value;
    }
    if (!status && out->help)
        status = choose_topic(has_topic(&it) ? it.value : i < argc ? argv[i] : NULL, out, error);
    return status;
}

static void warn_of_variable(const char *variable)
{
    char name[DT_VARIABLE_MAX], near[DT_VARIABLE_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(variable, "="), variable);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const char *word = dt_setting_suggest(name + sizeof PREFIX - 1);
    if (word)
        dt_warn("environment %.*s is not a setting; did you mean %s?", (int)strcspn(variable, "="),
                variable, dt_options_variable(dt_setting_find(word), near));
    else
        dt_warn("environment %.*s is not a setting; --help lists the settings",
                (int)strcspn(variable, "="), variable);
}

static dt_status read_environment(char *const environment[], dt_config *config, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (; *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (strncmp(*environment, PREFIX, sizeof PREFIX - 1) != 0 || !equals)
            continue;
        size_t length = (size_t)(equals - *environment), i = 0;
        char variable[DT_VARIABLE_MAX];
        for (; i < count; i++) {
            dt_options_variable(&settings[i], variable);
            if (strlen(variable) == length && strncmp(*environment, variable, length) == 0)
                break;
        }
        if (i == count)
            warn_of_variable(*environment);
        else if (strcmp(settings[i].name, "data") == 0) /* what `auto` means: a run has its own */
            continue;
        else if (dt_config_set(config, &settings[i], equals + 1, error))
            return dt_fail_in(error, "environment %s", variable);
        else
            config->line[i] = DT_LINE_ENVIRONMENT;
    }
    return DT_OK;
}

static dt_status read_given(const char *const *given, dt_config *config, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char name[DT_VARIABLE_MAX];
    for (size_t i = 0; i < count; i++)
        if (given[i] && dt_config_set(config, &settings[i], given[i], error))
            return dt_fail_in(error, "--%s", dt_options_name(&settings[i], name));
    return DT_OK;
}

static void set_presets(dt_invocation *out)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++) {
        char *text = (char *)out + flags[i].offset;
        if (flags[i].preset && flags[i].commands & 1U << out->command && !*text)
            snprintf(text, DT_NAME_MAX, "%s", flags[i].preset);
    }
}

dt_status dt_options_parse(int argc, char *const argv[], char *const environment[],
                           dt_invocation *out, dt_error *error)
{
    *out = (dt_invocation){0};
    dt_config_defaults(&out->config);
    size_t count;
    dt_settings(&count);
    const char **given = dt_calloc(count, sizeof *given, error);
    if (!given)
        return DT_ERR_INTERNAL;

    dt_status status = read_arguments(argc, argv, out, given, error);
    set_presets(out);
    if (!status && !out->help && !out->version) {
        if (out->config_path[0])
            status = dt_config_read_ini(&out->config, out->config_path, error);
        if (!status)
            status = read_environment(environment, &out->config, error);
        if (!status)
            status = read_given(given, &out->config, error);
    }
    dt_free(given);
    if (status) {
        dt_free(out->files);
        out->files = NULL;
    }
    return status;
}

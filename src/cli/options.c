#include "cli/options.h"

#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/text.h"
#include "generate.h"
#include "train/export.h"

#define PREFIX    "DIST_TRAIN_"
#define FOUND_MAX 60

const dt_command_info dt_command_infos[] = {
    [DT_COMMAND_TRAIN] = {"train", "train a network, write a run directory (default)", NULL, NULL},
    [DT_COMMAND_EVAL] = {"eval", "loss, accuracy and confusion matrix of a weights file", NULL,
                         "data model seed"},
    [DT_COMMAND_PREDICT] = {"predict", "what a weights file says of images: PNG, IDX, - for stdin",
                            "FILE", "model classes normalize"},
    [DT_COMMAND_INSPECT] = {"inspect", "what a weights file, checkpoint or run directory holds",
                            "FILE", ""},
    [DT_COMMAND_EXPORT] = {"export", "write a trained network for Keras, PyTorch, NumPy and others",
                           NULL, "model classes normalize"},
    [DT_COMMAND_IMPORT] = {"import", "make a weights file of a network trained elsewhere", NULL,
                           "model classes normalize"},
    [DT_COMMAND_REPORT] = {"report", "make a page of a run directory, or compare several", "RUN",
                           ""},
    [DT_COMMAND_WATCH] = {"watch", "follow runs from another terminal [runs/latest]", "RUN", ""},
    [DT_COMMAND_BENCH] = {"bench", "measure how fast training is, and how fast it could be", NULL,
                          NULL},
};

#define FLAG(id, field, short_name, takes, of, text)                                               \
    {                                                                                              \
        .name = (id), .offset = offsetof(dt_invocation, field), .letter = (short_name),            \
        .value = (takes), .commands = (of), .help = (text)                                         \
    }
#define OUTPUT(id, field, short_name, of, text)                                                    \
    {                                                                                              \
        .name = (id), .offset = offsetof(dt_invocation, field), .letter = (short_name),            \
        .value = "FILE", .commands = (of), .help = (text), .written = true                         \
    }
#define CHOICE(id, field, list, of, text)                                                          \
    {                                                                                              \
        .name = (id), .offset = offsetof(dt_invocation, field), .value = "NAME", .commands = (of), \
        .help = (text), .names = (list)                                                            \
    }

#define ALL     ((1U << DT_COMMANDS) - 1)
#define TRAIN   (1U << DT_COMMAND_TRAIN)
#define EVAL    (1U << DT_COMMAND_EVAL)
#define PREDICT (1U << DT_COMMAND_PREDICT)
#define EXPORT  (1U << DT_COMMAND_EXPORT)
#define IMPORT  (1U << DT_COMMAND_IMPORT)
#define REPORT  (1U << DT_COMMAND_REPORT)
#define BENCH   (1U << DT_COMMAND_BENCH)

static const dt_flag flags[] = {
    FLAG("help", help, 'h', NULL, ALL, "print this text; --help layers: what --layers takes"),
    FLAG("version", version, 0, NULL, ALL, "print the version, and that of MPI"),
    FLAG("config", config_path, 0, "FILE", ALL, "read settings from an INI file"),
    FLAG("print-config", print_config, 0, NULL, ALL,
         "print all settings as an INI file, explained"),
    CHOICE("generate", generate, dt_generate_names, ALL,
           "print the manual page or the completion"),
    FLAG("dry-run", dry_run, 0, NULL, TRAIN,
         "train: check settings and data, say what a run would do"),
    FLAG("weights", weights_path, 0, "FILE", EVAL | PREDICT | EXPORT,
         "eval, predict, export: the weights file"),
    CHOICE("format", format, dt_export_names, EXPORT, "export: the format of the file"),
    FLAG("from", from_path, 0, "FILE", IMPORT,
         "import: a file of safetensors, NumPy (npz) or Keras"),
    OUTPUT("out", out_path, 'o', EXPORT | IMPORT | REPORT,
           "export, import, report: the file to write; report: [RUN/report.html]"),
    CHOICE("split", subset, dt_subset_names, EVAL, "eval: the samples to take [test]"),
    OUTPUT("csv", csv_path, 0, EVAL | BENCH, "eval, bench: write the numbers as CSV"),
    OUTPUT("json", json_path, 0, EVAL, "eval: write the numbers as JSON"),
    FLAG("json", json, 0, NULL, PREDICT, "predict: print a JSON object a line"),
    FLAG("show", show, 0, NULL, PREDICT, "predict: draw each image as the network sees it"),
    FLAG("batches", batches, 0, "N,N,...", BENCH,
         "bench: batch sizes to measure [1,8,32,64,128,512,2048]"),
    FLAG("repetitions", repetitions, 0, "N", BENCH,
         "bench: repetitions of each measurement; the median counts [5]"),
    FLAG("quick", quick, 0, NULL, BENCH,
         "bench: repetitions of 0.05 s, not 0.2 s, and no network of 2048-2048"),
};

#define FLAG_COUNT (sizeof flags / sizeof flags[0])

/* An argument taken apart: --NAME, --NAME=VALUE, --no-NAME, -LETTER. */
typedef struct option {
    char name[DT_VARIABLE_MAX]; /* with its dashes, for messages */
    const char *value;          /* behind "="; NULL: none */
    const dt_flag *flag;        /* one of flag and setting, when the name is known */
    const dt_setting *setting;
    bool negated;
} option;

const dt_flag *dt_flags(size_t *count)
{
    *count = FLAG_COUNT;
    return flags;
}

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
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < FLAG_COUNT; i++)
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
    if (!words)
        return true;
    size_t length;
    for (words += strspn(words, " "); *words; words += length, words += strspn(words, " ")) {
        length = strcspn(words, " ");
        if ((strlen(setting->name) == length && strncmp(words, setting->name, length) == 0) ||
            (strlen(setting->section) == length && strncmp(words, setting->section, length) == 0))
            return true;
    }
    return false;
}

/* The flag of `command`, or, without one, of another command. */
static const dt_flag *find_flag(const char *name, bool is_letter, dt_command command)
{
    const dt_flag *found = NULL;
    for (size_t i = 0; i < FLAG_COUNT; i++) {
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

/* Gives the option the value that does not stand behind "="; moves *at on to the next argument when
 * that is it. */
static dt_status complete_option(option *it, int argc, char *const argv[], int *at, dt_error *error)
{
    bool is_switch = it->flag ? !it->flag->value : it->setting->type == DT_SETTING_BOOL;
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
    char names[2 * DT_VARIABLE_MAX] = "";
    dt_text text = {.text = names, .size = sizeof names};
    unsigned commands = it->flag ? it->flag->commands : 0;
    for (int i = 0; i < DT_COMMANDS && !it->flag; i++)
        commands |= dt_command_takes((dt_command)i, it->setting) ? 1U << i : 0;
    for (int i = 0; i < DT_COMMANDS; i++) {
        bool last = commands >> i == 1;
        if (commands & 1U << i)
            dt_text_add(&text, "%s%s",
                        text.length == 0 ? ""
                        : last           ? " or "
                                         : ", ",
                        dt_command_infos[i].name);
    }
    return dt_fail(error, DT_ERR_USAGE, "%s: expected with the command %s, found with %s", it->name,
                   names, dt_command_infos[command].name);
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
        dt_text_add(&text, "%s%s", text.length == 0 ? "" : name[1] ? ", " : " or ", *name);
    }
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

/* An argument that is no option: the command, or a file of one that takes files. */
static dt_status read_word(const char *word, int at, int argc, dt_invocation *out, dt_error *error)
{
    if (at == 1 && !dt_command_infos[out->command].files)
        return find_command(word, &out->command, error);
    if (!dt_command_infos[out->command].files)
        return dt_fail(error, DT_ERR_USAGE,
                       "unexpected argument '%.*s': expected options, as --%s; a switch has its "
                       "value behind =",
                       FOUND_MAX, word,
                       out->command == DT_COMMAND_EVAL || out->command == DT_COMMAND_EXPORT
                           ? "weights FILE"
                       : out->command == DT_COMMAND_IMPORT ? "from FILE"
                                                           : "name value");
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
    int i = 1;
    for (; i < argc && status == DT_OK && !out->help && !out->version; i++) {
        bool takes_files = dt_command_infos[out->command].files != NULL;
        if (only_files || argv[i][0] != '-' || (takes_files && argv[i][1] == '\0')) {
            status = read_word(argv[i], i, argc, out, error);
            continue;
        }
        if (takes_files && strcmp(argv[i], "--") == 0) {
            only_files = true;
            continue;
        }
        option it;
        status = find_option(argv[i], out->command, &it, error);
        if (status == DT_OK)
            status = complete_option(&it, argc, argv, &i, error);
        if (status != DT_OK)
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
    out->about_layers = out->help && i < argc && strcmp(argv[i], "layers") == 0;
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
        else if (dt_config_set(config, &settings[i], equals + 1, error) != DT_OK)
            return dt_fail_in(error, "environment %s", variable);
    }
    return DT_OK;
}

static dt_status read_given(const char *const *given, dt_config *config, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char name[DT_VARIABLE_MAX];
    for (size_t i = 0; i < count; i++)
        if (given[i] && dt_config_set(config, &settings[i], given[i], error) != DT_OK)
            return dt_fail_in(error, "--%s", dt_options_name(&settings[i], name));
    return DT_OK;
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
    if (status == DT_OK && !out->help && !out->version) {
        if (out->config_path[0])
            status = dt_config_read_ini(&out->config, out->config_path, error);
        if (status == DT_OK)
            status = read_environment(environment, &out->config, error);
        if (status == DT_OK)
            status = read_given(given, &out->config, error);
    }
    dt_free(given);
    if (status != DT_OK) {
        dt_free(out->files);
        out->files = NULL;
    }
    return status;
}

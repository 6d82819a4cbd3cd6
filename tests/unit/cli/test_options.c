#include "cli/options.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/memory.h"
#include "random_config.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_options(void);

#define ARGUMENTS_MAX 16
#define LINE_MAX_TEST (2 * DT_TEXT_MAX)

static char *const no_environment[] = {NULL};

static const char *ini(void)
{
    return scratch_path(folder, "test.ini");
}

/* Parses "dist-train" and the given words, up to NULL. The array of words goes on behind argc, so
 * that reading beyond it shows. */
static dt_status parse(const char *const *words, char *const *environment, dt_invocation *out,
                       dt_error *error)
{
    char *arguments[ARGUMENTS_MAX + 2] = {(char *)"dist-train"};
    int count = 1;
    for (; words[count - 1] && count < ARGUMENTS_MAX; count++)
        arguments[count] = (char *)words[count - 1];
    arguments[count] = (char *)"behind-the-end";
    *error = (dt_error){0};
    return dt_options_parse(count, arguments, environment, out, error);
}

#define PARSE(out, error, ...)                                                                     \
    parse((const char *const[]){__VA_ARGS__, NULL}, no_environment, out, error)

static bool is_message(const dt_error *error, const char *expected)
{
    bool same = strcmp(error->message, expected) == 0;
    if (!same)
        printf("\n    expected %s\n    found    %s\n", expected, error->message);
    return same;
}

static bool starts_with(const dt_error *error, const char *start)
{
    bool same = strncmp(error->message, start, strlen(start)) == 0;
    if (!same)
        printf("\n    expected %s...\n    found    %s\n", start, error->message);
    return same;
}

static void nothing_given_is_the_defaults(void)
{
    dt_invocation out;
    dt_error error;
    dt_config defaults;
    dt_config_defaults(&defaults);
    memset(&out, 0xff, sizeof out);
    CU_ASSERT_EQUAL(parse((const char *const[]){NULL}, no_environment, &out, &error), DT_OK);
    CU_ASSERT_EQUAL(out.command, DT_COMMAND_TRAIN);
    CU_ASSERT(!out.help && !out.version && !out.print_config && !out.dry_run);
    CU_ASSERT_STRING_EQUAL(out.config_path, "");
    CU_ASSERT_PTR_NULL(first_difference(&out.config, &defaults));
    CU_ASSERT_EQUAL(PARSE(&out, &error, "train"), DT_OK);
    CU_ASSERT_EQUAL(out.command, DT_COMMAND_TRAIN);
    char *none[] = {NULL};
    CU_ASSERT_EQUAL(dt_options_parse(0, none, no_environment, &out, &error), DT_OK);
}

static void flags_are_set(void)
{
    dt_invocation out;
    dt_error error;
    scratch_write(ini(), "[train]\nepochs = 77\n");
    CU_ASSERT_EQUAL(PARSE(&out, &error, "train", "--print_config", "--dry-run", "--config", ini(),
                          "--seed", "5"),
                    DT_OK);
    CU_ASSERT(out.print_config && out.dry_run && !out.help && !out.version);
    CU_ASSERT_STRING_EQUAL(out.config_path, ini());
    CU_ASSERT(out.config.epochs == 77 && out.config.seed == 5);

    static const char *const help[] = {"--help", "-h"};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(PARSE(&out, &error, help[i], "--bogus", "--config=/nowhere"), DT_OK);
        CU_ASSERT(out.help && !out.version);
        CU_ASSERT_EQUAL(PARSE(&out, &error, "--bogus", help[i]), DT_ERR_USAGE);
    }
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--help"), DT_OK);
    CU_ASSERT_PTR_NULL(out.topic);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--help", "layers"), DT_OK);
    CU_ASSERT(out.help && out.topic == dt_setting_find("layers"));
    CU_ASSERT_EQUAL(PARSE(&out, &error, "eval", "--help=layers", "--bogus"), DT_OK);
    CU_ASSERT(out.help && out.topic == dt_setting_find("layers"));
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--help=lawyers"), DT_ERR_USAGE);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--help", "eval"), DT_OK);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--help", "optimzer"), DT_ERR_USAGE);
    CU_ASSERT_STRING_EQUAL(error.message, "no help on 'optimzer'; did you mean 'optimizer'?");
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--help", "qwertzuiop"), DT_ERR_USAGE);
    CU_ASSERT_STRING_EQUAL(error.message,
                           "no help on 'qwertzuiop'; --help alone lists all settings");
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--version", "--bogus", "--epochs=x"), DT_OK);
    CU_ASSERT(out.version && !out.help);
}

/* DIST_TRAIN_DATA is what `auto` means. */
static bool comes_from_environment(const dt_setting *setting)
{
    return strcmp(setting->name, "data") != 0;
}

/* The value of a setting where each source in `sources` (1 file, 2 environment, 4 command line)
 * gives its own of `values`. `spelling` picks among the forms of the option. */
static void check_precedence(const dt_setting *setting, char values[3][DT_TEXT_MAX], int sources,
                             int spelling)
{
    static char variable[LINE_MAX_TEST], argument[LINE_MAX_TEST];
    char name[DT_VARIABLE_MAX];
    char *environment[] = {(char *)"HOME=/", sources & 2 ? variable : NULL, NULL};
    dt_config expected;
    dt_config_defaults(&expected);
    for (int i = 0; i < 3; i++)
        if (sources & 1 << i && (i != 1 || comes_from_environment(setting)))
            CU_ASSERT_EQUAL_FATAL(dt_config_set(&expected, setting, values[i], NULL), DT_OK);

    dt_config file;
    dt_config_defaults(&file);
    CU_ASSERT_EQUAL_FATAL(dt_config_set(&file, setting, values[0], NULL), DT_OK);
    static char whole[1 << 15];
    dt_config_write_ini(&file, false, whole, sizeof whole);
    scratch_write(ini(), sources & 1 ? whole : "");

    snprintf(variable, sizeof variable, "%s=%s", dt_options_variable(setting, name), values[1]);
    const char *words[] = {"--config", ini(), argument, NULL, NULL};
    snprintf(argument, sizeof argument, "--%s",
             spelling & 1 ? setting->name : dt_options_name(setting, name));
    bool is_switch = setting->type == DT_SETTING_BOOL, is_true = values[2][0] == 't';
    bool apart = spelling & 2 && strncmp(values[2], "--", 2) != 0;
    if (!(sources & 4))
        words[2] = NULL;
    else if (is_switch && apart)
        snprintf(argument, sizeof argument, "--%s%s", is_true ? "" : "no-", setting->name);
    else if (apart)
        words[3] = values[2];
    else
        snprintf(argument + strlen(argument), sizeof argument - strlen(argument), "=%s", values[2]);

    dt_invocation out;
    dt_error error;
    if (parse(words, environment, &out, &error) != DT_OK)
        printf("\n    %s, sources %d: %s\n", setting->name, sources, error.message);
    CU_ASSERT_EQUAL(error.status, DT_OK);
    CU_ASSERT_PTR_NULL(first_difference(&out.config, &expected));
}

static void the_nearest_source_wins(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_random_sequence from =
        dt_random_sequence_of((dt_random_key){.seed = 3, .stream = DT_STREAM_TEST});
    for (size_t i = 0; i < count; i++)
        for (int sources = 0; sources < 8; sources++)
            for (int spelling = 0; spelling < 4; spelling++) {
                static char values[3][DT_TEXT_MAX];
                do {
                    for (int j = 0; j < 3; j++)
                        random_value(&from, &settings[i], values[j]);
                } while (strcmp(values[0], values[1]) == 0 || strcmp(values[1], values[2]) == 0);
                check_precedence(&settings[i], values, sources, spelling);
            }
}

static void bad_values_name_their_source(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        const dt_setting *it = &settings[i];
        char name[DT_VARIABLE_MAX], text[LINE_MAX_TEST], expects[DT_TEXT_MAX], message[DT_TEXT_MAX];
        dt_invocation out;
        dt_error error;
        dt_setting_expects(it, expects);

        snprintf(text, sizeof text, "--%s=", it->name);
        CU_ASSERT_EQUAL(PARSE(&out, &error, text), DT_ERR_CONFIG);
        snprintf(message, sizeof message, "--%.50s: expected %.800s, found ''",
                 dt_options_name(it, name), expects);
        CU_ASSERT_TRUE(is_message(&error, message));

        char *environment[] = {text, NULL};
        snprintf(text, sizeof text, "%s=", dt_options_variable(it, name));
        dt_status status = parse((const char *const[]){NULL}, environment, &out, &error);
        CU_ASSERT_EQUAL(status, comes_from_environment(it) ? DT_ERR_CONFIG : DT_OK);
        snprintf(message, sizeof message, "environment %.50s: expected %.800s, found ''", name,
                 expects);
        CU_ASSERT(!status || is_message(&error, message));

        snprintf(text, sizeof text, "[%s]\n\n%s = \n", it->section, it->name);
        scratch_write(ini(), text);
        CU_ASSERT_EQUAL(PARSE(&out, &error, "--config", ini()), DT_ERR_CONFIG);
        snprintf(message, sizeof message, "%s:3: %s: expected %.800s, found ''", ini(), it->name,
                 expects);
        CU_ASSERT_TRUE(is_message(&error, message));
    }
}

static void an_option_given_twice_is_refused(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_invocation out;
    dt_error error;
    char text[DT_TEXT_MAX], message[DT_TEXT_MAX], name[DT_VARIABLE_MAX], other[DT_VARIABLE_MAX + 2];
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "--%s=%s", settings[i].name, settings[i].default_value);
        snprintf(other, sizeof other, "--%s", dt_options_name(&settings[i], name));
        CU_ASSERT_EQUAL(PARSE(&out, &error, text, other, settings[i].default_value), DT_ERR_USAGE);
        snprintf(message, sizeof message, "%s: expected once, found a second time", other);
        CU_ASSERT_TRUE(is_message(&error, message));
    }
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--bias", "--no-bias"), DT_ERR_USAGE);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--dry-run", "--dry_run"), DT_ERR_USAGE);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--config", "a", "--config", "a"), DT_ERR_USAGE);
    CU_ASSERT_TRUE(is_message(&error, "--config: expected once, found a second time"));
}

static void wrong_usage_is_explained(void)
{
    static const struct {
        const char *words[3], *message;
    } bad[] = {
        {{"--btach-size=3"}, "unknown option --btach-size; did you mean --batch-size?"},
        {{"--batch_sizes"}, "unknown option --batch_sizes; did you mean --batch-size?"},
        {{"-epochs", "3"}, "unknown option -epochs; did you mean --epochs?"},
        {{"--print-confg"}, "unknown option --print-confg; did you mean --print-config?"},
        {{"--qwertzuiop"}, "unknown option --qwertzuiop; --help lists the options"},
        {{"-x"}, "unknown option -x; --help lists the options"},
        {{"-hx"}, "unknown option -hx; --help lists the options"},
        {{"-"}, "unknown option -; --help lists the options"},
        {{"--"}, "unknown option --; --help lists the options"},
        {{"--no-lr"}, "unknown option --no-lr; --help lists the options"},
        {{"--no-dry-run"}, "unknown option --no-dry-run; did you mean --dry-run?"},
        {{"--noxbias"}, "unknown option --noxbias; --help lists the options"},
        {{"--no"}, "unknown option --no; --help lists the options"},
        {{"trian"}, "unknown command 'trian'; did you mean 'train'?"},
        {{"walk"}, "unknown command 'walk'; --help lists the commands"},
        {{"--epochs"}, "--epochs: expected a value, found the end of the command line"},
        {{"--epochs", "--lr"}, "--epochs: expected a value, found --lr"},
        {{"--config"}, "--config: expected a value, found the end of the command line"},
        {{"--config="}, "--config: expected 1 to 1023 characters, found 0"},
        {{"--no-bias=true"}, "--no-bias: expected no value, found 'true'"},
        {{"--dry-run=true"}, "--dry-run: expected no value, found 'true'"},
        {{"eval", "--split", "tset"},
         "--split: expected train, val or test, found 'tset'; did you mean 'test'?"},
        {{"train", "now"},
         "unexpected argument 'now': expected options, as --name value; a switch has its value "
         "behind ="},
        {{"export", "w.h5"},
         "unexpected argument 'w.h5': expected options, as --weights FILE; a "
         "switch has its value behind ="},
        {{"import", "w.npz"},
         "unexpected argument 'w.npz': expected options, as --from FILE; a "
         "switch has its value behind ="},
        {{"--overwrite", "false"},
         "unexpected argument 'false': expected options, as --name value; a switch has its value "
         "behind ="},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dt_invocation out;
        dt_error error;
        CU_ASSERT_EQUAL(parse(bad[i].words, no_environment, &out, &error), DT_ERR_USAGE);
        CU_ASSERT_EQUAL(error.status, DT_ERR_USAGE);
        CU_ASSERT_TRUE(is_message(&error, bad[i].message));
    }
}

static void settings_of_a_command_are_real_and_no_others_are_taken(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_invocation out;
    dt_error error;
    CU_ASSERT_EQUAL(PARSE(&out, &error, "eval", "--epochs", "3"), DT_ERR_USAGE);
    CU_ASSERT_TRUE(starts_with(&error, "--epochs: expected with the command train"));
    for (int command = 0; command < DT_COMMANDS; command++) {
        char words[200];
        snprintf(words, sizeof words, "%s",
                 dt_command_infos[command].settings ? dt_command_infos[command].settings : "");
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
            size_t found = 0;
            for (size_t i = 0; i < count; i++)
                if (strcmp(settings[i].name, word) == 0 || strcmp(settings[i].section, word) == 0)
                    found += dt_command_takes(command, &settings[i]);
            CU_ASSERT(found > 0);
        }
        for (size_t i = 0; i < count; i++) {
            char option[DT_VARIABLE_MAX + 2 + DT_TEXT_MAX], name[DT_VARIABLE_MAX];
            snprintf(option, sizeof option, "--%s=%s", dt_options_name(&settings[i], name),
                     settings[i].default_value);
            dt_status status = PARSE(&out, &error, dt_command_infos[command].name, option);
            size_t flag_count;
            const dt_flag *flags = dt_flags(&flag_count);
            bool is_flag = false;
            for (size_t j = 0; j < flag_count; j++)
                is_flag |= strcmp(flags[j].name, name) == 0 && (flags[j].commands & 1U << command);
            if (!is_flag)
                CU_ASSERT_EQUAL(status,
                                dt_command_takes(command, &settings[i]) ? DT_OK : DT_ERR_USAGE);
        }
    }
}

static void a_flag_names_its_commands(void)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++) {
        if (flags[i].commands == (1U << DT_COMMANDS) - 1)
            continue;
        char prefix[200] = "";
        for (int command = 0; command < DT_COMMANDS; command++)
            if (flags[i].commands & 1U << command)
                snprintf(prefix + strlen(prefix), sizeof prefix - strlen(prefix), "%s%s",
                         *prefix ? ", " : "", dt_command_infos[command].name);
        strcat(prefix, ": ");
        CU_ASSERT(strncmp(flags[i].help, prefix, strlen(prefix)) == 0);
    }
}

static void flags_have_the_presets_of_the_table(void)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++)
        for (int command = 0; flags[i].value && command < DT_COMMANDS; command++) {
            dt_invocation out;
            dt_error error;
            const char *found = (const char *)&out + flags[i].offset;
            bool knows = flags[i].preset && flags[i].commands & 1U << command;
            CU_ASSERT_EQUAL(PARSE(&out, &error, dt_command_infos[command].name), DT_OK);
            CU_ASSERT_STRING_EQUAL(found, knows ? flags[i].preset : "");
        }
}

static void commands_that_take_files_get_them(void)
{
    dt_invocation out;
    dt_error error;
    CU_ASSERT_EQUAL(PARSE(&out, &error, "predict", "a.png", "--weights", "w.h5", "-", "--json", "b",
                          "--", "--show", "-x"),
                    DT_OK);
    CU_ASSERT_TRUE(out.command == DT_COMMAND_PREDICT && out.json && !out.show);
    CU_ASSERT_STRING_EQUAL(out.weights_path, "w.h5");
    static const char *const expected[] = {"a.png", "-", "b", "--show", "-x"};
    CU_ASSERT_EQUAL_FATAL(out.file_count, 5);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_STRING_EQUAL(out.files[i], expected[i]);
    dt_free(out.files);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "inspect", "predict"), DT_OK);
    CU_ASSERT_TRUE(out.command == DT_COMMAND_INSPECT && out.file_count == 1);
    dt_free(out.files);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "predict", "a.png", "--bogus"), DT_ERR_USAGE);
    CU_ASSERT_PTR_NULL(out.files);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "predict", "a.png", "--classes", "x"), DT_ERR_CONFIG);
    CU_ASSERT_PTR_NULL(out.files);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "export", "--weights", "w", "file"), DT_ERR_USAGE);
    CU_ASSERT_TRUE(starts_with(&error, "unexpected argument 'file'"));
}

static void a_flag_and_a_setting_of_one_name_are_told_apart_by_the_command(void)
{
    dt_invocation out;
    dt_error error;
    CU_ASSERT_EQUAL(PARSE(&out, &error, "eval", "--split", "val", "--json", "x"), DT_OK);
    CU_ASSERT_STRING_EQUAL(out.subset, "val");
    CU_ASSERT_STRING_EQUAL(out.json_path, "x");
    CU_ASSERT_TRUE(!out.json && out.config.split == DT_SPLIT_STANDARD);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "train", "--split", "random"), DT_OK);
    CU_ASSERT_STRING_EQUAL(out.subset, "");
    CU_ASSERT_EQUAL(out.config.split, DT_SPLIT_RANDOM);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "train", "--split", "val"), DT_ERR_CONFIG);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--weights", "w"), DT_ERR_USAGE);
    CU_ASSERT_TRUE(is_message(
        &error, "--weights: expected with the command eval, predict or export, found with train"));
    CU_ASSERT_EQUAL(PARSE(&out, &error, "predict", "--json=x"), DT_ERR_USAGE);
    CU_ASSERT_EQUAL(PARSE(&out, &error, "inspect", "--json"), DT_ERR_USAGE);
}

static void values_may_look_odd(void)
{
    dt_invocation out;
    dt_error error;
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--max-steps", "-1", "--data", "-x", "--output=--y=z"),
                    DT_OK);
    CU_ASSERT_EQUAL(out.config.max_steps, -1);
    CU_ASSERT_STRING_EQUAL(out.config.data, "-x");
    CU_ASSERT_STRING_EQUAL(out.config.output, "--y=z");
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--config", "/nowhere/x.ini"), DT_ERR_NO_INPUT);
    CU_ASSERT_TRUE(starts_with(&error, "/nowhere/x.ini: cannot open: "));
    char path[DT_NAME_MAX + 1];
    memset(path, 'a', sizeof path);
    path[DT_NAME_MAX] = '\0';
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--config", path), DT_ERR_USAGE);
    CU_ASSERT_TRUE(is_message(&error, "--config: expected 1 to 1023 characters, found 1024"));
}

static void data_auto_stays_auto(void)
{
    char *environment[] = {(char *)"DIST_TRAIN_DATA=/some/where", NULL};
    dt_invocation out;
    dt_error error;
    CU_ASSERT_EQUAL(parse((const char *const[]){NULL}, environment, &out, &error), DT_OK);
    CU_ASSERT_STRING_EQUAL(out.config.data, "auto");
    CU_ASSERT_FALSE(dt_config_is_given(&out.config, "data"));
}

/* Parses with `environment`; returns what is warned of (the caller frees it). Standard error is
 * put aside. */
static char *warnings_of(char *const *environment)
{
    char *text = NULL;
    size_t size;
    dt_invocation out;
    dt_error error;
    FILE *log = open_memstream(&text, &size);
    int null = open("/dev/null", O_WRONLY), saved = dup(STDERR_FILENO);
    CU_ASSERT_FATAL(log && null >= 0 && saved >= 0);
    dup2(null, STDERR_FILENO);
    dt_log_set_file(log);
    CU_ASSERT_EQUAL(parse((const char *const[]){NULL}, environment, &out, &error), DT_OK);
    dt_log_set_file(NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    fclose(log);
    return text;
}

static void unknown_variables_are_warned_of(void)
{
    char *environment[] = {
        (char *)"DIST_TRAIN_BATCHSIZE=3", (char *)"DIST_TRAIN_epochs=3", (char *)"DIST_TRAIN_=",
        (char *)"DIST_TRAIN_QWERTZ=x",    (char *)"DIST_TRAIN_EPOCHS",   (char *)"DIST_TRAINING=x",
        (char *)"XDIST_TRAIN_LR=x",       (char *)"DIST_TRAIN_LR=1",     NULL};
    char *text = warnings_of(environment);
    CU_ASSERT_STRING_EQUAL(
        text,
        "warning: environment DIST_TRAIN_BATCHSIZE is not a setting; did you mean "
        "DIST_TRAIN_BATCH_SIZE?\n"
        "warning: environment DIST_TRAIN_epochs is not a setting; did you mean "
        "DIST_TRAIN_EPOCHS?\n"
        "warning: environment DIST_TRAIN_ is not a setting; --help lists the settings\n"
        "warning: environment DIST_TRAIN_QWERTZ is not a setting; --help lists the settings\n");
    free(text);
}

static void lack_of_memory_is_reported(void)
{
    dt_invocation out;
    dt_error error;
    scratch_write(ini(), "[train]\nepochs = 3\n");
    for (long n = 1; n <= 2; n++) {
        dt_memory_fail_at(n);
        CU_ASSERT_EQUAL(PARSE(&out, &error, "--config", ini()), DT_ERR_INTERNAL);
        dt_memory_fail_at(0);
        CU_ASSERT_TRUE(starts_with(&error, "out of memory"));
    }
    CU_ASSERT_EQUAL(PARSE(&out, &error, "--config", ini()), DT_OK);
}

static CU_TestInfo tests[] = {
    {"nothing given is the defaults", nothing_given_is_the_defaults},
    {"flags are set", flags_are_set},
    {"the nearest source wins", the_nearest_source_wins},
    {"bad values name their source", bad_values_name_their_source},
    {"an option given twice is refused", an_option_given_twice_is_refused},
    {"wrong usage is explained", wrong_usage_is_explained},
    {"settings of a command are real, and no others are taken",
     settings_of_a_command_are_real_and_no_others_are_taken},
    {"a flag names its commands", a_flag_names_its_commands},
    {"flags have the presets of the table", flags_have_the_presets_of_the_table},
    {"commands that take files get them", commands_that_take_files_get_them},
    {"a flag and a setting of one name are told apart",
     a_flag_and_a_setting_of_one_name_are_told_apart_by_the_command},
    {"values may look odd", values_may_look_odd},
    {"--data auto stays auto", data_auto_stays_auto},
    {"unknown variables are warned of", unknown_variables_are_warned_of},
    {"lack of memory is reported", lack_of_memory_is_reported},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_options(void)
{
    return (CU_SuiteInfo){.pName = "options",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

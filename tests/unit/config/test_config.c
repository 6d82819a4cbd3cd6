#include "config/config.h"

#include <CUnit/CUnit.h>

#include "base/suggest.h"
#include "config_fixture.h"
#include "nn/architecture.h"
#include "nn/init.h"
#include "nn/optimizer.h"

CU_SuiteInfo dt_suite_config(void);

static void table_is_consistent(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    CU_ASSERT(count > 30);
    for (size_t i = 0; i < count; i++) {
        const dt_setting *it = &settings[i];
        for (size_t j = 0; j < i; j++) {
            CU_ASSERT_NOT_EQUAL(dt_edit_distance(it->name, settings[j].name), 0);
            CU_ASSERT_NOT_EQUAL(it->offset, settings[j].offset);
            if (j + 1 < i && strcmp(settings[j].section, it->section) == 0)
                CU_ASSERT_STRING_EQUAL(settings[j + 1].section, it->section);
        }
        CU_ASSERT(it->min <= it->max && it->max <= 0x1p53);
        CU_ASSERT(it->type == DT_SETTING_TEXT ||
                  (it->names != NULL) == (it->type == DT_SETTING_ENUM));
        CU_ASSERT_NOT_EQUAL(it->help[strlen(it->help) - 1], '.');
        CU_ASSERT_PTR_NULL(strchr(it->help, '\n'));
    }
}

static void names_are_found_with_dashes_and_underscores(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", settings[i].name);
        CU_ASSERT_PTR_EQUAL(dt_setting_find(name), &settings[i]);
        for (char *c = name; *c; c++)
            *c = *c == '_' ? '-' : *c;
        CU_ASSERT_PTR_EQUAL(dt_setting_find(name), &settings[i]);
        name[strlen(name) - 1] = '\0';
        CU_ASSERT_PTR_NOT_EQUAL(dt_setting_find(name), &settings[i]);
    }
    CU_ASSERT_PTR_NULL(dt_setting_find(""));
    CU_ASSERT_PTR_NULL(dt_setting_find("Epochs"));
}

static void defaults_are_those_of_the_table(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_config config;
    memset(&config, 0xff, sizeof config);
    dt_config_defaults(&config);
    for (size_t i = 0; i < count; i++) {
        char text[DT_TEXT_MAX];
        CU_ASSERT_STRING_EQUAL(dt_config_get(&config, &settings[i], text),
                               settings[i].default_value);
        CU_ASSERT_TRUE(dt_config_is_default(&config, &settings[i]));
        CU_ASSERT_FALSE(dt_config_is_given(&config, settings[i].name));
    }
    CU_ASSERT_EQUAL(config.layers.count, 3);
    CU_ASSERT_EQUAL(config.layers.layers[1].arguments[0], 64);
    CU_ASSERT_STRING_EQUAL(dt_activation_names[config.activation], "relu");
    CU_ASSERT_EQUAL(config.init, DT_INIT_GLOROT);
    CU_ASSERT_EQUAL(config.optimizer, dt_name_find(dt_optimizer_names, "adam"));
    CU_ASSERT_TRUE(isnan(config.lr) && isnan(config.epsilon) && isnan(config.weight_decay));
    CU_ASSERT_EQUAL(config.virtual_ranks, 0);
    CU_ASSERT_EQUAL(config.max_steps, -1);
    CU_ASSERT_TRUE(config.bias && !config.overwrite);
}

/* dt_config_set of a bad text: the message has all its parts and nothing changes. */
/* What stands for runs of before decay_all. */
static void files_that_do_not_name_a_setting(void)
{
    dt_config config, defaults;
    dt_config_defaults(&defaults);
    dt_config_unnamed(&config);
    CU_ASSERT_TRUE(config.decay_all && !defaults.decay_all);
    config.decay_all = false;
    CU_ASSERT_EQUAL(memcmp(&config, &defaults, sizeof config), 0);
}

static void refused(const dt_setting *setting, const char *text)
{
    dt_config config, before;
    dt_error error = {0};
    char expects[DT_TEXT_MAX];
    CU_ASSERT_EQUAL(random_config(7, &config, &error), DT_OK);
    memcpy(&before, &config, sizeof config);
    dt_status status = dt_config_set(&config, setting, text, &error);
    if (status == DT_OK)
        printf("\n    %s takes '%s'\n", setting->name, text);
    CU_ASSERT_EQUAL(status, DT_ERR_CONFIG);
    CU_ASSERT_EQUAL(error.status, DT_ERR_CONFIG);
    CU_ASSERT_TRUE(says(&error, "expected "));
    bool is_list = setting->type == DT_SETTING_LIST; /* says what it expects of an item */
    CU_ASSERT_TRUE(is_list || says(&error, dt_setting_expects(setting, expects)));
    CU_ASSERT_TRUE(says(&error, is_list ? ", found " : ", found '"));
    CU_ASSERT_EQUAL(memcmp(&before, &config, sizeof config), 0);
}

static void taken(const dt_setting *setting, const char *text, const char *value)
{
    dt_config config;
    dt_error error = {0};
    char found[DT_TEXT_MAX];
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(dt_config_set(&config, setting, text, &error), DT_OK);
    CU_ASSERT_EQUAL(error.status, DT_OK);
    if (strcmp(dt_config_get(&config, setting, found), value) != 0)
        printf("\n    %s = %s: expected '%s', found '%s'\n", setting->name, text, value, found);
    CU_ASSERT_STRING_EQUAL(found, value);
}

static void range_ends_are_taken_and_one_beyond_refused(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        const dt_setting *it = &settings[i];
        char text[DT_TEXT_MAX], value[DT_TEXT_MAX];
        bool is_real = it->type == DT_SETTING_REAL;
        bool is_whole = it->type == DT_SETTING_INT || it->type == DT_SETTING_INT64;
        for (int high = 0; (is_real || is_whole) && high < 2; high++) {
            double end = high ? it->max : it->min;
            int64_t beyond = (int64_t)end + (high ? 1 : -1);
            snprintf(value, sizeof value, is_real ? "%.15g" : "%.0f", end);
            taken(it, value, value);
            if (is_real)
                snprintf(text, sizeof text, "%.17g",
                         nextafter(end, high ? (double)INFINITY : -(double)INFINITY));
            else
                snprintf(text, sizeof text, "%" PRId64, beyond);
            refused(it, text);
        }
    }
}

static void bad_numbers_are_refused(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "1 ",
                                      " 1",
                                      "x",
                                      "1x",
                                      "0x10",
                                      "1e",
                                      "nan",
                                      "inf",
                                      "-inf",
                                      "--1",
                                      "1,5",
                                      "1 2",
                                      "1e999",
                                      "1e-400",
                                      "Auto",
                                      "auto ",
                                      "99999999999999999999"};
    static const char *const names[] = {"classes", "seed", "clip_norm",
                                        "lr",      "size", "virtual_ranks"};
    static const char *const bad_sizes[] = {"0",       "1025",    "28x",   "x28",    "28x0",
                                            "28x28x3", "28 x 28", "28X28", "28x1025"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++)
            refused(find(names[i]), bad[j]);
    for (size_t i = 0; i < sizeof bad_sizes / sizeof bad_sizes[0]; i++)
        refused(find("size"), bad_sizes[i]);
    taken(find("size"), "28", "28x28");
    taken(find("size"), "1x1024", "1x1024");
    taken(find("size"), "auto", "auto");
    refused(find("seed"), "1.0");
    refused(find("seed"), "auto");
    refused(find("virtual_ranks"), "0");
    taken(find("lr"), "-0", "0");
    taken(find("lr"), ".5e-1", "0.05");
    taken(find("max_steps"), "007", "7");
}

static void names_lists_and_switches(void)
{
    static const char *const bad_lists[] = {"",    ",", "1,", ",1",   "1,,2", "1;2",
                                            "1 2", "0", "-1", "1,2x", "[1]"};
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++)
        for (int j = 0; settings[i].type == DT_SETTING_ENUM && settings[i].names[j]; j++)
            taken(&settings[i], settings[i].names[j], settings[i].names[j]);
    taken(find("activation"), "leaky_relu", "leaky-relu");
    refused(find("activation"), "ReLU");
    refused(find("activation"), "");

    for (size_t i = 0; i < sizeof bad_lists / sizeof bad_lists[0]; i++)
        refused(find("layers"), bad_lists[i]);
    taken(find("layers"), " 3 ,\t4,5 ", "3, 4, 5");
    taken(find("layers"), "dense 3,relu , 5", "dense 3 relu, 5");
    char sizes[2 * DT_LAYERS_MAX + 3] = "";
    for (int i = 0; i < DT_LAYERS_MAX; i++)
        strcat(sizes, i ? ",9" : "9");
    dt_config config;
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(dt_config_set(&config, find("layers"), sizes, NULL), DT_OK);
    CU_ASSERT_EQUAL(config.layers.count, DT_LAYERS_MAX);
    refused(find("layers"), strcat(sizes, ",9"));

    static const char *const yes[] = {"true", "yes", "on", "1"},
                             *no[] = {"false", "no", "off", "0"};
    for (int i = 0; i < 4; i++) {
        taken(find("overwrite"), yes[i], "true");
        taken(find("bias"), no[i], "false");
    }
    refused(find("bias"), "");
    refused(find("bias"), "2");
    refused(find("bias"), "True");
}

static void texts(void)
{
    char text[DT_NAME_MAX + 1];
    memset(text, 'a', sizeof text);
    text[DT_NAME_MAX] = '\0';
    refused(find("data"), text);
    text[DT_NAME_MAX - 1] = '\0';
    taken(find("data"), text, text);
    refused(find("data"), "");
    refused(find("data"), "a\nb");
    refused(find("data"), "a\033b");
}

static void messages_name_near_misses(void)
{
    dt_config config;
    dt_error error = {0};
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(dt_config_set(&config, find("activation"), "rleu", &error), DT_ERR_CONFIG);
    CU_ASSERT_TRUE(says(&error, "expected one of "));
    CU_ASSERT_TRUE(says(&error, ", found 'rleu'; did you mean 'relu'?"));
    char long_text[200];
    memset(long_text, 'a', sizeof long_text);
    memcpy(long_text, "a\nb\033", 4);
    long_text[199] = '\0';
    CU_ASSERT_EQUAL(dt_config_set(&config, find("bias"), long_text, &error), DT_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(error.message,
                           "expected true or false, found 'a\\nb\\x1b"
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'");
    CU_ASSERT_EQUAL(dt_config_set(&config, find("batch_size"), "-3", &error), DT_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(error.message,
                           "expected an integer from 1 to 16777216 samples, found '-3'");
}

static void misspelt_names_find_a_nearest_one(void)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < strlen(settings[i].name); at++) {
            char word[64];
            snprintf(word, sizeof word, "%s", settings[i].name);
            memmove(word + at, word + at + 1, strlen(word + at));
            const char *near = dt_setting_suggest(word);
            CU_ASSERT_PTR_NOT_NULL_FATAL(near);
            CU_ASSERT(dt_edit_distance(word, near) <= 1);
        }
    CU_ASSERT_STRING_EQUAL(dt_setting_suggest("btach-szie"), "batch_size");
    CU_ASSERT_PTR_NULL(dt_setting_suggest("learning_rate"));
    CU_ASSERT_PTR_NULL(dt_setting_suggest(""));
    /* 10 letters: 1 + 10 / 4 = 3 edits are near enough, 4 are not. */
    CU_ASSERT_STRING_EQUAL(dt_setting_suggest("xxxch_size"), "batch_size");
    CU_ASSERT_PTR_NULL(dt_setting_suggest("xxxxh_size"));
}

static void reals_are_written_with_few_digits(void)
{
    static const char *const texts[] = {
        "0.1", "0.001", "1e-08", "100", "0.30000000000000004", "4.94065645841247e-324", "0.3081"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        taken(find("lr"), texts[i], texts[i]);
    taken(find("lr"), "0.10000000000000000555", "0.1");
}

static CU_TestInfo tests[] = {
    {"the table is consistent", table_is_consistent},
    {"names are found with dashes and underscores", names_are_found_with_dashes_and_underscores},
    {"defaults are those of the table", defaults_are_those_of_the_table},
    {"files that do not name a setting", files_that_do_not_name_a_setting},
    {"range ends are taken, one beyond is refused", range_ends_are_taken_and_one_beyond_refused},
    {"bad numbers are refused", bad_numbers_are_refused},
    {"names, lists and switches", names_lists_and_switches},
    {"texts", texts},
    {"messages name near misses", messages_name_near_misses},
    {"misspelt names find a nearest one", misspelt_names_find_a_nearest_one},
    {"reals are written with few digits", reals_are_written_with_few_digits},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_config(void)
{
    return (CU_SuiteInfo){.pName = "config", .pTests = tests};
}

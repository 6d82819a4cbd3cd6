#include "cli/options.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <wordexp.h>

#include "random_config.h"

CU_SuiteInfo dt_suite_help(void);

static void help_says_everything_within_80_columns(void)
{
    char *text = NULL;
    size_t size, count;
    FILE *out = open_memstream(&text, &size);
    CU_ASSERT_FATAL(out != NULL);
    dt_options_print_help(out);
    fclose(out);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        CU_ASSERT(strcspn(line, "\n") <= 80);

    char part[2 * DT_TEXT_MAX], name[DT_VARIABLE_MAX];
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        snprintf(part, sizeof part, "\n  --%s%s ", settings[i].type ? "" : "[no-]",
                 dt_options_name(&settings[i], name));
        const char *entry = strstr(strstr(text, "\nSettings,"), part);
        CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
        const char *next = strstr(entry + 3, "\n  --"), *section = strstr(entry, "\n\n");
        const char *end = next && next < section ? next : section;
        snprintf(part, sizeof part, "[%s]\n", settings[i].default_value);
        CU_ASSERT_EQUAL((end + 1) - strlen(part), strstr(end + 1 - strlen(part), part));
        for (int j = 0; settings[i].type == DT_SETTING_ENUM && settings[i].names[j]; j++) {
            const char *mention = strstr(entry, settings[i].names[j]);
            CU_ASSERT(mention && mention < end);
        }
    }
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(text, flags[i].name));
    for (int i = 0; i < DT_COMMANDS; i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(text, dt_command_infos[i].name));
    free(text);
}

static void described_changes_give_the_same_settings(void)
{
    static char text[1 << 15];
    dt_config config;
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(dt_options_describe_changes(&config, text, sizeof text), 0);
    CU_ASSERT_STRING_EQUAL(text, "");
    for (uint32_t sample = 0; sample < 200; sample++) {
        dt_error error;
        dt_invocation out;
        CU_ASSERT_EQUAL_FATAL(random_config(sample, &config, &error), DT_OK);
        size_t length = dt_options_describe_changes(&config, text, sizeof text);
        CU_ASSERT_FATAL(length == strlen(text));
        CU_ASSERT_EQUAL(dt_options_describe_changes(&config, NULL, 0), length);
        wordexp_t words = {.we_offs = 1};
        CU_ASSERT_EQUAL_FATAL(wordexp(text, &words, WRDE_NOCMD | WRDE_UNDEF | WRDE_DOOFFS), 0);
        dt_status status = dt_options_parse((int)words.we_wordc + 1, words.we_wordv,
                                            (char *[]){NULL}, &out, &error);
        if (status != DT_OK)
            printf("\n    %s\n    %s\n", text, error.message);
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT_PTR_NULL(first_difference(&config, &out.config));
        wordfree(&words);
    }
}

static CU_TestInfo tests[] = {
    {"--help says everything within 80 columns", help_says_everything_within_80_columns},
    {"described changes give the same settings", described_changes_give_the_same_settings},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_help(void)
{
    return (CU_SuiteInfo){.pName = "help", .pTests = tests};
}

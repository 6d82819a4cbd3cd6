#include "config/config.h"

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "base/visible.h"
#include "config_fixture.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_config_ini(void);

static const char *ini(void)
{
    return scratch_path(folder, "test.ini");
}

static dt_status read_text(dt_config *config, const char *text, size_t length, dt_error *error)
{
    FILE *file = fopen(ini(), "wb");
    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_EQUAL(fwrite(text, 1, length, file), length);
    CU_ASSERT_EQUAL(fclose(file), 0);
    return dt_config_read_ini(config, ini(), error);
}

static void writing_and_reading_is_the_identity(void)
{
    static char text[1 << 15];
    for (uint32_t sample = 0; sample < 400; sample++) {
        dt_config config, again;
        dt_error error = {0};
        CU_ASSERT_EQUAL_FATAL(random_config(sample, &config, &error), DT_OK);
        size_t length = dt_config_write_ini(&config, sample % 2, text, sizeof text);
        CU_ASSERT_FATAL(length < sizeof text);
        CU_ASSERT_EQUAL(random_config(sample + 1000, &again, &error), DT_OK);
        dt_status status = read_text(&again, text, length, &error);
        if (status != DT_OK)
            printf("\n    sample %u: %s\n", sample, error.message);
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT_PTR_NULL(first_difference(&config, &again));
        CU_ASSERT_EQUAL(memcmp(config.data, again.data, sizeof config.data), 0);
    }
}

/* Text of a setting that may not be shown as it is comes back as it was, and no line of the file
 * holds it. */
static void what_deceives_is_written_out_and_read_back(void)
{
    static const char *const values[] = {"\xe2\x80\xaegpj",     "\xc2\x9b",     "\x9b\xff",
                                         "\xf3\xa0\x81\x81 ;x", "C:\\x41",      "\"\\x41",
                                         "\\u202e\xe2\x80\xae", "\xef\xbb\xbf", "Zürich"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        dt_config config, read;
        dt_error error = {0};
        static char text[65536], shown[4 * 65536];
        dt_config_defaults(&config);
        dt_config_defaults(&read);
        snprintf(config.data, sizeof config.data, "%s", values[i]);
        size_t length = dt_config_write_ini(&config, false, text, sizeof text);
        CU_ASSERT_TRUE_FATAL(length < sizeof text);
        for (char *line = strtok(strcpy(shown, text), "\n"); line; line = strtok(NULL, "\n"))
            CU_ASSERT_EQUAL(dt_visible(line, NULL, 0), strlen(line));
        CU_ASSERT_EQUAL(read_text(&read, text, length, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(read.data, values[i]);
    }
    static char worst[DT_NAME_MAX], text[65536];
    dt_config config, read;
    dt_config_defaults(&config);
    dt_config_defaults(&read);
    memset(worst, 0xff, sizeof worst - 1);
    memcpy(config.data, worst, sizeof worst);
    size_t length = dt_config_write_ini(&config, false, text, sizeof text);
    CU_ASSERT_EQUAL(read_text(&read, text, length, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(read.data, worst);
}

static void writing_counts_like_snprintf(void)
{
    static char whole[1 << 15], part[1 << 15];
    dt_config config;
    dt_config_defaults(&config);
    size_t length = dt_config_write_ini(&config, true, whole, sizeof whole);
    CU_ASSERT_EQUAL(length, strlen(whole));
    CU_ASSERT_EQUAL(dt_config_write_ini(&config, true, NULL, 0), length);
    static const size_t cuts[] = {1, 2, 100, 1000};
    for (size_t i = 0; i < 4; i++) {
        memset(part, '#', sizeof part);
        CU_ASSERT_EQUAL(dt_config_write_ini(&config, true, part, cuts[i]), length);
        CU_ASSERT_EQUAL(strlen(part), cuts[i] - 1);
        CU_ASSERT_EQUAL(memcmp(part, whole, cuts[i] - 1), 0);
    }
}

static void ini_grammar(void)
{
    static const struct {
        const char *text, *name, *value;
    } good[] = {
        {"[train]\nepochs = 3\n", "epochs", "3"},
        {"[train]\nepochs=3", "epochs", "3"},
        {"\xEF\xBB\xBF[train]\r\n\r\n  epochs\t=\t3\t\r\n", "epochs", "3"},
        {"# a\n; b = c\n[ train ] ; x\nbatch-size = 3 ; note\n", "batch_size", "3"},
        {"[train]\nbatch_size = 3\t# note\n", "batch_size", "3"},
        {"[train]\nlr = 1\n[data]\nclasses = 3\n[train]\nepochs = 2\n", "lr", "1"},
        {"[data]\ndata = /a;b#c\n", "data", "/a;b#c"},
        {"[data]\ndata = a = b\n", "data", "a = b"},
        {"[data]\ndata = \" a ;b\\\\c\\\"d\\e\" # note\n", "data", " a ;b\\c\"d\\e"},
        {"[data]\ndata = a\"b\"\n", "data", "a\"b\""},
        {"[model]\nlayers = \"5, 10\"\n", "layers", "5, 10"},
        {"[model]\nlayers = 5,10;x\n; no blank before it: no comment", NULL, NULL},
        {"", "epochs", "10"},
        {"\n\n", "epochs", "10"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        dt_config config;
        dt_error error = {0};
        char text[DT_TEXT_MAX];
        dt_config_defaults(&config);
        dt_status status = read_text(&config, good[i].text, strlen(good[i].text), &error);
        CU_ASSERT_EQUAL(status, good[i].name ? DT_OK : DT_ERR_CONFIG);
        if (good[i].name)
            CU_ASSERT_STRING_EQUAL(dt_config_get(&config, find(good[i].name), text), good[i].value);
    }
}

static void ini_errors_name_file_line_expected_and_found(void)
{
    static const struct {
        const char *text;
        int line;
        const char *message;
    } bad[] = {
        {"epochs = 3\n", 1, "epochs: expected below [train], found before any section"},
        {"\n[data]\nepochs = 3\n", 3, "epochs: expected below [train], found below [data]"},
        {"[train]\nepoch = 3\n", 2, "unknown setting 'epoch'; did you mean 'epochs'?"},
        {"[train]\nqwertz = 3\n", 2, "unknown setting 'qwertz'; --help lists the settings"},
        {"[train]\n= 3\n", 2, "unknown setting ''; --help lists the settings"},
        {"[train]\nepochs = 3\n\n;\nepochs = 3\n", 5,
         "epochs: expected once in a file, found again; the first is in line 2"},
        {"[train]\nbatch-size = 3\nbatch_size = 3\n", 3,
         "batch_size: expected once in a file, found again; the first is in line 2"},
        {"[train]\nepochs\n", 2, "expected [SECTION], NAME = VALUE or a comment, found 'epochs'"},
        {"[trian]\n", 1,
         "expected one of [data] [model] [train] [checkpoint] [log], found [trian]; did you mean "
         "[train]?"},
        {"[]\n", 1, "expected one of [data] [model] [train] [checkpoint] [log], found []"},
        {"[train\n", 1, "expected [SECTION] and nothing else, found '[train'"},
        {"[train] x\n", 1, "expected [SECTION] and nothing else, found '[train] x'"},
        {"[train]\nepochs =\n", 2,
         "epochs: expected an integer from 0 to 9007199254740992 epochs, found ''"},
        {"[train]\nepochs = ; 3\n", 2,
         "epochs: expected an integer from 0 to 9007199254740992 epochs, found ''"},
        {"[train]\nlr = \"1\n", 2, "lr: expected a closing \", found none"},
        {"[train]\nlr = \"1\" 2\n", 2, "lr: expected nothing behind the closing \", found ' 2'"},
        {"[train]\nlr = 1\v\n", 2, "expected text, found the control character 0x0b at byte 7"},
        {"[train]\n lr = 1\n  2\n", 3, "expected [SECTION], NAME = VALUE or a comment, found '2'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dt_config config, before;
        dt_error error = {0};
        char message[DT_TEXT_MAX];
        dt_config_defaults(&config);
        memcpy(&before, &config, sizeof config);
        snprintf(message, sizeof message, "%s:%d: %s", ini(), bad[i].line, bad[i].message);
        CU_ASSERT_EQUAL(read_text(&config, bad[i].text, strlen(bad[i].text), &error),
                        DT_ERR_CONFIG);
        if (strcmp(error.message, message) != 0)
            printf("\n    expected %s\n    found    %s\n", message, error.message);
        CU_ASSERT_STRING_EQUAL(error.message, message);
        CU_ASSERT_EQUAL(memcmp(&before, &config, sizeof config), 0);
    }
}

static void an_error_leaves_what_was_read_before_it_out(void)
{
    static const char text[] = "[train]\nepochs = 3\nlr = x\n";
    dt_config config;
    dt_error error = {0};
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(read_text(&config, text, strlen(text), &error), DT_ERR_CONFIG);
    CU_ASSERT_TRUE(dt_config_is_default(&config, find("epochs")));
}

static void long_lines_and_zero_bytes_are_refused(void)
{
    static char text[DT_INI_LINE_MAX + 64];
    dt_config config;
    dt_error error = {0};
    dt_config_defaults(&config);
    int length = snprintf(text, sizeof text, ";%*s\n[train]\nepochs = 4", DT_INI_LINE_MAX - 1, "");
    CU_ASSERT_EQUAL(read_text(&config, text, (size_t)length, &error), DT_OK);
    CU_ASSERT_EQUAL(config.epochs, 4);
    length = snprintf(text, sizeof text, "[train]\n;%*s\n", DT_INI_LINE_MAX, "");
    CU_ASSERT_EQUAL(read_text(&config, text, (size_t)length, &error), DT_ERR_CONFIG);
    CU_ASSERT_TRUE(says(&error, ":2: expected a line of at most 8191 bytes, found a longer one"));

    static const char zero[] = "[train]\nepochs = 5\0\n";
    CU_ASSERT_EQUAL(read_text(&config, zero, sizeof zero - 1, &error), DT_ERR_CONFIG);
    CU_ASSERT_TRUE(says(&error, ":2: expected text, found the control character 0x00 at byte 11"));
    CU_ASSERT_EQUAL(config.epochs, 4);
}

static void assert_place(const dt_config *config, int line, const char *message)
{
    char expected[512] = "";
    dt_error error = {0};
    dt_config resolved = *config;
    if (line > 0)
        snprintf(expected, sizeof expected, "%s:%d: ", ini(), line);
    strcat(expected, message);
    CU_ASSERT_EQUAL(dt_config_resolve(&resolved, &error), DT_ERR_CONFIG);
    CU_ASSERT_EQUAL(strncmp(error.message, expected, strlen(expected)), 0);
    if (strncmp(error.message, expected, strlen(expected)) != 0)
        printf("\n    expected '%s', found '%s'\n", expected, error.message);
}

static void what_does_not_fit_together_has_its_line(void)
{
    static const char layers[] =
        "[train]\nepochs = 2\n[model]\n\nlayers = 30, 5\n[data]\nclasses = 10\n";
    static const char classes[] = "[data]\nclasses = 5\n";
    dt_config config;
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(read_text(&config, layers, strlen(layers), NULL), DT_OK);
    assert_place(&config, 5, "layers: expected the last layer to have one output a class");
    CU_ASSERT_EQUAL(dt_config_set(&config, find("layers"), "30, 6", NULL), DT_OK);
    assert_place(&config, 7, "layers: expected");
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(read_text(&config, classes, strlen(classes), NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_config_set(&config, find("layers"), "7", NULL), DT_OK);
    assert_place(&config, 2, "layers: expected");
    CU_ASSERT_EQUAL(dt_config_set(&config, find("layers"), "5", NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_config_resolve(&config, NULL), DT_OK);
    CU_ASSERT_EQUAL(read_text(&config, "", 0, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_config_set(&config, find("layers"), "7", NULL), DT_OK);
    assert_place(&config, 0, "layers: expected");
}

static void unreadable_files_and_lack_of_memory(void)
{
    dt_config config;
    dt_error error = {0};
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(dt_config_read_ini(&config, "/nowhere/x.ini", &error), DT_ERR_NO_INPUT);
    CU_ASSERT_STRING_EQUAL(error.message, "/nowhere/x.ini: cannot open: No such file or directory");
    CU_ASSERT_EQUAL(dt_config_read_ini(&config, folder, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_TRUE(says(&error, "expected a regular file, found a directory"));
    scratch_write(ini(), "");
    dt_memory_fail_at(1);
    CU_ASSERT_EQUAL(dt_config_read_ini(&config, ini(), &error), DT_ERR_INTERNAL);
    dt_memory_fail_at(0);
}

static CU_TestInfo tests[] = {
    {"writing and reading is the identity", writing_and_reading_is_the_identity},
    {"what deceives comes back", what_deceives_is_written_out_and_read_back},
    {"writing counts like snprintf", writing_counts_like_snprintf},
    {"grammar", ini_grammar},
    {"errors name file, line, expected and found", ini_errors_name_file_line_expected_and_found},
    {"an error leaves out what was read before it", an_error_leaves_what_was_read_before_it_out},
    {"long lines and zero bytes are refused", long_lines_and_zero_bytes_are_refused},
    {"what does not fit together has its line", what_does_not_fit_together_has_its_line},
    {"unreadable files, lack of memory", unreadable_files_and_lack_of_memory},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_config_ini(void)
{
    return (CU_SuiteInfo){.pName = "config_ini",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

#include "run/summary.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "draw.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_summary(void);

static const char *path_of(const char *name)
{
    return scratch_path(folder, name);
}

static const dt_summary full_summary = {
    .status = "complete",
    .last = {.epoch = 10,
             .step = 9370,
             .samples = 600000,
             .train_loss = 0.1,
             .train_accuracy = 0.99,
             .val_loss = (double)NAN,
             .val_accuracy = (double)INFINITY,
             .test_loss = 1.0 / 3,
             .test_accuracy = 0.9756,
             .parameter_hash = 0x0123456789abcdef,
             .samples_per_second = 231000,
             .seconds = 12.5},
    .ranks = 8,
    .virtual_ranks = 16,
    .hosts = 2,
    .data_source = "MNIST-type files in /data",
    .version = "0.1.0",
};

static void what_is_written_is_this_text(void)
{
    CU_ASSERT_EQUAL(dt_summary_write(path_of("summary.json"), &full_summary, NULL), DT_OK);
    CU_ASSERT_TRUE(scratch_holds_text(path_of("summary.json"),
                                      "{\n"
                                      "  \"status\": \"complete\",\n"
                                      "  \"epochs\": 10,\n"
                                      "  \"steps\": 9370,\n"
                                      "  \"samples\": 600000,\n"
                                      "  \"ranks\": 8,\n"
                                      "  \"virtual_ranks\": 16,\n"
                                      "  \"hosts\": 2,\n"
                                      "  \"train_loss\": 0.1,\n"
                                      "  \"train_accuracy\": 0.99,\n"
                                      "  \"val_loss\": null,\n"
                                      "  \"val_accuracy\": null,\n"
                                      "  \"test_loss\": 0.3333333333333333,\n"
                                      "  \"test_accuracy\": 0.9756,\n"
                                      "  \"parameter_hash\": \"0123456789abcdef\",\n"
                                      "  \"samples_per_second\": 231000,\n"
                                      "  \"seconds\": 12.5,\n"
                                      "  \"resumed_from\": null,\n"
                                      "  \"data_source\": \"MNIST-type files in /data\",\n"
                                      "  \"version\": \"0.1.0\"\n"
                                      "}\n"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

/* The value of "resumed_from" in the file, as it stands there; malloc'd. */
static char *written_text(const char *value)
{
    dt_summary summary = full_summary;
    summary.resumed_from = value;
    CU_ASSERT_EQUAL(dt_summary_write(path_of("summary.json"), &summary, NULL), DT_OK);
    size_t size;
    char *text = scratch_read(path_of("summary.json"), &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    static const char key[] = "\"resumed_from\": ";
    char *begin = strstr(text, key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
    begin += sizeof key - 1;
    *strstr(begin, ",\n") = '\0';
    char *copy = strdup(begin);
    free(text);
    return copy;
}

static void texts_are_escaped(void)
{
    static const char *const cases[][2] = {
        {"", "\"\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\""},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"\xed\x9f\xbf\xee\x80\x80", "\"\xed\x9f\xbf\xee\x80\x80\""},
        {"\xf4\x8f\xbf\xbf", "\"\\udbff\\udfff\""}, /* what is no character */
        /* stray continuation, cut sequence, overlong forms, surrogate, beyond U+10FFFF */
        {"\x80z", "\"\\ufffdz\""},
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},
        {"\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xf0\x8f\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xf5\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xff", "\"\\ufffd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = written_text(cases[i][0]);
        CU_ASSERT_STRING_EQUAL(found, cases[i][1]);
        free(found);
    }

    char longest[5000];
    memset(longest, 1, sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    char *found = written_text(longest);
    CU_ASSERT_EQUAL(strlen(found), 2 + 6 * (sizeof longest - 1));
    free(found);
}

static void reals_come_back_exactly(void)
{
    const dt_random_key key = {.seed = 5, .stream = DT_STREAM_TEST};
    static const double corners[] = {0.0, -0.0, 0.1, DBL_MAX, DBL_MIN, DBL_TRUE_MIN, -1e22};
    for (uint32_t i = 0; i < 60; i++) {
        dt_random_block bits = dt_random_at(&key, i);
        double value;
        memcpy(&value, bits.word, sizeof value);
        if (i < sizeof corners / sizeof *corners)
            value = corners[i];
        if (!isfinite(value))
            continue;
        dt_summary summary = full_summary;
        summary.last.seconds = value;
        CU_ASSERT_EQUAL(dt_summary_write(path_of("summary.json"), &summary, NULL), DT_OK);
        size_t size;
        char *text = scratch_read(path_of("summary.json"), &size);
        double found = strtod(strstr(text, "\"seconds\": ") + 11, NULL);
        CU_ASSERT_EQUAL(memcmp(&found, &value, sizeof value), 0);
        free(text);
    }
}

static void failures_leave_the_old_file(void)
{
    scratch_write(path_of("summary.json"), "old");
    for (long n = 1; n <= 2; n++) {
        dt_memory_fail_at(n);
        dt_status status = dt_summary_write(path_of("summary.json"), &full_summary, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
    }
    scratch_limit_files(100);
    dt_status status = dt_summary_write(path_of("summary.json"), &full_summary, NULL);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(status, DT_ERR_IO);
    CU_ASSERT_TRUE(scratch_holds_text(path_of("summary.json"), "old"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_real(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void reading_what_was_written_is_the_identity(void)
{
    static const char *const texts[] = {NULL,
                                        "",
                                        "complete",
                                        "a \"quoted\" \\ path\twith\nlines",
                                        "Zürich → 東京 \xf0\x9f\x99\x82",
                                        "\x01\x1f",
                                        "]}{,:"};
    for (uint32_t round = 0; round < 60; round++) {
        dt_random_sequence random = draw_begin(round);
        double real[8];
        const char *text[5];
        for (int i = 0; i < 8; i++)
            real[i] = draw_int(&random, 0, 4)
                          ? draw_real(&random, -1, 1) * pow(10, draw_int(&random, -30, 30))
                          : (double)NAN;
        for (int i = 0; i < 5; i++)
            text[i] = texts[draw_int(&random, 0, 6)];
        dt_summary wrote = {.status = text[0],
                            .last = {.epoch = draw_int(&random, 0, 1000),
                                     .step = (int64_t)1 << draw_int(&random, 0, 62),
                                     .samples = draw_int(&random, 0, 1 << 30),
                                     .train_loss = real[0],
                                     .train_accuracy = real[1],
                                     .val_loss = real[2],
                                     .val_accuracy = real[3],
                                     .test_loss = real[4],
                                     .test_accuracy = real[5],
                                     .parameter_hash = dt_random_next(&random) * 0x100000001U,
                                     .samples_per_second = real[6],
                                     .seconds = real[7]},
                            .ranks = draw_int(&random, 1, 4096),
                            .virtual_ranks = draw_int(&random, 1, 4096),
                            .hosts = draw_int(&random, 1, 99),
                            .resumed_from = text[2],
                            .data_source = text[3],
                            .version = text[4]};
        dt_error error = {0};
        dt_summary file;
        CU_ASSERT_EQUAL_FATAL(dt_summary_write(path_of("summary.json"), &wrote, &error), DT_OK);
        CU_ASSERT_EQUAL(dt_summary_read(path_of("summary.json"), &file, &error), DT_OK);
        const dt_summary *read = &file;
        CU_ASSERT_TRUE(read->last.epoch == wrote.last.epoch && read->last.step == wrote.last.step &&
                       read->last.samples == wrote.last.samples &&
                       read->last.parameter_hash == wrote.last.parameter_hash &&
                       read->ranks == wrote.ranks && read->virtual_ranks == wrote.virtual_ranks &&
                       read->hosts == wrote.hosts);
        CU_ASSERT_TRUE(same_real(read->last.train_loss, real[0]) &&
                       same_real(read->last.train_accuracy, real[1]) &&
                       same_real(read->last.val_loss, real[2]) &&
                       same_real(read->last.val_accuracy, real[3]) &&
                       same_real(read->last.test_loss, real[4]) &&
                       same_real(read->last.test_accuracy, real[5]) &&
                       same_real(read->last.samples_per_second, real[6]) &&
                       same_real(read->last.seconds, real[7]));
        CU_ASSERT_TRUE(same_text(read->status, text[0]) && same_text(read->resumed_from, text[2]) &&
                       same_text(read->data_source, text[3]) && same_text(read->version, text[4]));
        dt_summary_destroy(&file);
        dt_summary_destroy(&file);
    }
}

static void what_is_not_there_is_not_known(void)
{
    dt_error error = {0};
    dt_summary file;
    scratch_write(path_of("s"), "{\"steps\": 5, \"more\": \"x\", \"pair\": \"\\ud83d\\ude42\"}");
    CU_ASSERT_EQUAL(dt_summary_read(path_of("s"), &file, &error), DT_OK);
    CU_ASSERT_EQUAL(file.last.step, 5);
    CU_ASSERT_EQUAL(file.last.epoch, -1);
    CU_ASSERT_EQUAL(file.ranks, -1);
    CU_ASSERT_TRUE(isnan(file.last.test_accuracy));
    CU_ASSERT_PTR_NULL(file.status);
    dt_summary_destroy(&file);
}

static void other_files_are_refused_with_their_line(void)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\n\"steps\": }",
                                      "{\n\"steps\": 5,}",
                                      "{\n\"steps\": 5",
                                      "{\n\"status\": \"cut",
                                      "{\n\"status\": \"\\x\"}",
                                      "{\n\"status\": \"\\u12g4\"}",
                                      "{\n\"steps\": 5} more",
                                      "{\n\"steps\": 5e}",
                                      "{\n\"steps\" 5}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dt_error error = {0};
        dt_summary file;
        char where[SCRATCH_SIZE + 80];
        scratch_write(path_of("bad"), bad[i]);
        snprintf(where, sizeof where, "%s:%d: expected ", path_of("bad"), i < 2 ? 1 : 2);
        CU_ASSERT_EQUAL(dt_summary_read(path_of("bad"), &file, &error), DT_ERR_DATA);
        CU_ASSERT_EQUAL(strncmp(error.message, where, strlen(where)), 0);
        CU_ASSERT_EQUAL(file.last.step, -1);
        dt_summary_destroy(&file);
    }
}

static void values_of_other_kinds_are_refused_with_their_key(void)
{
    static const char *const bad[][2] = {
        {"{\"version\": \"1\", \"steps\": \"5\"}", "steps: expected an integer, found a text"},
        {"{\"steps\": 5.5}", "steps: expected an integer, found another number"},
        {"{\"version\": \"1\", \"status\": 5}", "status: expected a text, found another number"},
        {"{\"seconds\": []}", "seconds: expected a number, found another value"},
        {"{\"parameter_hash\": \"12\"}",
         "parameter_hash: expected 16 hexadecimal digits, found a"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dt_error error = {0};
        dt_summary file;
        scratch_write(path_of("bad"), bad[i][0]);
        CU_ASSERT_EQUAL(dt_summary_read(path_of("bad"), &file, &error), DT_ERR_DATA);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, path_of("bad")));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, bad[i][1]));
        CU_ASSERT_PTR_NULL(file.version);
        CU_ASSERT_EQUAL(file.last.step, -1);
    }
    dt_error error = {0};
    dt_summary file;
    CU_ASSERT_EQUAL(dt_summary_read(path_of("none"), &file, &error), DT_ERR_NO_INPUT);
    dt_summary_destroy(&file);
}

static CU_TestInfo tests[] = {
    {"what is written is this text", what_is_written_is_this_text},
    {"texts are escaped", texts_are_escaped},
    {"reals come back exactly", reals_come_back_exactly},
    {"failures leave the old file", failures_leave_the_old_file},
    {"reading what was written is the identity", reading_what_was_written_is_the_identity},
    {"what is not there is not known", what_is_not_there_is_not_known},
    {"other files are refused with their line", other_files_are_refused_with_their_line},
    {"values of other kinds are refused with their key",
     values_of_other_kinds_are_refused_with_their_key},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_summary(void)
{
    return (CU_SuiteInfo){.pName = "summary",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

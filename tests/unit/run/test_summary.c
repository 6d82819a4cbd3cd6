#include "run/summary.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_summary_read(void);

static const char *path_of(const char *name)
{
    static char path[SCRATCH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
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
    {"reading what was written is the identity", reading_what_was_written_is_the_identity},
    {"what is not there is not known", what_is_not_there_is_not_known},
    {"other files are refused with their line", other_files_are_refused_with_their_line},
    {"values of other kinds are refused with their key",
     values_of_other_kinds_are_refused_with_their_key},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_summary_read(void)
{
    return (CU_SuiteInfo){.pName = "summary_read",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

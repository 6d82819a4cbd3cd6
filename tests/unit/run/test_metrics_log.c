#include <errno.h>
#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "run/metrics_log.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_metrics_log(void);

static const char header[] =
    "epoch,step,samples,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,"
    "learning_rate,seconds,samples_per_second,compute_seconds,reduce_seconds,wait_seconds,"
    "data_seconds,gradient_norm,parameter_hash\n";

static const dt_metrics_row full_row = {
    .epoch = 1,
    .step = 937,
    .samples = 60000,
    .train_loss = 0.25,
    .train_accuracy = 0.5,
    .val_loss = 0.125,
    .val_accuracy = 0.75,
    .test_loss = 1.0 / 3,
    .test_accuracy = 0.9756,
    .learning_rate = 1e-5,
    .seconds = 12.5,
    .samples_per_second = 231000,
    .compute_seconds = 8,
    .reduce_seconds = 2,
    .wait_seconds = 1.5,
    .data_seconds = 0.75,
    .gradient_norm = 0.0625,
    .parameter_hash = 0x0123456789abcdef,
};

static const char *csv(void)
{
    return scratch_path(folder, "metrics.csv");
}

static const char *text_of(const dt_metrics_log *log, size_t *length)
{
    dt_metrics_history history = dt_metrics_log_history(log);
    CU_ASSERT_EQUAL(history.earlier, 0);
    *length = history.length;
    return history.text;
}

static dt_status restore(const char *text, size_t length, dt_metrics_log **log, dt_error *error)
{
    const dt_metrics_history history = {.text = text, .length = length};
    dt_error lost;
    dt_status status = dt_metrics_log_restore(csv(), csv(), &history, log, &lost, error);
    CU_ASSERT_EQUAL(lost.status, DT_OK);
    return status;
}

static dt_metrics_log *open_log(void)
{
    dt_metrics_log *log = NULL;
    CU_ASSERT_EQUAL_FATAL(dt_metrics_log_create(csv(), &log, NULL), DT_OK);
    return log;
}

static void rows_are_there_as_soon_as_appended(void)
{
    char expected[1024];
    dt_metrics_log *log = open_log();
    CU_ASSERT_TRUE(scratch_holds_text(csv(), header));

    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &full_row, NULL), DT_OK);
    snprintf(expected, sizeof expected, "%s%s", header,
             "1,937,60000,0.25,0.5,0.125,0.75,0.333333333,0.9756,1e-05,12.5,231000,8,2,1.5,"
             "0.75,0.0625,0123456789abcdef\n");
    CU_ASSERT_TRUE(scratch_holds_text(csv(), expected));

    dt_metrics_row row = full_row;
    row.val_loss = row.val_accuracy = row.test_accuracy = (double)NAN;
    row.train_loss = (double)INFINITY;
    row.reduce_seconds = row.gradient_norm = (double)NAN;
    row.parameter_hash = 0;
    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_OK);
    strcat(expected, "1,937,60000,inf,0.5,,,0.333333333,,1e-05,12.5,231000,8,,1.5,0.75,,\n");
    CU_ASSERT_TRUE(scratch_holds_text(csv(), expected));
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
    CU_ASSERT_TRUE(scratch_holds_text(csv(), expected));
}

static int commas(const char *text, const char *end)
{
    int count = 0;
    for (; text < end; text++)
        count += *text == ',';
    return count;
}

static void longest_row_has_every_column(void)
{
    dt_metrics_row row = full_row;
    row.epoch = row.step = row.samples = INT64_MIN;
    row.train_loss = row.train_accuracy = row.val_loss = row.val_accuracy = -1.23456789e-300;
    row.test_loss = row.test_accuracy = row.learning_rate = -DBL_MAX;
    row.seconds = row.samples_per_second = -DBL_TRUE_MIN;
    row.compute_seconds = row.reduce_seconds = row.wait_seconds = row.data_seconds = -DBL_MAX;
    row.gradient_norm = -DBL_MAX;
    dt_metrics_log *log = open_log();
    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);

    size_t size;
    char *text = scratch_read(csv(), &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    char *second = strchr(text, '\n') + 1;
    CU_ASSERT_EQUAL(commas(second, text + size), commas(text, second));
    CU_ASSERT_STRING_EQUAL(text + size - 18, ",0123456789abcdef\n");
    free(text);
}

/* The file is `text`, and so is the log's own memory of it. */
static void assert_text(const dt_metrics_log *log, const char *text)
{
    size_t length;
    CU_ASSERT_STRING_EQUAL(text_of(log, &length), text);
    CU_ASSERT_EQUAL(length, strlen(text));
    CU_ASSERT_TRUE(scratch_holds_text(csv(), text));
}

static void a_full_disk_keeps_whole_rows_and_loses_none(void)
{
    dt_metrics_log *log = open_log();
    dt_metrics_row row = full_row;
    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_OK);
    size_t size, length;
    char *before = scratch_read(csv(), &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(before);

    for (row.epoch = 2; row.epoch < 4; row.epoch++) {
        dt_error error = {0};
        scratch_limit_files(size + 20);
        dt_status status = dt_metrics_log_append(log, &row, &error);
        scratch_limit_files(RLIM_INFINITY);
        CU_ASSERT_EQUAL(status, DT_ERR_IO);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, strerror(EFBIG)));
        CU_ASSERT_TRUE(scratch_holds(csv(), before, size));
    }
    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_OK);
    assert_text(log, text_of(log, &length));
    CU_ASSERT_EQUAL(length, size + 3 * (size - strlen(header)));

    row.epoch++;
    scratch_limit_files(size);
    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_ERR_IO);
    scratch_limit_files(RLIM_INFINITY);
    char *text = strdup(text_of(log, &length));
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
    CU_ASSERT_TRUE(scratch_holds(csv(), text, length));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n5,"));
    free(text);
    free(before);
}

static void rows_that_stay_unwritten_are_an_error_on_closing(void)
{
    dt_metrics_log *log = open_log();
    dt_error error = {0};
    scratch_limit_files(strlen(header));
    CU_ASSERT_EQUAL(dt_metrics_log_append(log, &full_row, NULL), DT_ERR_IO);
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, &error), DT_ERR_IO);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
    CU_ASSERT_TRUE(scratch_holds_text(csv(), header));
}

static void append_rows(dt_metrics_log *log, int first, int count)
{
    dt_metrics_row row = full_row;
    for (row.epoch = first; row.epoch < first + count; row.epoch++)
        CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_OK);
}

/* n rows = k rows, restored from what the log said after them, and n - k rows; whatever happened
 * to the file between. */
static void a_restored_log_goes_on_as_if_never_stopped(void)
{
    enum { ROWS = 120 };
    dt_metrics_log *log = open_log();
    append_rows(log, 1, ROWS);
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
    size_t size, length;
    char *whole = scratch_read(csv(), &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(whole);

    static const int kept[] = {0, 1, 37, ROWS - 1, ROWS};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        CU_ASSERT_EQUAL(unlink(csv()), 0);
        log = open_log();
        append_rows(log, 1, kept[i]);
        char *text = strdup(text_of(log, &length));
        append_rows(log, 1000, 2);
        CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
        if (i % 3 == 0)
            scratch_write(csv(), "damaged");
        else if (i % 3 == 1)
            CU_ASSERT_EQUAL(unlink(csv()), 0);

        CU_ASSERT_EQUAL(restore(text, length, &log, NULL), DT_OK);
        assert_text(log, text);
        append_rows(log, kept[i] + 1, ROWS - kept[i]);
        assert_text(log, whole);
        CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
        CU_ASSERT_TRUE(scratch_holds(csv(), whole, size));
        CU_ASSERT_EQUAL(scratch_entries(folder), 1);
        free(text);
    }
    free(whole);
}

static void the_text_is_right_when_the_file_is_damaged(void)
{
    dt_metrics_log *log = open_log();
    append_rows(log, 1, 3);
    size_t length;
    char *text = strdup(text_of(log, &length));
    CU_ASSERT_EQUAL(truncate(csv(), 10), 0);
    CU_ASSERT_STRING_EQUAL(text_of(log, &length), text);
    append_rows(log, 4, 1);
    CU_ASSERT_EQUAL(strncmp(text_of(log, &length), text, strlen(text)), 0);
    CU_ASSERT_EQUAL(length, strlen(text) + (strlen(text) - strlen(header)) / 3);
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
    free(text);
}

static void foreign_texts_are_not_restored(void)
{
    char cut[2048], zero[2048];
    snprintf(cut, sizeof cut, "%s1,937,60000", header);
    int length = snprintf(zero, sizeof zero, "%s1,\n", header);
    zero[length - 2] = '\0';
    const struct {
        const char *text;
        size_t length;
        const char *reason;
    } cases[] = {
        {"", 0, "expected the columns epoch,step"},
        {header, strlen(header) - 1, "expected the columns epoch,step"},
        {"epoch,step,loss\n1,2,0.5\n", 25, "found epoch,step,loss"},
        {cut, strlen(cut), "cut"},
        {zero, (size_t)length, "zero byte"},
    };
    scratch_write(csv(), "old");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dt_metrics_log *log = NULL;
        dt_error error = {0};
        CU_ASSERT_EQUAL(restore(cases[i].text, cases[i].length, &log, &error), DT_ERR_DATA);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, cases[i].reason));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
        CU_ASSERT_PTR_NULL(log);
        CU_ASSERT_TRUE(scratch_holds_text(csv(), "old"));
    }
}

static void a_restore_that_fails_leaves_the_old_file(void)
{
    scratch_write(csv(), "old");
    dt_metrics_log *log = NULL;
    for (long n = 1; n <= 4; n++) {
        dt_memory_fail_at(n);
        dt_status status = restore(header, strlen(header), &log, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
        CU_ASSERT_PTR_NULL(log);
    }
    scratch_limit_files(20);
    dt_status status = restore(header, strlen(header), &log, NULL);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(status, DT_ERR_IO);
    CU_ASSERT_PTR_NULL(log);
    CU_ASSERT_TRUE(scratch_holds_text(csv(), "old"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void lack_of_memory_loses_one_row_and_no_other(void)
{
    dt_metrics_log *log = open_log();
    int lost = 0;
    for (int i = 0; i < 60; i++) {
        dt_memory_fail_at(1);
        dt_status status = dt_metrics_log_append(log, &full_row, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        if (status == DT_ERR_INTERNAL) {
            lost++;
            append_rows(log, 1, 1);
        }
        size_t length;
        assert_text(log, text_of(log, &length));
    }
    CU_ASSERT_TRUE(lost > 0 && lost < 10);
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
}

static void a_header_that_does_not_fit_leaves_no_file(void)
{
    dt_metrics_log *log = NULL;
    dt_error error = {0};
    scratch_limit_files(20);
    dt_status status = dt_metrics_log_create(csv(), &log, &error);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(status, DT_ERR_IO);
    CU_ASSERT_PTR_NULL(log);
    CU_ASSERT_EQUAL(scratch_entries(folder), 0);
}

static void an_existing_log_is_not_touched(void)
{
    dt_metrics_log *log = NULL;
    dt_error error = {0};
    scratch_write(csv(), "old");
    CU_ASSERT_EQUAL(dt_metrics_log_create(csv(), &log, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
    CU_ASSERT_PTR_NULL(log);
    CU_ASSERT_TRUE(scratch_holds_text(csv(), "old"));
    CU_ASSERT_EQUAL(dt_metrics_log_create(scratch_path(folder, "no/m.csv"), &log, NULL),
                    DT_ERR_CREATE);
    CU_ASSERT_EQUAL(dt_metrics_log_close(NULL, NULL), DT_OK);
}

static void lack_of_memory_leaves_no_file(void)
{
    for (long n = 1; n <= 3; n++) {
        dt_metrics_log *log = NULL;
        dt_memory_fail_at(n);
        dt_status status = dt_metrics_log_create(csv(), &log, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
        CU_ASSERT_PTR_NULL(log);
        CU_ASSERT_EQUAL(scratch_entries(folder), 0);
    }
}

enum { LONG_ROWS = 40000 }; /* some megabytes */

/* The history of a long log after so many rows, a copy; its file goes on. */
static dt_metrics_history long_history(int rows, int more)
{
    dt_metrics_log *log = open_log();
    append_rows(log, 0, rows);
    dt_metrics_history history = dt_metrics_log_history(log);
    char *text = malloc(history.length);
    memcpy(text, history.text, history.length);
    history.text = text;
    append_rows(log, rows, more);
    CU_ASSERT_TRUE(dt_metrics_log_history(log).length < 2 * DT_METRICS_BLOCK);
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
    return history;
}

static void a_long_log_is_restored_from_its_file_and_its_end(void)
{
    size_t whole_size, size;
    dt_metrics_log *log = NULL;
    dt_error lost;
    free((char *)long_history(LONG_ROWS, 0).text);
    char *whole = scratch_read(csv(), &whole_size);
    unlink(csv());
    dt_metrics_history history = long_history(LONG_ROWS, 5000);
    CU_ASSERT_TRUE(history.earlier > 0);
    CU_ASSERT_EQUAL((size_t)history.earlier + history.length, whole_size);
    CU_ASSERT_TRUE(history.length < 2 * DT_METRICS_BLOCK);
    const char *places[] = {scratch_path(folder, "other.csv"), csv()};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(dt_metrics_log_restore(places[i], csv(), &history, &log, &lost, NULL),
                        DT_OK);
        CU_ASSERT_EQUAL(lost.status, DT_OK);
        CU_ASSERT_EQUAL(dt_metrics_log_history(log).earlier_hash, history.earlier_hash);
        CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
        char *text = scratch_read(places[i], &size);
        CU_ASSERT_EQUAL(size, whole_size);
        CU_ASSERT_EQUAL(memcmp(text, whole, whole_size), 0);
        free(text);
    }
    unlink(csv());
    unlink(places[0]);
    free((char *)history.text);
    free(whole);
}

static void the_beginning_of_a_long_log_may_be_lost(void)
{
    dt_metrics_history history = long_history(LONG_ROWS, 0);
    for (int i = 0; i < 3; i++) {
        size_t size;
        dt_metrics_log *log = NULL;
        dt_error lost;
        char *text = scratch_read(csv(), &size);
        FILE *file = fopen(csv(), "r+");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        fseek(file, 5000, SEEK_SET);
        fputc(text[5000] ^ 1, file);
        fclose(file);
        if (i == 1)
            CU_ASSERT_EQUAL(truncate(csv(), history.earlier - 1), 0);
        if (i == 2)
            unlink(csv());
        CU_ASSERT_EQUAL(dt_metrics_log_restore(csv(), csv(), &history, &log, &lost, NULL), DT_OK);
        CU_ASSERT_EQUAL(lost.status, i < 2 ? DT_ERR_DATA : DT_ERR_NO_INPUT);
        CU_ASSERT_EQUAL(unlink(scratch_path(folder, "metrics.csv.damaged")), i < 2 ? 0 : -1);
        free(text);
        text = scratch_read(csv(), &size);
        CU_ASSERT_EQUAL(strncmp(text, header, strlen(header)), 0);
        size_t rows = size - strlen(header);
        CU_ASSERT_TRUE(rows > history.length - 400 && rows <= history.length);
        CU_ASSERT_EQUAL(memcmp(text + strlen(header), history.text + history.length - rows, rows),
                        0);
        CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
        free(text);
        free((char *)history.text);
        unlink(csv());
        history = long_history(LONG_ROWS, 0);
    }
    free((char *)history.text);
}

CU_SuiteInfo dt_suite_metrics_log(void)
{
    static CU_TestInfo tests[] = {
        {"rows are there as soon as appended", rows_are_there_as_soon_as_appended},
        {"the longest row has every column", longest_row_has_every_column},
        {"a full disk keeps whole rows, loses none", a_full_disk_keeps_whole_rows_and_loses_none},
        {"rows that stay unwritten: error on closing",
         rows_that_stay_unwritten_are_an_error_on_closing},
        {"n rows = k rows + restore + n-k rows", a_restored_log_goes_on_as_if_never_stopped},
        {"the text is right when the file is damaged", the_text_is_right_when_the_file_is_damaged},
        {"foreign texts are not restored", foreign_texts_are_not_restored},
        {"a long log: file and end make it again",
         a_long_log_is_restored_from_its_file_and_its_end},
        {"a long log: its beginning may be lost", the_beginning_of_a_long_log_may_be_lost},
        {"a restore that fails leaves the old file", a_restore_that_fails_leaves_the_old_file},
        {"lack of memory loses one row and no other", lack_of_memory_loses_one_row_and_no_other},
        {"no file when the header does not fit", a_header_that_does_not_fit_leaves_no_file},
        {"an existing log is not touched", an_existing_log_is_not_touched},
        {"lack of memory leaves no file", lack_of_memory_leaves_no_file},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "metrics_log",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

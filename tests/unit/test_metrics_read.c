#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "io/metrics_read.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_metrics_read(void);

static const char header[] =
    "epoch,step,samples,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,"
    "learning_rate,seconds,samples_per_second,compute_seconds,reduce_seconds,wait_seconds,"
    "data_seconds,gradient_norm,parameter_hash\n";

static const char *csv(void)
{
    return scratch_path(folder, "metrics.csv");
}

/* A number that 9 digits hold; sometimes none, sometimes infinite. */
static double draw_real(const dt_random_key *key, uint32_t counter)
{
    dt_random_block bits = dt_random_at(key, counter);
    char text[40];
    if (bits.word[0] % 5 == 0)
        return (double)NAN;
    if (bits.word[0] % 97 == 1)
        return (double)INFINITY;
    snprintf(text, sizeof text, "%s%u.%03ue%d", bits.word[1] % 4 ? "" : "-", bits.word[1] % 100000,
             bits.word[2] % 1000, (int)(bits.word[3] % 40) - 20);
    return strtod(text, NULL);
}

static dt_metrics_row draw_row(uint32_t number)
{
    const dt_random_key key = {.seed = number, .stream = DT_STREAM_TEST};
    dt_random_block bits = dt_random_at(&key, 1000);
    dt_metrics_row row = {.epoch = bits.word[0],
                          .step = (int64_t)bits.word[1] << 31 | bits.word[2],
                          .samples = number == 0 ? INT64_MAX : (int64_t)bits.word[3]};
    double *reals[] = {&row.train_loss,      &row.train_accuracy, &row.val_loss,
                       &row.val_accuracy,    &row.test_loss,      &row.test_accuracy,
                       &row.learning_rate,   &row.seconds,        &row.samples_per_second,
                       &row.compute_seconds, &row.reduce_seconds, &row.wait_seconds,
                       &row.data_seconds,    &row.gradient_norm};
    for (uint32_t i = 0; i < sizeof reals / sizeof *reals; i++)
        *reals[i] = draw_real(&key, i);
    if (bits.word[0] % 3)
        dt_hash_text((uint64_t)bits.word[0] << 32 | bits.word[1], row.parameter_hash);
    return row;
}

static int same_real(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b;
}

static int same_row(const dt_metrics_row *a, const dt_metrics_row *b)
{
    return a->epoch == b->epoch && a->step == b->step && a->samples == b->samples &&
           same_real(a->train_loss, b->train_loss) &&
           same_real(a->train_accuracy, b->train_accuracy) && same_real(a->val_loss, b->val_loss) &&
           same_real(a->val_accuracy, b->val_accuracy) && same_real(a->test_loss, b->test_loss) &&
           same_real(a->test_accuracy, b->test_accuracy) &&
           same_real(a->learning_rate, b->learning_rate) && same_real(a->seconds, b->seconds) &&
           same_real(a->samples_per_second, b->samples_per_second) &&
           same_real(a->compute_seconds, b->compute_seconds) &&
           same_real(a->reduce_seconds, b->reduce_seconds) &&
           same_real(a->wait_seconds, b->wait_seconds) &&
           same_real(a->data_seconds, b->data_seconds) &&
           same_real(a->gradient_norm, b->gradient_norm) &&
           strcmp(a->parameter_hash, b->parameter_hash) == 0;
}

/* Writes the rows 0 to count - 1 as a run does. */
static void write_rows(uint32_t count)
{
    dt_metrics_log *log = NULL;
    unlink(csv());
    CU_ASSERT_EQUAL_FATAL(dt_metrics_log_create(csv(), &log, NULL), DT_OK);
    for (uint32_t i = 0; i < count; i++) {
        dt_metrics_row row = draw_row(i);
        CU_ASSERT_EQUAL(dt_metrics_log_append(log, &row, NULL), DT_OK);
    }
    CU_ASSERT_EQUAL(dt_metrics_log_close(log, NULL), DT_OK);
}

static void assert_first_rows(uint32_t count)
{
    dt_metrics_table table;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_metrics_read(csv(), &table, &error), DT_OK);
    CU_ASSERT_EQUAL(table.count, count);
    for (uint32_t i = 0; i < table.count && i < count; i++) {
        dt_metrics_row row = draw_row(i);
        CU_ASSERT_TRUE(same_row(&table.rows[i], &row));
    }
    dt_metrics_table_destroy(&table);
    CU_ASSERT_EQUAL(table.count, 0);
    dt_metrics_table_destroy(&table);
}

static void reading_gives_the_rows_written(void)
{
    static const uint32_t counts[] = {0, 1, 2, 400};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        write_rows(counts[i]);
        assert_first_rows(counts[i]);
    }
    dt_metrics_table_destroy(NULL);
}

static void a_growing_file_has_its_whole_lines(void)
{
    write_rows(3);
    size_t size;
    char *text = scratch_read(csv(), &size);
    uint32_t lines = 0;
    for (size_t length = 0; length <= size; length++) {
        if (length > 0 && text[length - 1] == '\n')
            lines++;
        char kept = text[length];
        text[length] = '\0';
        scratch_write(csv(), text);
        text[length] = kept;
        assert_first_rows(lines > 0 ? lines - 1 : 0);
    }
    CU_ASSERT_EQUAL(lines, 4);
    free(text);
}

static void assert_refused(const char *text, const char *message)
{
    dt_metrics_table table;
    dt_error error = {0};
    scratch_write(csv(), text);
    CU_ASSERT_EQUAL(dt_metrics_read(csv(), &table, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, message));
    if (!strstr(error.message, message))
        printf("expected '%s', found '%s'\n", message, error.message);
    CU_ASSERT_PTR_NULL(table.rows);
    CU_ASSERT_EQUAL(table.count, 0);
}

static void what_is_no_row_is_refused_with_its_line(void)
{
    static const char good[] = "1,2,3,.5,,,,,,,,,,,,,,0123456789abcdef\n";
    static const struct {
        const char *row, *message;
    } cases[] = {
        {"\n", "line 3: expected 18 cells, found fewer"},
        {"1,2,3,,,,,,,,,,,,,,\n", "line 3: expected 18 cells, found fewer"},
        {"1,2,3,,,,,,,,,,,,,,,,\n", "line 3: expected 18 cells, found more"},
        {",2,3,,,,,,,,,,,,,,,\n", "line 3: cell 1: expected a number, found ''"},
        {"1,2.5,3,,,,,,,,,,,,,,,\n", "line 3: cell 2: expected a number, found '2.5'"},
        {"1,2,9223372036854775808,,,,,,,,,,,,,,,\n", "line 3: cell 3: expected"},
        {" 1,2,3,,,,,,,,,,,,,,,\n", "line 3: cell 1: expected"},
        {"1,2,3,loss,,,,,,,,,,,,,,\n", "line 3: cell 4: expected a number, found 'loss'"},
        {"1,2,3,1e,,,,,,,,,,,,,,\n", "line 3: cell 4: expected a number, found '1e'"},
        {"1,2,3, 1,,,,,,,,,,,,,,\n", "line 3: cell 4: expected"},
        {"1,2,3,,,,,,,,,,,,,,,0123456789abcdef0\n", "line 3: cell 18: expected"},
        {"1,2,3,,,,,,,,,,,,,,,xyz\n", "line 3: cell 18: expected"},
        {"1,2,3,,,,,,,,,,,,,,,abc\r\n", "line 3: cell 18: expected"},
    };
    char text[1024];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%s%s%s", header, good, cases[i].row);
        assert_refused(text, cases[i].message);
        snprintf(text, sizeof text, "%s%s%s%s", header, good, cases[i].row, good);
        assert_refused(text, cases[i].message);
    }
    assert_refused("a,b\n1,2\n", "line 1: expected the columns epoch,");
    assert_refused("epoch,stap", "line 1: expected the columns epoch,");
    snprintf(text, sizeof text, "x%s", header);
    assert_refused(text, "line 1: expected the columns epoch,");
}

static void a_zero_byte_is_refused(void)
{
    write_rows(5);
    FILE *file = fopen(csv(), "r+b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fseek(file, (long)sizeof header + 2, SEEK_SET);
    fputc('\0', file);
    fclose(file);
    dt_metrics_table table;
    CU_ASSERT_EQUAL(dt_metrics_read(csv(), &table, NULL), DT_ERR_DATA);
}

static void missing_files_and_memory_are_told(void)
{
    dt_metrics_table table;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_metrics_read(csv(), &table, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
    CU_ASSERT_EQUAL(dt_metrics_read(folder, &table, NULL), DT_ERR_NO_INPUT);
    write_rows(4);
    for (long n = 1; n <= 2; n++) {
        dt_memory_fail_at(n);
        dt_status status = dt_metrics_read(csv(), &table, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
        CU_ASSERT_PTR_NULL(table.rows);
        CU_ASSERT_EQUAL(table.count, 0);
    }
}

CU_SuiteInfo dt_suite_metrics_read(void)
{
    static CU_TestInfo tests[] = {
        {"reading gives the rows written", reading_gives_the_rows_written},
        {"a growing file has its whole lines", a_growing_file_has_its_whole_lines},
        {"what is no row is refused with its line", what_is_no_row_is_refused_with_its_line},
        {"a zero byte is refused", a_zero_byte_is_refused},
        {"missing files and memory are told", missing_files_and_memory_are_told},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "metrics_read",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

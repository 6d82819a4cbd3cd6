#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "run/metrics_read.h"
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
        row.parameter_hash = (uint64_t)bits.word[0] << 32 | bits.word[1];
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
           a->parameter_hash == b->parameter_hash;
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

/* The rows that the reader finds now are `first` to end - 1. */
static void assert_next_rows(dt_metrics_reader *reader, uint32_t first, uint32_t end)
{
    const dt_metrics_row *row;
    dt_error error = {0};
    for (uint32_t i = first; i < end; i++) {
        dt_metrics_row expected = draw_row(i);
        CU_ASSERT_EQUAL(dt_metrics_reader_next(reader, &row, &error), DT_OK);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        CU_ASSERT_TRUE(same_row(row, &expected));
    }
    CU_ASSERT_EQUAL(dt_metrics_reader_next(reader, &row, &error), DT_OK);
    CU_ASSERT_PTR_NULL(row);
}

static dt_metrics_reader *open_reader(void)
{
    dt_metrics_reader *reader;
    CU_ASSERT_EQUAL_FATAL(dt_metrics_reader_open(csv(), &reader, NULL), DT_OK);
    return reader;
}

static void assert_first_rows(uint32_t count)
{
    dt_metrics_reader *reader = open_reader();
    assert_next_rows(reader, 0, count);
    CU_ASSERT_TRUE(dt_metrics_reader_holds(reader));
    dt_metrics_reader_close(reader);
}

/* The error of the first row that cannot be read, and the rows before it. */
static dt_status read_all(int64_t *count, dt_error *error)
{
    dt_metrics_reader *reader;
    const dt_metrics_row *row = NULL;
    *count = 0;
    dt_status status = dt_metrics_reader_open(csv(), &reader, error);
    while (!status && !(status = dt_metrics_reader_next(reader, &row, error)) && row)
        ++*count;
    dt_metrics_reader_close(reader);
    return status;
}

static void reading_gives_the_rows_written(void)
{
    static const uint32_t counts[] = {0, 1, 2, 3000}; /* the last: more than are read at once */
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        write_rows(counts[i]);
        assert_first_rows(counts[i]);
    }
    dt_metrics_reader_close(NULL);
}

/* By a reader that has been there from the start, and by one that comes now. */
static void a_growing_file_has_its_whole_lines(void)
{
    write_rows(3);
    size_t size;
    char *text = scratch_read(csv(), &size);
    uint32_t lines = 0, seen = 0;
    scratch_write(csv(), "");
    dt_metrics_reader *reader = open_reader();
    for (size_t length = 0; length <= size; length++) {
        if (length > 0 && text[length - 1] == '\n')
            lines++;
        char kept = text[length];
        text[length] = '\0';
        scratch_write(csv(), text);
        text[length] = kept;
        assert_first_rows(lines > 0 ? lines - 1 : 0);
        assert_next_rows(reader, seen, lines > 0 ? lines - 1 : 0);
        seen = lines > 0 ? lines - 1 : 0;
    }
    CU_ASSERT_EQUAL(lines, 4);
    dt_metrics_reader_close(reader);
    free(text);
}

/* A run that goes on from a checkpoint takes rows back. */
static void a_reader_sees_that_its_rows_are_gone(void)
{
    size_t size;
    write_rows(5);
    dt_metrics_reader *reader = open_reader();
    assert_next_rows(reader, 0, 5);
    char *text = scratch_read(csv(), &size);
    text[size - 3] = text[size - 3] == '1' ? '2' : '1';
    scratch_write(csv(), text); /* the same file, with another last row */
    CU_ASSERT_FALSE(dt_metrics_reader_holds(reader));
    text[size - 40] = '\0';
    scratch_write(csv(), text);
    CU_ASSERT_FALSE(dt_metrics_reader_holds(reader));
    dt_metrics_reader_close(reader);
    reader = open_reader();
    write_rows(5); /* another file with the same rows */
    assert_next_rows(reader, 0, 4);
    CU_ASSERT_FALSE(dt_metrics_reader_holds(reader));
    dt_metrics_reader_close(reader);
    free(text);
}

/* A number as some program writes it; most are of the form of metrics.csv. */
static void draw_number(const dt_random_key *key, uint32_t counter, char *text, size_t size)
{
    static const int digits[] = {9, 9, 9, 15, 17, 6, 3, 1};
    dt_random_block bits = dt_random_at(key, counter);
    uint64_t pattern = (uint64_t)bits.word[0] << 32 | bits.word[1];
    double value = (double)(int64_t)pattern / (double)((uint64_t)1 << bits.word[2] % 63);
    int precision = digits[bits.word[2] >> 16 & 7];
    if (bits.word[3] % 4 == 0)
        memcpy(&value, &pattern, sizeof value); /* any exponent */
    else if (bits.word[3] % 4 == 1)
        value = (double)(bits.word[0] % 1000000) / 1000;
    value = isnan(value) ? 0.5 : value;
    if (bits.word[3] >> 8 & 3)
        snprintf(text, size, "%.*g", precision, value);
    else if (bits.word[3] >> 8 & 4)
        snprintf(text, size, "%.*e", precision, value);
    else
        snprintf(text, size, "%.*f", precision, value);
}

static void numbers_are_those_of_strtod(void)
{
    static const char *const some[] = {"0",
                                       "-0",
                                       "0.0",
                                       ".5",
                                       "5.",
                                       "1e22",
                                       "1e23",
                                       "1e-22",
                                       "1e-23",
                                       "-1e-5",
                                       "1e0005",
                                       "1e+05",
                                       "9007199254740993",
                                       "1e400",
                                       "999999999999999e22",
                                       "999999999999999e-22",
                                       "inf",
                                       "0.000000000000001",
                                       "123456789012345.6",
                                       "0x10",
                                       "1e-400",
                                       "+1",
                                       "000000000000000001.5",
                                       "1E5"};
    enum { SOME = sizeof some / sizeof *some, ROUNDS = 200 };
    const dt_random_key key = {.seed = 7, .stream = DT_STREAM_TEST};
    for (uint32_t round = 0; round < ROUNDS; round++) {
        char numbers[500][400];
        uint32_t count = round == 0 ? SOME : 500;
        FILE *file = fopen(csv(), "w");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        fputs(header, file);
        for (uint32_t i = 0; i < count; i++) {
            if (round == 0 && i < SOME)
                snprintf(numbers[i], sizeof numbers[i], "%s", some[i]);
            else
                draw_number(&key, 1000 * round + i, numbers[i], sizeof numbers[i]);
            fprintf(file, "1,2,3,%s,,,,,,,,,,,,,,\n", numbers[i]);
        }
        fclose(file);
        dt_metrics_reader *reader = open_reader();
        for (uint32_t i = 0; i < count; i++) {
            const dt_metrics_row *row;
            const double expected = strtod(numbers[i], NULL);
            CU_ASSERT_EQUAL_FATAL(dt_metrics_reader_next(reader, &row, NULL), DT_OK);
            CU_ASSERT_PTR_NOT_NULL_FATAL(row);
            CU_ASSERT_EQUAL(memcmp(&row->train_loss, &expected, sizeof expected), 0);
        }
        dt_metrics_reader_close(reader);
    }
}

static void assert_refused(const char *text, const char *message)
{
    int64_t count;
    dt_error error = {0};
    scratch_write(csv(), text);
    CU_ASSERT_EQUAL(read_all(&count, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, message));
    if (!strstr(error.message, message))
        printf("expected '%s', found '%s'\n", message, error.message);
    CU_ASSERT_TRUE(count < 2);
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
    int64_t count;
    CU_ASSERT_EQUAL(read_all(&count, NULL), DT_ERR_DATA);
}

static void a_line_without_end_is_refused(void)
{
    enum { LONG = 1 << 18 };
    char *text = malloc(LONG + sizeof header);
    strcpy(text, header);
    memset(text + sizeof header - 1, '0', LONG);
    text[sizeof header - 1 + LONG] = '\0';
    assert_refused(text, "line 2: expected a row, found a line of more than");
    free(text);
}

static void missing_files_and_memory_are_told(void)
{
    dt_metrics_reader *reader;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_metrics_reader_open(csv(), &reader, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NULL(reader);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, csv()));
    CU_ASSERT_EQUAL(dt_metrics_reader_open(folder, &reader, NULL), DT_ERR_NO_INPUT);
    write_rows(4);
    for (long n = 1; n <= 2; n++) {
        dt_memory_fail_at(n);
        dt_status status = dt_metrics_reader_open(csv(), &reader, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
        CU_ASSERT_PTR_NULL(reader);
    }
}

CU_SuiteInfo dt_suite_metrics_read(void)
{
    static CU_TestInfo tests[] = {
        {"reading gives the rows written", reading_gives_the_rows_written},
        {"a growing file has its whole lines", a_growing_file_has_its_whole_lines},
        {"a reader sees that its rows are gone", a_reader_sees_that_its_rows_are_gone},
        {"numbers are those of strtod", numbers_are_those_of_strtod},
        {"a line without end is refused", a_line_without_end_is_refused},
        {"what is no row is refused with its line", what_is_no_row_is_refused_with_its_line},
        {"a zero byte is refused", a_zero_byte_is_refused},
        {"missing files and memory are told", missing_files_and_memory_are_told},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "metrics_read",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}

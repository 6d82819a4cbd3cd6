/* Tables of numbers as text: every number, any range of rows, and damage. */
#include "data/csv.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_csv(void);

enum { ROWS = 1000, PIXELS = 9, LINE = 400 };

static const char *write_text(const char *text, size_t size)
{
    const char *path = scratch_path(folder, "train.csv");
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(text, 1, size, file), size);
    CU_ASSERT_EQUAL(fclose(file), 0);
    return path;
}

static void test_numbers(void)
{
    static const char *const texts[] = {"0",
                                        "7",
                                        "10",
                                        "255",
                                        "0.5",
                                        ".5",
                                        "5.",
                                        "0.00392156862745098",
                                        "1e-3",
                                        "2.5E+2",
                                        "-0.25",
                                        "+3",
                                        "123456789012345678901234567890",
                                        "0.123456789012345678901234567890",
                                        "1e-400",
                                        "3e-30",
                                        "1.17549435e-38",
                                        "00000000000000000000000001.5"};
    static const char *const others[] = {"",    "-",   ".",   "e5",  "1e",   "1e+",
                                         "nan", "inf", "0x1", "1 2", "1..2", "--1"};
    char text[LINE];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 0, expected = strtod(texts[i], NULL);
        dt_arrays *arrays;
        int length = snprintf(text, sizeof text, "label,p\n1,%s\n2,\"%s\" \n", texts[i], texts[i]);
        const char *path = write_text(text, (size_t)length);
        CU_ASSERT_EQUAL_FATAL(dt_csv_open(path, "auto", &arrays, NULL), DT_OK);
        for (int64_t row = 0; row < 2; row++) {
            CU_ASSERT_EQUAL(arrays->read(arrays, 0, row, 1, &value, NULL), DT_OK);
            CU_ASSERT_TRUE(fabs(value - expected) <= 1e-15 * fabs(expected));
        }
        dt_arrays_close(arrays);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        double value;
        dt_arrays *arrays;
        int length = snprintf(text, sizeof text, "label,p\n1,5\n2,%s\n", others[i]);
        const char *path = write_text(text, (size_t)length);
        CU_ASSERT_EQUAL_FATAL(dt_csv_open(path, "auto", &arrays, NULL), DT_OK);
        CU_ASSERT_EQUAL(arrays->read(arrays, 0, 1, 1, &value, NULL), DT_ERR_DATA);
        dt_arrays_close(arrays);
    }
}

static uint32_t draw(dt_random_sequence *random, uint32_t bound)
{
    uint32_t high = dt_random_next(random);
    return dt_below(high, dt_random_next(random), bound);
}

/* Row r, whose pixels are r, r + 1, ..., with empty lines between some. */
static size_t make_rows(char *text, size_t size)
{
    size_t length = 0;
    for (int row = 0; row < ROWS; row++) {
        length += (size_t)snprintf(text + length, size - length, "%s%d", row % 7 == 3 ? "\r\n" : "",
                                   row % 10);
        for (int i = 0; i < PIXELS; i++)
            length += (size_t)snprintf(text + length, size - length, ",%d", row + i);
        length += (size_t)snprintf(text + length, size - length, "\r\n");
    }
    return length;
}

static void test_ranges(void)
{
    static char text[ROWS * 64];
    static double values[ROWS * PIXELS];
    dt_random_sequence random = dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST});
    dt_arrays *arrays;
    const char *path = write_text(text, make_rows(text, sizeof text));
    CU_ASSERT_EQUAL_FATAL(dt_csv_open(path, "auto", &arrays, NULL), DT_OK);
    CU_ASSERT_EQUAL(arrays->rows[0].shape[0], ROWS);
    CU_ASSERT_EQUAL(arrays->rows[0].shape[1], PIXELS);
    for (int n = 0; n < 200; n++) {
        int64_t first = draw(&random, ROWS), count = draw(&random, (uint32_t)(ROWS - first)) + 1;
        int wrong = 0;
        CU_ASSERT_EQUAL(arrays->read(arrays, 0, first, count, values, NULL), DT_OK);
        for (int64_t i = 0; i < count * PIXELS; i++)
            wrong += values[i] != (double)(first + i / PIXELS + i % PIXELS);
        CU_ASSERT_EQUAL(arrays->read(arrays, 1, first, count, values, NULL), DT_OK);
        for (int64_t i = 0; i < count; i++)
            wrong += values[i] != (double)((first + i) % 10);
        CU_ASSERT_EQUAL(wrong, 0);
    }
    dt_arrays_close(arrays);
}

/* Whatever stands there: a table, or one that is refused. */
static void test_damage(void)
{
    static const char bytes[] = ",\n\"\r\0;.-9e\xef";
    static char text[ROWS * 64], damaged[2000];
    static double values[ROWS * PIXELS];
    dt_random_sequence random = dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST});
    make_rows(text, sizeof text);
    for (int n = 0; n < 2000; n++) {
        dt_arrays *arrays;
        dt_error error = {0};
        size_t size = draw(&random, sizeof damaged) + 1;
        memcpy(damaged, text, size);
        for (uint32_t i = draw(&random, 4); i > 0; i--)
            damaged[draw(&random, (uint32_t)size)] = bytes[draw(&random, sizeof bytes - 1)];
        dt_status status = dt_csv_open(write_text(damaged, size), "auto", &arrays, &error);
        if (!status) {
            int64_t rows = arrays->rows[0].shape[0], row = dt_array_row_size(&arrays->rows[0]);
            if (rows * row <= ROWS * PIXELS)
                status = arrays->read(arrays, 0, 0, rows, values, &error);
        }
        CU_ASSERT_TRUE(!status || status == DT_ERR_DATA);
        dt_arrays_close(arrays);
    }
}

CU_SuiteInfo dt_suite_csv(void)
{
    static CU_TestInfo tests[] = {{"numbers are those that C reads", test_numbers},
                                  {"any range of rows, in any order", test_ranges},
                                  {"damaged tables are read or refused", test_damage},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "csv", .pSetUpFunc = make_folder, .pTearDownFunc = remove_folder, .pTests = tests};
}

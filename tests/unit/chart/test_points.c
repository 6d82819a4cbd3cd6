#include <CUnit/CUnit.h>
#include <math.h>

#include "base/memory.h"
#include "chart/points.h"

CU_SuiteInfo dt_suite_points(void);

static const dt_axis by_step = {.by = DT_BY_STEP};

/* A value of a point: rough, with gaps, and with a peak and a hollow of one point each. */
static double value(uint64_t i, uint64_t count)
{
    return i == count / 3       ? 1e6
           : i == 2 * count / 3 ? -1e6
           : i % 1000 == 999    ? (double)NAN
                                : sin((double)i) + (double)i / (double)count;
}

static dt_points fill(uint64_t count)
{
    dt_points points = {0};
    for (uint64_t i = 0; i < count; i++) {
        const dt_place place = {.step = (double)i};
        CU_ASSERT_EQUAL_FATAL(dt_points_add(&points, &place, value(i, count), NULL), DT_OK);
    }
    return points;
}

static void few_points_are_all_kept(void)
{
    static const uint64_t counts[] = {0, 1, 2, 63, 64, 65, 1500, DT_POINTS_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        dt_points points = fill(counts[i]);
        dt_line line;
        CU_ASSERT_EQUAL(dt_points_line(&points, &by_step, &line, NULL), DT_OK);
        CU_ASSERT_EQUAL_FATAL(line.count, counts[i]);
        for (size_t j = 0; j < line.count; j++) {
            double expected = value(j, counts[i]);
            CU_ASSERT_EQUAL(line.x[j], (double)j);
            CU_ASSERT_TRUE(line.y[j] == expected || (isnan(line.y[j]) && isnan(expected)));
        }
        dt_line_free(&line);
        dt_points_free(&points);
        dt_points_free(&points);
    }
    dt_points_free(NULL);
}

static double least(const dt_line *line)
{
    double low = (double)INFINITY;
    for (size_t i = 0; i < line->count; i++)
        low = fmin(low, line->y[i]);
    return low;
}

static double most(const dt_line *line)
{
    double high = -(double)INFINITY;
    for (size_t i = 0; i < line->count; i++)
        high = fmax(high, line->y[i]);
    return high;
}

static void many_points_keep_ends_and_extremes(void)
{
    static const uint64_t counts[] = {DT_POINTS_MAX + 1, 2 * DT_POINTS_MAX, 100000, 1000003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        dt_points points = fill(counts[i]);
        dt_line line;
        size_t gaps = 0;
        CU_ASSERT_TRUE(points.room <= DT_POINTS_MAX);
        CU_ASSERT_TRUE(points.group_count > DT_POINTS_MAX / 2 - 1);
        CU_ASSERT_EQUAL(points.count, counts[i]);
        CU_ASSERT_EQUAL(dt_points_line(&points, &by_step, &line, NULL), DT_OK);
        CU_ASSERT_EQUAL(least(&line), -1e6);
        CU_ASSERT_EQUAL(most(&line), 1e6);
        CU_ASSERT_EQUAL(line.x[0], 0);
        CU_ASSERT_EQUAL(line.x[line.count - 1], (double)(counts[i] - 1));
        for (size_t j = 0; j < line.count; j++) {
            uint64_t at = (uint64_t)line.x[j];
            CU_ASSERT_TRUE(j == 0 || line.x[j] >= line.x[j - 1]);
            CU_ASSERT_TRUE(isnan(line.y[j]) || line.y[j] == value(at, counts[i]));
            gaps += isnan(line.y[j]);
        }
        CU_ASSERT_TRUE(gaps > 0);
        dt_line_free(&line);
        CU_ASSERT_EQUAL(dt_points_ends(&points, &by_step, &line, NULL), DT_OK);
        CU_ASSERT_EQUAL(line.count, points.group_count);
        CU_ASSERT_EQUAL(line.x[0], (double)(points.width - 1));
        CU_ASSERT_EQUAL(line.x[line.count - 1], (double)(counts[i] - 1));
        dt_line_free(&line);
        dt_points_free(&points);
    }
}

/* Each mean is that of all the points up to it, behind the last one. */
static void means_are_those_of_all_points(void)
{
    static const uint64_t counts[] = {0, 1, 99, 151, DT_POINTS_MAX, 1000003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        dt_points points = fill(counts[i]);
        dt_line line;
        uint64_t at = 0;
        CU_ASSERT_EQUAL(dt_points_means(&points, 100, &by_step, &line, NULL), DT_OK);
        CU_ASSERT_TRUE(line.count <= 100);
        CU_ASSERT_TRUE(line.count >= (counts[i] < 70 ? counts[i] : 70));
        for (size_t j = 0; j < line.count; j++) {
            double sum = 0;
            uint64_t known = 0;
            for (; at <= (uint64_t)line.x[j]; at++)
                if (isfinite(value(at, counts[i]))) {
                    sum += value(at, counts[i]);
                    known++;
                }
            double mean = sum / (double)known;
            CU_ASSERT_DOUBLE_EQUAL(line.y[j], mean, 1e-9 * fabs(mean) + 1e-9);
        }
        CU_ASSERT_EQUAL(at, counts[i]);
        dt_line_free(&line);
        dt_points_free(&points);
    }
}

static void a_point_to_the_left_is_left_out(void)
{
    static const double steps[] = {1, 3, 2, 3, 5};
    dt_points points = {0};
    dt_line line;
    for (int i = 0; i < 5; i++) {
        const dt_place place = {.step = steps[i]};
        CU_ASSERT_EQUAL(dt_points_add(&points, &place, i, NULL), DT_OK);
    }
    CU_ASSERT_EQUAL(dt_points_line(&points, &by_step, &line, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(line.count, 4);
    CU_ASSERT_EQUAL(line.y[2], 3);
    dt_line_free(&line);
    dt_points_free(&points);
}

static void missing_memory_is_told(void)
{
    const dt_place place = {0};
    dt_points points = {0};
    dt_line line;
    dt_memory_fail_at(1);
    CU_ASSERT_EQUAL(dt_points_add(&points, &place, 1, NULL), DT_ERR_INTERNAL);
    CU_ASSERT_EQUAL(points.count, 0);
    dt_memory_fail_at(0);
    CU_ASSERT_EQUAL(dt_points_add(&points, &place, 1, NULL), DT_OK);
    for (long n = 1; n <= 2; n++) {
        dt_memory_fail_at(n);
        CU_ASSERT_EQUAL(dt_points_line(&points, &by_step, &line, NULL), DT_ERR_INTERNAL);
        dt_memory_fail_at(0);
        dt_line_free(&line);
    }
    dt_points_free(&points);
}

CU_SuiteInfo dt_suite_points(void)
{
    static CU_TestInfo tests[] = {
        {"few points are all kept", few_points_are_all_kept},
        {"many points keep ends and extremes", many_points_keep_ends_and_extremes},
        {"means are those of all points", means_are_those_of_all_points},
        {"a point to the left is left out", a_point_to_the_left_is_left_out},
        {"missing memory is told", missing_memory_is_told},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "points", .pTests = tests};
}

#include "chart/bars.h"
#include "chart/chart.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "chart/heat_map.h"
#include "draw.h"
#include "report/page.h"

CU_SuiteInfo dt_suite_report_chart(void);

enum { POINTS_MOST = 20000 };

/* A path: how often the pen is set down, its points, and their range. */
typedef struct path {
    int moves, points, dots;
    double low_y, high_y, first_x, last_x;
} path;

static path read_path(const char *svg)
{
    path out = {.low_y = (double)INFINITY, .high_y = -(double)INFINITY};
    const char *at = strstr(svg, "<path class=\"line");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at = strstr(at, " d=\"") + 4;
    while (*at != '"') {
        if (*at == 'h') {
            out.dots++;
            at += 2;
            continue;
        }
        CU_ASSERT_TRUE_FATAL(*at == 'M' || *at == 'L');
        out.moves += *at == 'M';
        char *end;
        double x = strtod(at + 1, &end), y = strtod(end + 1, &end);
        at = end;
        if (out.points++ == 0)
            out.first_x = x;
        CU_ASSERT_TRUE(out.points == 1 || x >= out.last_x);
        out.last_x = x;
        out.low_y = fmin(out.low_y, y);
        out.high_y = fmax(out.high_y, y);
    }
    return out;
}

static dt_markup draw(size_t count, const double *x, const double *y)
{
    dt_series series = {.name = "test", .label = "test", .count = count, .x = x, .y = y};
    dt_line_chart chart = {.name = "Loss",
                           .x_name = "epoch",
                           .x_number = DT_NUMBER_COUNT,
                           .series_count = 1,
                           .series = &series,
                           .hover_count = count,
                           .hover = x};
    dt_markup svg = {0};
    dt_line_chart_add(&svg, &chart);
    CU_ASSERT_EQUAL(svg.error.status, DT_OK);
    return svg;
}

static size_t occurrences(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
}

static void values_that_are_not_finite_leave_gaps(void)
{
    double x[40], y[40];
    for (uint32_t round = 0; round < 200; round++) {
        dt_random_sequence random = draw_begin(round);
        int count = draw_int(&random, 1, 40), pieces = 0, points = 0, dots = 0;
        for (int i = 0; i < count; i++) {
            x[i] = i;
            y[i] = draw_int(&random, 0, 2) ? i % 7 : i % 2 ? (double)NAN : (double)INFINITY;
            points += isfinite(y[i]) != 0;
        }
        for (int i = 0; i < count; i++) {
            bool begins = isfinite(y[i]) && (i == 0 || !isfinite(y[i - 1]));
            pieces += begins;
            dots += begins && (i + 1 == count || !isfinite(y[i + 1]));
        }
        if (points == 0)
            continue;
        dt_markup svg = draw((size_t)count, x, y);
        path line = read_path(svg.text);
        CU_ASSERT_EQUAL(line.moves, pieces);
        CU_ASSERT_EQUAL(line.points, points);
        CU_ASSERT_EQUAL(line.dots, dots);
        dt_markup_destroy(&svg);
    }
}

static void nothing_is_said_to_be_nothing(void)
{
    static const double x[] = {0, 1}, y[] = {(double)NAN, (double)INFINITY};
    for (size_t count = 0; count <= 2; count++) {
        dt_markup svg = draw(count, x, y);
        CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "Nothing to draw"));
        CU_ASSERT_PTR_NULL(strstr(svg.text, "<svg"));
        dt_markup_destroy(&svg);
    }
}

/* Every extreme is there, however many points there are, in a bounded number of them. */
static void long_lines_are_short_and_lose_no_extreme(void)
{
    static double x[POINTS_MOST], y[POINTS_MOST];
    static const int counts[] = {1, 2, 100, 2000, POINTS_MOST};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        dt_random_sequence random = draw_begin((uint32_t)i);
        int count = counts[i], high = draw_int(&random, 0, count - 1);
        int low = draw_int(&random, 0, count - 1);
        for (int j = 0; j < count; j++) {
            x[j] = j;
            y[j] = draw_real(&random, 4, 6);
        }
        y[low] = 0;
        y[high] = 10;
        dt_markup svg = draw((size_t)count, x, y);
        path line = read_path(svg.text);
        CU_ASSERT_TRUE(line.points <= 4 * 520 && line.points <= count);
        CU_ASSERT_TRUE(line.points >= (count < 400 ? count : 400));
        if (count > 2) {
            CU_ASSERT_DOUBLE_EQUAL(line.low_y, 16, 0.01); /* the edges of the frame */
            CU_ASSERT_DOUBLE_EQUAL(line.high_y, 246, 0.01);
        }
        CU_ASSERT_TRUE(occurrences(svg.text, "<title>") <= 120);
        CU_ASSERT_TRUE(occurrences(svg.text, "<title>") >= (size_t)(count < 60 ? count : 60));
        dt_markup_destroy(&svg);
    }
}

static void titles_have_the_values(void)
{
    static const double x[] = {1, 2, 3}, y[] = {0.25, 0.125, 0.0625};
    dt_markup svg = draw(3, x, y);
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "<title>epoch 1\ntest 0.2500</title>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "<title>epoch 3\ntest 0.0625</title>"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(svg.text, "aria-label=\"Loss by epoch: test 0.2500 to 0.0625;\""));
    dt_markup_destroy(&svg);
}

static void names_are_escaped(void)
{
    static const double x[] = {1, 2}, y[] = {1, 2};
    static const char bad[] = "<b>\"&'";
    dt_series series = {.name = bad, .label = bad, .count = 2, .x = x, .y = y};
    dt_mark mark = {.label = bad, .x = 1, .y = 1};
    dt_line_chart chart = {.name = bad,
                           .x_name = bad,
                           .series_count = 1,
                           .series = &series,
                           .mark_count = 1,
                           .marks = &mark,
                           .hover_count = 2,
                           .hover = x};
    static const double seconds[] = {1};
    static const dt_bar_part part = {.name = bad};
    dt_bar bar = {.seconds = seconds};
    strcpy(bar.label, bad);
    dt_markup svg = {0};
    dt_line_chart_add(&svg, &chart);
    dt_bars_add(&svg, 1, &part, 1, &bar);
    dt_page_begin(&svg, bad);
    CU_ASSERT_PTR_NULL(strstr(svg.text, "<b>"));
    CU_ASSERT_PTR_NULL(strstr(svg.text, "\"&'"));
    CU_ASSERT_TRUE(occurrences(svg.text, "&lt;b&gt;&quot;&amp;&#39;") >= 10);
    dt_markup_destroy(&svg);
}

static void lanes_show_every_span_where_it_was(void)
{
    static const dt_bar_part parts[] = {{.name = "work", .colour = 3},
                                        {.name = "<wait>", .colour = 4, .faint = true},
                                        {.name = "never", .colour = 5}};
    static const dt_lane_span spans[] = {{0, 1e-4, 0}, {1e-4, 4e-4, 1}};
    static const dt_lane lanes[] = {{"rank 0", 2, spans}, {"<1>", 1, spans + 1}};
    dt_markup svg = {0};
    dt_lanes_add(&svg, "what", 3, parts, 2, lanes, 4e-4);
    CU_ASSERT_EQUAL(occurrences(svg.text, "class=\"part c3\""), 2); /* one in the legend */
    CU_ASSERT_EQUAL(occurrences(svg.text, "class=\"part faint c4\""), 3);
    CU_ASSERT_PTR_NULL(strstr(svg.text, "never"));
    CU_ASSERT_PTR_NULL(strstr(svg.text, "<wait>"));
    CU_ASSERT_PTR_NULL(strstr(svg.text, "<1>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "<title>work 100 µs, from 0.0 µs on</title>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "<title>&lt;wait&gt; 300 µs, from 100 µs on</title>"));
    /* Of the 990 pixels from 62 on. */
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "x=\"62\" y=\"0\" width=\"247.5\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "x=\"309.5\" y=\"28\" width=\"742.5\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, ">0.40 ms</text>"));
    dt_markup_destroy(&svg);
}

/* What each bar's title says: "low to high: 12 of 40". */
static size_t sum_of_bars(const char *svg, size_t *bars)
{
    size_t sum = 0;
    *bars = 0;
    for (const char *at = svg; (at = strstr(at, "<title>")); at++) {
        const char *colon = strstr(at, ": ");
        CU_ASSERT_PTR_NOT_NULL_FATAL(colon);
        char digits[DT_NUMBER_SIZE] = "";
        size_t length = 0;
        for (const char *c = colon + 2; *c != ' '; c++)
            if (*c != ',')
                digits[length++] = *c;
        sum += strtoul(digits, NULL, 10);
        ++*bars;
    }
    return sum;
}

static void every_finite_value_is_in_a_bar(void)
{
    static float values[3000];
    for (uint32_t round = 0; round < 60; round++) {
        dt_random_sequence random = draw_begin(round);
        size_t count = (size_t)draw_int(&random, 1, 3000), finite = 0;
        bool is_log = round % 2;
        double size = pow(10, draw_int(&random, -5, 5));
        for (size_t i = 0; i < count; i++) {
            double value = round % 5 == 0 ? size : size * draw_real(&random, is_log ? 0 : -1, 1);
            value = is_log && i % 50 == 0 ? value * 1e-9 : value;
            values[i] = draw_int(&random, 0, 30) ? (float)value : NAN;
            finite += isfinite(values[i]) != 0;
        }
        if (finite == 0)
            continue;
        dt_histogram histogram = {"norms", "norm", DT_NUMBER_PLAIN, 0, count, values, is_log};
        dt_markup svg = {0};
        size_t bars;
        dt_histogram_add(&svg, &histogram);
        CU_ASSERT_EQUAL(sum_of_bars(svg.text, &bars), finite);
        CU_ASSERT_TRUE(bars >= 1 && bars <= 120);
        dt_markup_destroy(&svg);
    }
}

static void strength_grows_with_the_share(void)
{
    double before = 0;
    CU_ASSERT_EQUAL(dt_heat_strength(0, 10), 0);
    CU_ASSERT_EQUAL(dt_heat_strength(0, 0), 0);
    CU_ASSERT_EQUAL(dt_heat_strength(10, 10), 1);
    for (int64_t count = 1; count <= 100000; count *= 10) {
        double strength = dt_heat_strength(count, 100000);
        CU_ASSERT_TRUE(strength > 0 && strength >= before && strength <= 1);
        if (count > 100)
            CU_ASSERT_DOUBLE_EQUAL(strength - before, 0.25, 1e-9);
        before = strength;
    }
}

static void a_matrix_shows_its_counts(void)
{
    static const int64_t counts[] = {90, 10, 0, 7, 0, 50, 0, 7, 3, 0, 97, 7};
    dt_heat_map map = {.name = "Confusion",
                       .row_name = "label",
                       .column_name = "answer",
                       .classes = 3,
                       .counts = counts,
                       .stride = 4};
    dt_markup svg = {0};
    dt_heat_map_add(&svg, &map);
    CU_ASSERT_EQUAL(occurrences(svg.text, "class=\"right\""), 3);
    CU_ASSERT_EQUAL(occurrences(svg.text, "class=\"wrong\""), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "label 0, answer 1: 10 of 100 (10.00 %)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(svg.text, "label 2, answer 0: 3 of 100 (3.00 %)"));
    dt_markup_destroy(&svg);
}

/* Whichever allocation fails: an error, and nothing else. */
static void a_lack_of_memory_is_an_error(void)
{
    static const double x[] = {1, 2}, y[] = {1, 2};
    dt_series series = {.name = "test", .label = "test", .count = 2, .x = x, .y = y};
    dt_line_chart chart = {.name = "Loss", .x_name = "epoch", .series_count = 1, .series = &series};
    for (long n = 1; n <= 2; n++) {
        dt_markup svg = {0};
        dt_memory_fail_at(n);
        dt_line_chart_add(&svg, &chart);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(dt_markup_status(&svg, NULL), DT_ERR_INTERNAL);
        dt_markup_destroy(&svg);
    }
}

static CU_TestInfo tests[] = {
    {"values that are not finite leave gaps", values_that_are_not_finite_leave_gaps},
    {"nothing is said to be nothing", nothing_is_said_to_be_nothing},
    {"long lines are short and lose no extreme", long_lines_are_short_and_lose_no_extreme},
    {"titles have the values", titles_have_the_values},
    {"names are escaped", names_are_escaped},
    {"lanes show every span where it was", lanes_show_every_span_where_it_was},
    {"every finite value is in a bar", every_finite_value_is_in_a_bar},
    {"strength grows with the share", strength_grows_with_the_share},
    {"a matrix shows its counts", a_matrix_shows_its_counts},
    {"a lack of memory is an error", a_lack_of_memory_is_an_error},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_report_chart(void)
{
    return (CU_SuiteInfo){.pName = "report_chart", .pTests = tests};
}

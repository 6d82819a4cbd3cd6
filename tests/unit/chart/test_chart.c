#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "base/random.h"
#include "chart/terminal.h"

CU_SuiteInfo dt_suite_chart(void);

static const double steps[] = {0, 10, 20, 30, 40};
static const double falling[] = {10, (double)NAN, 5, (double)INFINITY, 0};

static dt_canvas make_canvas(int rows, int columns, bool utf8, bool color)
{
    dt_canvas canvas;
    CU_ASSERT_EQUAL_FATAL(dt_canvas_create(rows, columns, utf8, color, &canvas, NULL), DT_OK);
    return canvas;
}

static void assert_picture(const dt_canvas *canvas, bool in_place, const char *expected)
{
    char *text;
    CU_ASSERT_EQUAL(dt_canvas_render(canvas, dt_canvas_height(canvas), in_place, &text, NULL),
                    DT_OK);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        printf("\nexpected:\n%sfound:\n%s", expected, text);
    dt_free(text);
}

static void text_is_clipped_and_made_safe(void)
{
    dt_canvas canvas = make_canvas(3, 6, true, false);
    CU_ASSERT_EQUAL(dt_canvas_write(&canvas, 0, 0, DT_INK_PLAIN, "\xc3\xa9\xe2\x82\xac%c", 'x'), 3);
    dt_canvas_write(&canvas, 0, 4, DT_INK_RED, "abc");
    dt_canvas_write(&canvas, 1, -1, DT_INK_RED, "a\033[\xff\xc0z");
    dt_canvas_write(&canvas, -1, 0, DT_INK_RED, "a");
    dt_canvas_write(&canvas, 3, 0, DT_INK_RED, "a");
    assert_picture(&canvas, false, "\xc3\xa9\xe2\x82\xacx ab\n\\x1b[\\\n");
    assert_picture(&canvas, true, "\xc3\xa9\xe2\x82\xacx ab\033[K\n\\x1b[\\\033[K\n");
    canvas.utf8 = false;
    assert_picture(&canvas, false, "??x ab\n\\x1b[\\\n");
    dt_canvas_destroy(&canvas);
    dt_canvas_destroy(&canvas);
    dt_canvas_destroy(NULL);
}

static void inks_begin_and_end(void)
{
    dt_canvas canvas = make_canvas(2, 12, true, true);
    dt_canvas_write(&canvas, 0, 1, DT_INK_RED, "ab");
    dt_canvas_write(&canvas, 0, 4, DT_INK_RED, "c");
    dt_canvas_write(&canvas, 0, 5, DT_INK_BOLD, "d");
    dt_canvas_write(&canvas, 0, 6, DT_INK_PLAIN, "e");
    dt_canvas_write(&canvas, 1, 0, DT_INK_CYAN, "f");
    assert_picture(&canvas, false, " \033[31mab c\033[0m\033[1md\033[0me\n\033[36mf\033[0m\n");
    dt_canvas_destroy(&canvas);
}

static const dt_curve curve = {
    .name = "train", .ink = DT_INK_CYAN, .mark = '*', .count = 5, .x = steps, .y = falling};

static void a_line_in_ascii(void)
{
    dt_canvas canvas = make_canvas(9, 19, false, false);
    const dt_chart chart = {.title = "loss", .unit = "step", .curve_count = 1, .curves = &curve};
    dt_chart_draw(&canvas, 0, 0, 9, 19, &chart);
    assert_picture(&canvas, false,
                   "loss\n"
                   "     10|*\n"
                   "       | **\n"
                   "       |   **\n"
                   "      5|     **\n"
                   "       |       **\n"
                   "      0|         **\n"
                   "       +-----------\n"
                   "        0   step 40\n");
    dt_canvas_destroy(&canvas);
}

static void a_line_in_braille(void)
{
    dt_canvas canvas = make_canvas(9, 19, true, false);
    const dt_chart chart = {.title = "loss", .unit = "step", .curve_count = 1, .curves = &curve};
    dt_chart_draw(&canvas, 0, 0, 9, 19, &chart);
    for (int row = 1; row < 7; row++)
        for (int column = 8; column < 19; column++) {
            uint32_t found = canvas.cells[row * 19 + column].character;
            CU_ASSERT_TRUE(found == 0 || (found > 0x2800 && found <= 0x28ff));
        }
    CU_ASSERT_EQUAL(canvas.cells[19 + 8].character & 1, 1);            /* upper left dot */
    CU_ASSERT_EQUAL(canvas.cells[6 * 19 + 18].character & 0x80, 0x80); /* lower right dot */
    dt_canvas_destroy(&canvas);
}

static void large_ratios_have_a_logarithmic_axis(void)
{
    static const double y[] = {1, 0.1, 0.01, 0.001, 0.0001};
    dt_curve one = curve;
    one.y = y;
    dt_canvas canvas = make_canvas(12, 24, false, false);
    const dt_chart chart = {.title = "loss", .unit = "step", .curve_count = 1, .curves = &one};
    dt_chart_draw(&canvas, 0, 0, 12, 24, &chart);
    for (int i = 0; i < 5; i++) { /* equal ratios, equal distances */
        int row = 1 + 2 * i, column = 8 + (int)lround(15 * i / 4.0);
        CU_ASSERT_EQUAL(canvas.cells[row * 24 + column].character, '*');
    }
    char *text;
    CU_ASSERT_EQUAL(dt_canvas_render(&canvas, 12, false, &text, NULL), DT_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "      1|*"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " 0.0001|"));
    dt_free(text);
    dt_canvas_destroy(&canvas);
}

static void curves_without_values_say_so(void)
{
    static const double nothing[] = {(double)NAN, (double)NAN, (double)NAN, (double)NAN,
                                     (double)NAN};
    dt_curve none = curve;
    none.y = nothing;
    for (int count = 0; count < 2; count++) {
        dt_canvas canvas = make_canvas(6, 24, false, false);
        const dt_chart chart = {
            .title = "loss", .unit = "step", .curve_count = count, .curves = &none};
        dt_chart_draw(&canvas, 0, 0, 6, 24, &chart);
        assert_picture(&canvas, false, "loss\n\n\n        no value yet\n");
        dt_canvas_destroy(&canvas);
    }
}

/* Whatever the values, a chart keeps to its rectangle (but for the legend, in its first line). */
static void a_chart_keeps_to_its_rectangle(void)
{
    enum { POINTS = 40, ROWS = 20, COLUMNS = 60 };
    double x[POINTS], y[POINTS];
    for (uint32_t round = 0; round < 300; round++) {
        const dt_random_key key = {.seed = round, .stream = DT_STREAM_TEST};
        dt_random_block draw = dt_random_at(&key, 1000);
        int rows = DT_CHART_ROWS + (int)(draw.word[0] % 8), top = (int)(draw.word[1] % 6);
        int columns = DT_CHART_COLUMNS + (int)(draw.word[2] % 20), left = (int)(draw.word[3] % 15);
        for (uint32_t i = 0; i < POINTS; i++) {
            dt_random_block bits = dt_random_at(&key, i);
            x[i] = (i > 0 ? x[i - 1] : 0) + bits.word[0] % 1000;
            y[i] = ((double)bits.word[1] - (round % 2 ? 0 : 2e9)) *
                   pow(10, (int)(bits.word[2] % (1 + round % 30)) - 15);
        }
        dt_curve one = {.name = "a", .mark = 'a', .count = 1 + round % POINTS, .x = x, .y = y};
        dt_canvas canvas = make_canvas(ROWS, COLUMNS, round % 3 > 0, false);
        const dt_chart chart = {.title = "t", .unit = "step", .curve_count = 1, .curves = &one};
        dt_chart_draw(&canvas, top, left, rows, columns, &chart);
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            int row = i / COLUMNS - top, column = i % COLUMNS - left;
            bool inside = row >= 0 && row < rows && column >= 0 && column < columns;
            CU_ASSERT_TRUE(inside || canvas.cells[i].character == 0);
        }
        dt_canvas_destroy(&canvas);
    }
}

static void lack_of_memory_is_told(void)
{
    dt_canvas canvas;
    char *text;
    dt_memory_fail_at(1);
    CU_ASSERT_EQUAL(dt_canvas_create(2, 2, true, true, &canvas, NULL), DT_ERR_INTERNAL);
    dt_canvas_destroy(&canvas);
    canvas = make_canvas(2, 2, true, true);
    dt_memory_fail_at(1);
    CU_ASSERT_EQUAL(dt_canvas_render(&canvas, 2, true, &text, NULL), DT_ERR_INTERNAL);
    dt_memory_fail_at(0);
    CU_ASSERT_PTR_NULL(text);
    dt_canvas_destroy(&canvas);
}

CU_SuiteInfo dt_suite_chart(void)
{
    static CU_TestInfo tests[] = {
        {"text is clipped and made safe", text_is_clipped_and_made_safe},
        {"inks begin and end", inks_begin_and_end},
        {"a line in ASCII", a_line_in_ascii},
        {"a line in braille", a_line_in_braille},
        {"large ratios: a logarithmic axis", large_ratios_have_a_logarithmic_axis},
        {"curves without values say so", curves_without_values_say_so},
        {"a chart keeps to its rectangle", a_chart_keeps_to_its_rectangle},
        {"lack of memory is told", lack_of_memory_is_told},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "chart", .pTests = tests};
}

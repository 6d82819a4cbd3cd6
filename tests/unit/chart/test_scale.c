#include "chart/scale.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"

CU_SuiteInfo dt_suite_scale(void);

enum { ROUNDS = 2000, GAP = 30, FROM = 246, TO = 16 };

/* Ends of every size, apart by much or little or nothing. */
static void draw_range(dt_random_sequence *random, dt_scale_kind kind, double *low, double *high)
{
    double size = pow(10, draw_int(random, -6, 6));
    *low = kind == DT_SCALE_ACCURACY ? draw_real(random, 0, 1)
           : kind == DT_SCALE_LOG    ? size * (draw_real(random, 0, 1) + 1e-6)
                                     : size * (draw_real(random, 0, 1) - 0.5);
    double more = draw_int(random, 0, 4) == 0 ? 0 : size * draw_real(random, 0, 1);
    *high = kind == DT_SCALE_ACCURACY ? *low + (1 - *low) * draw_real(random, 0, 1) : *low + more;
    if (kind == DT_SCALE_LOG && draw_int(random, 0, 1))
        *high *= pow(10, draw_int(random, 0, 8));
}

typedef void law(const dt_scale *scale, double low, double high);

static void for_all_scales(law *holds)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        dt_random_sequence random = draw_begin(round);
        dt_scale_kind kind = (dt_scale_kind)draw_int(&random, 0, 2);
        dt_number number = kind == DT_SCALE_ACCURACY
                               ? DT_NUMBER_SHARE
                               : (dt_number)draw_int(&random, DT_NUMBER_PLAIN, DT_NUMBER_COUNT);
        double low, high;
        draw_range(&random, kind, &low, &high);
        dt_scale scale = dt_scale_make(kind, number, low, high, FROM, TO);
        holds(&scale, low, high);
    }
}

static void covers(const dt_scale *scale, double low, double high)
{
    double slack = 1e-9 * (scale->high - scale->low);
    CU_ASSERT_TRUE(scale->low < scale->high);
    CU_ASSERT_TRUE(scale->low <= low + slack && high <= scale->high + slack);
    CU_ASSERT_DOUBLE_EQUAL(dt_scale_pixel(scale, scale->low), FROM, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(dt_scale_pixel(scale, scale->high), TO, 1e-6);
    CU_ASSERT_TRUE(scale->kind != DT_SCALE_LOG || scale->low > 0);
}

static void a_scale_covers_its_values(void)
{
    for_all_scales(covers);
}

static void is_monotone(const dt_scale *scale, double low, double high)
{
    double before = (double)INFINITY;
    (void)low;
    (void)high;
    for (int i = -5; i <= 25; i++) {
        double value = scale->low + i / 20.0 * (scale->high - scale->low);
        double pixel = dt_scale_pixel(scale, value);
        CU_ASSERT_TRUE(isfinite(pixel) && pixel <= before);
        CU_ASSERT_TRUE(i <= 0 || i > 20 || pixel < before);
        CU_ASSERT_TRUE(fabs(pixel - FROM) <= 2.01 * (FROM - TO));
        before = pixel;
    }
    CU_ASSERT_TRUE(isnan(dt_scale_pixel(scale, (double)NAN)));
}

static void pixels_follow_values(void)
{
    for_all_scales(is_monotone);
}

static void ticks_are_good(const dt_scale *scale, double low, double high)
{
    double ticks[DT_TICKS_MAX], slack = 1e-6 * (scale->high - scale->low);
    int count = dt_scale_ticks(scale, GAP, ticks);
    (void)low;
    (void)high;
    CU_ASSERT_TRUE(count >= 2 && count <= DT_TICKS_MAX);
    for (int i = 0; i < count; i++) {
        CU_ASSERT_TRUE(ticks[i] >= scale->low - slack && ticks[i] <= scale->high + slack);
        CU_ASSERT_TRUE(scale->number != DT_NUMBER_COUNT || scale->kind != DT_SCALE_LINEAR ||
                       fabs(ticks[i] - round(ticks[i])) < 1e-6);
        if (i == 0)
            continue;
        CU_ASSERT_TRUE(ticks[i] > ticks[i - 1]);
        CU_ASSERT_TRUE(dt_scale_pixel(scale, ticks[i - 1]) - dt_scale_pixel(scale, ticks[i]) >=
                       0.98 * GAP);
    }
}

/* Of a scale that has room for one tick alone, the ends have labels. */
static void has_two_ticks(const dt_scale *scale, double low, double high)
{
    double ticks[DT_TICKS_MAX];
    (void)low;
    (void)high;
    CU_ASSERT_EQUAL(dt_scale_ticks(scale, 2 * (FROM - TO), ticks), 2);
    CU_ASSERT_TRUE(ticks[0] == scale->low && ticks[1] == scale->high);
}

static void small_scales_have_their_ends(void)
{
    for_all_scales(has_two_ticks);
}

static void ticks_ascend_within_and_apart(void)
{
    for_all_scales(ticks_are_good);
}

/* A label as a number again. */
static double read_label(dt_number number, const char *label)
{
    char digits[DT_NUMBER_SIZE];
    size_t length = 0;
    for (const char *c = label; *c; c++)
        if (*c != ',')
            digits[length++] = *c;
    digits[length] = '\0';
    double value = strtod(digits, NULL);
    double unit = strstr(label, " M")         ? 1e6
                  : strstr(label, " ms")      ? 1e-3
                  : strstr(label, " min")     ? 60
                  : strstr(label, " h")       ? 3600
                  : number == DT_NUMBER_SHARE ? 0.01
                                              : 1;
    return value * unit;
}

static void labels_are_true(const dt_scale *scale, double low, double high)
{
    double ticks[DT_TICKS_MAX];
    char label[DT_NUMBER_SIZE], before[DT_NUMBER_SIZE] = "";
    int count = dt_scale_ticks(scale, GAP, ticks);
    (void)low;
    (void)high;
    if (scale->kind == DT_SCALE_LOG && scale->number == DT_NUMBER_SECONDS)
        return; /* powers of ten are no round times */
    for (int i = 0; i < count; i++) {
        double step = scale->kind != DT_SCALE_LINEAR ? ticks[i] : ticks[1] - ticks[0];
        dt_number_tick(scale->number, ticks[i], step, label);
        double apart = ticks[1] - ticks[0];
        for (int j = 2; j < count; j++)
            apart = fmin(apart, ticks[j] - ticks[j - 1]);
        CU_ASSERT_TRUE(fabs(read_label(scale->number, label) - ticks[i]) <
                       0.05 * apart + 1e-9 * fabs(ticks[i]));
        CU_ASSERT_STRING_NOT_EQUAL(label, before);
        strcpy(before, label);
    }
}

static void labels_say_what_the_ticks_are(void)
{
    for_all_scales(labels_are_true);
}

static void nothing_and_one_value_have_a_scale(void)
{
    static const dt_scale_kind kinds[] = {DT_SCALE_LINEAR, DT_SCALE_LOG, DT_SCALE_ACCURACY};
    static const double values[] = {0, 1, 0.5, -3, 1e-7, 12345};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        dt_scale nothing =
            dt_scale_make(kinds[i], DT_NUMBER_PLAIN, (double)INFINITY, -(double)INFINITY, FROM, TO);
        CU_ASSERT_TRUE(nothing.low < nothing.high && isfinite(nothing.high - nothing.low));
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            if (kinds[i] == DT_SCALE_ACCURACY && (values[j] < 0 || values[j] > 1))
                continue;
            dt_scale one = dt_scale_make(kinds[i], DT_NUMBER_PLAIN, values[j], values[j], FROM, TO);
            double pixel = dt_scale_pixel(&one, values[j]);
            CU_ASSERT_TRUE(pixel <= FROM && pixel >= TO);
        }
    }
}

static bool text_is(dt_number number, double value, const char *expected)
{
    char text[DT_NUMBER_SIZE];
    return strcmp(dt_number_text(number, value, text), expected) == 0;
}

static void numbers_have_sensible_digits(void)
{
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, 0.016634, "0.0166"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, 2.30258, "2.303"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, 279682.4, "279,682"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, 1.5e-7, "1.5e-7"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, 0, "0"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, -4, "-4.000"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SHARE, 0.9845, "98.45 %"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SHARE, 1, "100.00 %"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SECONDS, 4.42, "4.4 s"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SECONDS, 0.0145, "14.5 ms"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SECONDS, 0.000014, "14 µs"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SECONDS, 600, "10.0 min"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_SECONDS, 36000, "10.0 h"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_COUNT, 109386, "109,386"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_COUNT, 1234567, "1,234,567"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_COUNT, (double)NAN, "–"));
    CU_ASSERT_TRUE(text_is(DT_NUMBER_PLAIN, (double)INFINITY, "∞"));
}

static CU_TestInfo tests[] = {
    {"a scale covers its values", a_scale_covers_its_values},
    {"pixels follow values", pixels_follow_values},
    {"ticks ascend, within and apart", ticks_ascend_within_and_apart},
    {"small scales have their ends", small_scales_have_their_ends},
    {"labels say what the ticks are", labels_say_what_the_ticks_are},
    {"nothing and one value have a scale", nothing_and_one_value_have_a_scale},
    {"numbers have sensible digits", numbers_have_sensible_digits},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_scale(void)
{
    return (CU_SuiteInfo){.pName = "scale", .pTests = tests};
}

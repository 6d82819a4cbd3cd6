#include "nn/average.h"

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "draw.h"

CU_SuiteInfo dt_suite_average(void);

enum { COUNT = 37, STEPS = 200 };

static const dt_interval all = {0, COUNT};

static void draw_values(dt_random_sequence *random, float values[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)draw_real(random, -1, 1);
}

/* The formula as the header has it, in double. */
static void test_formula(void)
{
    static const double decays[] = {0, 0.3, 0.9, 0.95, 0.999999, 1};
    for (size_t d = 0; d < sizeof decays / sizeof *decays; d++) {
        dt_random_sequence random = draw_begin((uint32_t)d);
        float values[COUNT], average[COUNT];
        double expected[COUNT];
        draw_values(&random, average); /* of which nothing is left */
        for (int64_t step = 0; step < STEPS; step++) {
            double decay = fmin(decays[d], (1 + (double)step) / (10 + (double)step));
            draw_values(&random, values);
            dt_average_update(decays[d], step, &all, values, average);
            for (int i = 0; i < COUNT; i++) {
                expected[i] = step == 0 ? (double)values[i]
                                        : decay * expected[i] + (1 - decay) * (double)values[i];
                CU_ASSERT_DOUBLE_EQUAL((double)average[i], expected[i], step == 0 ? 0 : 1e-6);
            }
        }
    }
}

static void test_average_of_equals(void)
{
    dt_random_sequence random = draw_begin(77);
    float values[COUNT], average[COUNT];
    draw_values(&random, values);
    memcpy(average, values, sizeof average);
    for (int64_t step = 0; step < STEPS; step++)
        dt_average_update(draw_real(&random, 0, 1), step, &all, values, average);
    CU_ASSERT_EQUAL(memcmp(average, values, sizeof average), 0);
}

static void test_parts(void)
{
    dt_random_sequence random = draw_begin(78);
    float values[COUNT], whole[COUNT], parts[COUNT];
    draw_values(&random, whole);
    memcpy(parts, whole, sizeof parts);
    for (int64_t step = 1; step < STEPS; step++) {
        size_t cut = (size_t)draw_int(&random, 0, COUNT);
        draw_values(&random, values);
        dt_average_update(0.9, step, &all, values, whole);
        dt_average_update(0.9, step, &(dt_interval){cut, COUNT}, values, parts);
        dt_average_update(0.9, step, &(dt_interval){0, cut}, values, parts);
        CU_ASSERT_EQUAL(memcmp(parts, whole, sizeof parts), 0);
    }
}

CU_SuiteInfo dt_suite_average(void)
{
    static CU_TestInfo tests[] = {
        {"the formula, whatever the average was before the first step", test_formula},
        {"the average of equal numbers is that number", test_average_of_equals},
        {"the same bits in parts", test_parts},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "average", .pTests = tests};
}

#include <CUnit/CUnit.h>

#include "base/trace.h"

CU_SuiteInfo dt_suite_trace(void);

static void laps_add_up_to_all_the_time(void)
{
    dt_trace trace;
    CU_ASSERT_EQUAL_FATAL(dt_trace_create(&trace, 0, NULL), DT_OK);
    dt_trace_start(&trace, dt_clock());
    for (int i = 0; i < 1000; i++)
        dt_trace_lap(&trace, (dt_phase)(i % DT_PHASES));
    double sum = 0;
    for (int p = 0; p < DT_PHASES; p++) {
        CU_ASSERT_TRUE(trace.seconds[p] > 0);
        sum += trace.seconds[p];
    }
    CU_ASSERT_DOUBLE_EQUAL(sum, trace.last - trace.origin, 1e-9);
    CU_ASSERT_EQUAL(trace.span_count, 0);
    CU_ASSERT_EQUAL(trace.spans_lost, 0);
    dt_trace_destroy(&trace);
}

static void spans_follow_one_another_and_are_counted_when_lost(void)
{
    enum { ROOM = 5, LAPS = 8 };
    dt_trace trace;
    CU_ASSERT_EQUAL_FATAL(dt_trace_create(&trace, ROOM, NULL), DT_OK);
    dt_trace_start(&trace, dt_clock());
    for (int i = 0; i < LAPS; i++)
        dt_trace_lap(&trace, i % 2 ? DT_PHASE_WAIT : DT_PHASE_REDUCE);
    CU_ASSERT_EQUAL(trace.span_count, ROOM);
    CU_ASSERT_EQUAL(trace.spans_lost, LAPS - ROOM);
    double end = 0;
    for (int i = 0; i < ROOM; i++) {
        CU_ASSERT_EQUAL(trace.spans[i].phase, i % 2 ? DT_PHASE_WAIT : DT_PHASE_REDUCE);
        CU_ASSERT_DOUBLE_EQUAL(trace.spans[i].begin, end, 0);
        end = trace.spans[i].end;
        CU_ASSERT_TRUE(end >= trace.spans[i].begin);
    }
    dt_trace_destroy(&trace);
    CU_ASSERT_PTR_NULL(trace.spans);
}

static void every_phase_has_a_name(void)
{
    for (int p = 0; p < DT_PHASES; p++)
        CU_ASSERT_PTR_NOT_NULL(dt_phase_names[p]);
    CU_ASSERT_PTR_NULL(dt_phase_names[DT_PHASES]);
}

CU_SuiteInfo dt_suite_trace(void)
{
    static CU_TestInfo tests[] = {
        {"laps add up to all the time", laps_add_up_to_all_the_time},
        {"spans follow one another, lost ones are counted",
         spans_follow_one_another_and_are_counted_when_lost},
        {"every phase has a name", every_phase_has_a_name},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "trace", .pTests = tests};
}

#include "base/stream.h"

#include <stdint.h>
#include <string.h>

#include <CUnit/CUnit.h>

CU_SuiteInfo dt_suite_stream(void);

enum { FLOATS = 1 << 14 };

/* Copies on a machine where a float takes so many seconds past the caches and through them; returns
 * how many went through. */
static int copy_often(dt_stream *stream, int copies, double past, double through)
{
    int went = 0;
    for (int i = 0; i < copies; i++) {
        went += stream->through;
        dt_stream_judge(stream, FLOATS, FLOATS * (stream->through ? through : past));
    }
    return went;
}

static void test_near_and_far(void)
{
    dt_stream stream = {0};
    int tries = copy_often(&stream, 20000, 1e-9, 8e-9);
    CU_ASSERT_TRUE(0 < tries && tries < 40); /* far: it goes on trying, rarely */
    CU_ASSERT_FALSE(stream.through);
    CU_ASSERT_TRUE(copy_often(&stream, 20000, 1e-9, 1.5e-9) > 10000); /* near now */
    CU_ASSERT_TRUE(stream.through);
    tries = copy_often(&stream, 1000, 1e-9, 8e-9); /* and far again: it sees that soon, and looks */
    CU_ASSERT_TRUE(2 <= tries && tries <= 10);     /* soon whether that has passed */
    CU_ASSERT_FALSE(stream.through);
    CU_ASSERT_TRUE(copy_often(&stream, 1000, 1e-9, 1e-9) > 200);
}

/* As when a rank has been interrupted. */
static void test_one_that_is_slow(void)
{
    dt_stream stream = {0};
    copy_often(&stream, 100, 1e-9, 1e-9);
    for (int i = 0; i < 100; i++) {
        CU_ASSERT_TRUE(stream.through);
        copy_often(&stream, 1, 1e-9, 1e-6);
        copy_often(&stream, 1, 1e-9, 1e-9);
    }
}

static void test_few_floats(void)
{
    dt_stream stream = {0};
    for (int i = 0; i < 1000; i++)
        dt_stream_judge(&stream, 100, 1e-9);
    CU_ASSERT_FALSE(stream.through);
}

/* On both ways, to and from anywhere, all that is asked for and no more. */
static void test_copies(void)
{
    static float from[200], to[200], expected[200];
    for (int through = 0; through < 2; through++)
        for (size_t first = 0; first < 20; first++)
            for (size_t count = 0; count < 100; count += 1 + count / 20) {
                const dt_stream stream = {.through = through};
                for (size_t i = 0; i < 200; i++)
                    from[i] = (float)(i + count), to[i] = expected[i] = -1;
                for (size_t i = 0; i < count; i++)
                    expected[first + i] = from[i + 3];
                dt_stream_copy(&stream, to + first, from + 3, count);
                dt_stream_end();
                CU_ASSERT_EQUAL(memcmp(to, expected, sizeof to), 0);
            }
}

CU_SuiteInfo dt_suite_stream(void)
{
    static CU_TestInfo tests[] = {{"the way follows how near others are", test_near_and_far},
                                  {"one slow copy changes nothing", test_one_that_is_slow},
                                  {"few floats tell nothing", test_few_floats},
                                  {"copies on both ways", test_copies},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "stream", .pTests = tests};
}

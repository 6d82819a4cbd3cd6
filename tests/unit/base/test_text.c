#include "base/text.h"

#include <CUnit/CUnit.h>
#include <string.h>

CU_SuiteInfo dt_suite_text(void);

static void a_text_is_cut_at_its_size_and_counted_whole(void)
{
    static const char whole[] = "one, 2, three";
    for (size_t size = 0; size <= sizeof whole + 1; size++) {
        char buffer[sizeof whole + 2];
        memset(buffer, '#', sizeof buffer);
        dt_text text = {.text = buffer, .size = size};
        dt_text_add(&text, "%s, ", "one");
        dt_text_add(&text, "%d", 2);
        dt_text_add(&text, "%s", "");
        dt_text_add(&text, ", %s", "three");
        CU_ASSERT_EQUAL(text.length, sizeof whole - 1);
        size_t kept = size < sizeof whole ? size : sizeof whole;
        if (kept > 0) {
            CU_ASSERT_EQUAL(memcmp(buffer, whole, kept - 1), 0);
            CU_ASSERT_EQUAL(buffer[kept - 1], 0);
        }
        CU_ASSERT_EQUAL(buffer[kept], '#');
    }
    dt_text nowhere = {.text = NULL};
    dt_text_add(&nowhere, "%d", 123);
    CU_ASSERT_EQUAL(nowhere.length, 3);
}

static CU_TestInfo tests[] = {
    {"a text is cut at its size and counted whole", a_text_is_cut_at_its_size_and_counted_whole},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_text(void)
{
    return (CU_SuiteInfo){.pName = "text", .pTests = tests};
}

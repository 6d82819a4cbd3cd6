#include "train/export.h"

#include <string.h>

#include <CUnit/CUnit.h>

CU_SuiteInfo dt_suite_export(void);

static void the_names_are_those_of_the_formats(void)
{
    size_t count;
    const dt_export_format *formats = dt_export_formats(&count);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(dt_export_names[i]);
        CU_ASSERT_STRING_EQUAL(dt_export_names[i], formats[i].name);
        CU_ASSERT_TRUE(strlen(formats[i].help) > 0 && formats[i].write);
    }
    CU_ASSERT_PTR_NULL(dt_export_names[count]);
}

CU_SuiteInfo dt_suite_export(void)
{
    static CU_TestInfo tests[] = {
        {"the names are those of the formats", the_names_are_those_of_the_formats},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "export", .pTests = tests};
}

/* Settings by name, drawn ones, and what an error says. */
#ifndef DT_TESTS_CONFIG_FIXTURE_H
#define DT_TESTS_CONFIG_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "random_config.h"

/* Whether the message is one line that has `part` in it. */
static inline bool says(const dt_error *error, const char *part)
{
    bool found = strstr(error->message, part) != NULL;
    if (!found)
        printf("\n    expected '%s' in '%s'\n", part, error->message);
    return found && !strchr(error->message, '\n');
}

static inline const dt_setting *find(const char *name)
{
    const dt_setting *setting = dt_setting_find(name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(setting);
    return setting;
}

#endif

#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/visible.h"

dt_status dt_fail(dt_error *error, dt_status status, const char *format, ...)
{
    if (error) {
        char raw[sizeof error->message + 3]; /* what is cut here has no room there */
        va_list args;
        va_start(args, format);
        vsnprintf(raw, sizeof raw, format, args);
        va_end(args);
        dt_visible(raw, error->message, sizeof error->message);
        error->status = status;
    }
    return status;
}

dt_status dt_fail_in(dt_error *error, const char *format, ...)
{
    char prefix[sizeof error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);

    char whole[2 * sizeof prefix + 2];
    snprintf(whole, sizeof whole, "%s: %s", prefix, error->message);
    return dt_fail(error, error->status, "%s", whole);
}

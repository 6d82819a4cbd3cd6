#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void dt_text_add(dt_text *to, const char *format, ...)
{
    size_t room = to->length < to->size ? to->size - to->length : 0;
    va_list args;
    va_start(args, format);
    int added = vsnprintf(room > 0 ? to->text + to->length : NULL, room, format, args);
    va_end(args);
    if (added > 0)
        to->length += (size_t)added;
}

#include "file/json.h"

#include <math.h>
#include <stdint.h>

#include "base/class_names.h"
#include "base/utf8.h"
#include "base/visible.h"

void dt_json_add_text(dt_text *to, const char *text)
{
    if (!text) {
        dt_text_add(to, "null");
        return;
    }
    dt_text_add(to, "\"");
    while (*text) {
        const char *begin = text;
        size_t length = dt_utf8_length((const unsigned char *)text);
        uint32_t point = dt_utf8_next(&text);
        if (point == '"' || point == '\\')
            dt_text_add(to, "\\%c", (char)point);
        else if (length == 0)
            dt_text_add(to, "\\ufffd");
        else if (dt_visible_plain(point))
            dt_text_add(to, "%.*s", (int)length, begin);
        else if (point < 0x10000)
            dt_text_add(to, "\\u%04x", (unsigned)point);
        else
            dt_text_add(to, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (point >> 10)),
                        (unsigned)(0xdc00 | (point & 0x3ff)));
    }
    dt_text_add(to, "\"");
}

void dt_json_add_class(dt_text *to, const char *names, int class)
{
    char name[DT_CLASS_NAME];
    dt_class_name(names, class, name);
    if (dt_class_is_number(name))
        dt_text_add(to, "%s", name);
    else
        dt_json_add_text(to, name);
}

void dt_json_add_real(dt_text *to, double value)
{
    if (isfinite(value))
        dt_text_add_real(to, value);
    else
        dt_text_add(to, "null");
}

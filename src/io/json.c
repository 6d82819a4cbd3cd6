#include "io/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "utf8.h"

void dt_json_add_text(dt_text *to, const char *text)
{
    if (!text) {
        dt_text_add(to, "null");
        return;
    }
    dt_text_add(to, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t length = utf8_length(at);
        if (*at == '"' || *at == '\\')
            dt_text_add(to, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            dt_text_add(to, "\\u%04x", (unsigned)*at);
        else if (length == 0)
            dt_text_add(to, "\\ufffd");
        else
            dt_text_add(to, "%.*s", (int)length, (const char *)at);
        at += length > 0 ? length : 1;
    }
    dt_text_add(to, "\"");
}

void dt_json_add_real(dt_text *to, double value)
{
    char text[32] = "null";
    if (isfinite(value)) {
        int digits = 15;
        do
            snprintf(text, sizeof text, "%.*g", digits, value);
        while (digits++ < 17 && strtod(text, NULL) != value);
    }
    dt_text_add(to, "%s", text);
}

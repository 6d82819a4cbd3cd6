#include "io/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Length of the well-formed UTF-8 sequence that `text` begins with; 0: none.
 * source: RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *text)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length == 0 || text[0] > 0xf4)
        return 0;
    unsigned char low = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

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

#include "report/markup.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define FIRST_SIZE 4096

/* Makes room for `more` bytes and a 0; false: there is none. */
static bool reserve(dt_markup *to, size_t more)
{
    if (to->error.status)
        return false;
    if (more < to->size - to->length)
        return true;
    size_t size = 2 * to->size + more + FIRST_SIZE;
    char *larger = dt_calloc(size, 1, &to->error);
    if (!larger)
        return false;
    if (to->length > 0)
        memcpy(larger, to->text, to->length);
    dt_free(to->text);
    to->text = larger;
    to->size = size;
    return true;
}

static void add_bytes(dt_markup *to, const char *bytes, size_t size)
{
    if (!reserve(to, size))
        return;
    memcpy(to->text + to->length, bytes, size);
    to->length += size;
    to->text[to->length] = '\0';
}

void dt_markup_add(dt_markup *to, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length > 0 && reserve(to, (size_t)length)) {
        vsnprintf(to->text + to->length, (size_t)length + 1, format, again);
        to->length += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

/* Length of the character that `text` begins with, if XML allows it; 0: it does not. */
static size_t character_length(const unsigned char *text)
{
    if (text[0] < 0x80)
        return text[0] >= 0x20 ? text[0] != 0x7f : strchr("\t\n\r", text[0]) != NULL;
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length == 0 || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    uint32_t code = text[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (text[i] & 0x3f);
    static const uint32_t least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    bool allowed = code >= 0xa0 && code >= least[length] && code <= 0x10ffff &&
                   (code < 0xd800 || code > 0xdfff) && (code & 0xfffe) != 0xfffe &&
                   (code < 0xfdd0 || code > 0xfdef);
    return allowed ? length : 0;
}

void dt_markup_text(dt_markup *to, const char *text)
{
    for (const char *at = text; *at;) {
        size_t length = character_length((const unsigned char *)at);
        const char *reference = *at == '&'    ? "&amp;"
                                : *at == '<'  ? "&lt;"
                                : *at == '>'  ? "&gt;"
                                : *at == '"'  ? "&quot;"
                                : *at == '\'' ? "&#39;"
                                : length == 0 ? "\xef\xbf\xbd"
                                              : NULL;
        if (reference)
            add_bytes(to, reference, strlen(reference));
        else
            add_bytes(to, at, length);
        at += length > 0 ? length : 1;
    }
}

void dt_markup_base64(dt_markup *to, const void *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                         (left > 2 ? from[i + 2] : 0);
        char out[4] = {digits[group >> 18], digits[group >> 12 & 63],
                       left > 1 ? digits[group >> 6 & 63] : '=',
                       left > 2 ? digits[group & 63] : '='};
        add_bytes(to, out, sizeof out);
    }
}

void dt_markup_pixel(dt_markup *to, double value)
{
    char text[40];
    double rounded = isfinite(value) ? round(value * 100) / 100 : 0;
    snprintf(text, sizeof text, "%.2f", rounded == 0 ? 0.0 : rounded);
    size_t length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    add_bytes(to, text, length);
}

dt_status dt_markup_status(const dt_markup *markup, dt_error *error)
{
    if (markup->error.status && error)
        *error = markup->error;
    return markup->error.status;
}

void dt_markup_destroy(dt_markup *markup)
{
    if (!markup)
        return;
    dt_free(markup->text);
    *markup = (dt_markup){0};
}

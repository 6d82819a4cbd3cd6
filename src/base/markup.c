#include "base/markup.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/visible.h"

/* Makes room for `more` bytes and a 0; false: there is none. */
static bool reserve(dt_markup *to, size_t more)
{
    if (to->error.status)
        return false;
    if (more < to->size - to->length)
        return true;
    char *larger = dt_grow(to->text, &to->size, to->length + more + 1, 1, &to->error);
    if (!larger)
        return false;
    to->text = larger;
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

void dt_markup_text(dt_markup *to, const char *text)
{
    char shown[DT_VISIBLE_MOST];
    while (text && *text) {
        bool kept = *text == '\t' || *text == '\n';
        const char *reference = *text == '&'    ? "&amp;"
                                : *text == '<'  ? "&lt;"
                                : *text == '>'  ? "&gt;"
                                : *text == '"'  ? "&quot;"
                                : *text == '\'' ? "&#39;"
                                                : NULL;
        if (kept || reference) {
            add_bytes(to, reference ? reference : text, reference ? strlen(reference) : 1);
            text++;
        } else {
            size_t length = dt_visible_next(&text, shown);
            add_bytes(to, shown, length);
        }
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

void dt_markup_around(dt_markup *to, const char *before, const char *text, const char *behind)
{
    add_bytes(to, before, strlen(before));
    dt_markup_text(to, text);
    add_bytes(to, behind, strlen(behind));
}

char *dt_pixel_text(double value, char text[DT_PIXEL_SIZE])
{
    double rounded = isfinite(value) ? round(value * 100) / 100 : 0;
    int length = snprintf(text, DT_PIXEL_SIZE, "%.2f", rounded == 0 ? 0.0 : rounded);
    length = length < DT_PIXEL_SIZE ? length : DT_PIXEL_SIZE - 1;
    while (text[length - 1] == '0')
        length--;
    text[length - (text[length - 1] == '.')] = '\0';
    return text;
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

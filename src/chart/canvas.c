#include "chart/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/visible.h"

#define CLEAR_LINE "\033[K"
#define NO_INK     "\033[0m"

enum { BYTES_A_CHARACTER = 4, BYTES_AN_INK = 5 };

dt_status dt_canvas_create(int rows, int columns, bool utf8, bool color, dt_canvas *out,
                           dt_error *error)
{
    *out = (dt_canvas){.rows = rows, .columns = columns, .utf8 = utf8, .color = color};
    out->cells = dt_calloc((size_t)rows * (size_t)columns, sizeof *out->cells, error);
    return out->cells ? DT_OK : DT_ERR_INTERNAL;
}

void dt_canvas_put(dt_canvas *canvas, int row, int column, dt_ink ink, uint32_t character)
{
    if (row < 0 || row >= canvas->rows || column < 0 || column >= canvas->columns)
        return;
    canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column] =
        (dt_canvas_cell){.character = character, .ink = ink};
}

int dt_canvas_write(dt_canvas *canvas, int row, int column, dt_ink ink, const char *format, ...)
{
    char room[DT_VISIBLE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    char *shown = dt_visible_format(room, format, arguments);
    va_end(arguments);
    for (const char *text = shown; *text; column++)
        dt_canvas_put(canvas, row, column, ink, dt_utf8_next(&text));
    dt_visible_free(shown, room);
    return column;
}

static bool is_blank(const dt_canvas_cell *cell)
{
    return cell->character == 0 || cell->character == ' ';
}

static int line_length(const dt_canvas *canvas, int row)
{
    const dt_canvas_cell *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
    int length = canvas->columns;
    while (length > 0 && is_blank(&cells[length - 1]))
        length--;
    return length;
}

int dt_canvas_height(const dt_canvas *canvas)
{
    int rows = canvas->rows;
    while (rows > 0 && line_length(canvas, rows - 1) == 0)
        rows--;
    return rows;
}

static void add_character(dt_text *to, uint32_t value, bool utf8)
{
    char bytes[BYTES_A_CHARACTER];
    value = value == 0 ? ' ' : value >= 0x80 && !utf8 ? '?' : value;
    dt_text_add(to, "%.*s", (int)dt_utf8_put(value, bytes), bytes);
}

static void add_line(dt_text *to, const dt_canvas *canvas, int row, bool in_place)
{
    const dt_canvas_cell *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
    dt_ink ink = DT_INK_PLAIN;
    int length = line_length(canvas, row);
    for (int i = 0; i < length; i++) {
        if (canvas->color && cells[i].ink != ink && !is_blank(&cells[i])) {
            if (ink != DT_INK_PLAIN)
                dt_text_add(to, NO_INK);
            ink = cells[i].ink;
            if (ink != DT_INK_PLAIN)
                dt_text_add(to, "\033[%dm", (int)ink);
        }
        add_character(to, cells[i].character, canvas->utf8);
    }
    if (ink != DT_INK_PLAIN)
        dt_text_add(to, NO_INK);
    dt_text_add(to, "%s\n", in_place ? CLEAR_LINE : "");
}

dt_status dt_canvas_render(const dt_canvas *canvas, int rows, bool in_place, char **text,
                           dt_error *error)
{
    size_t cell = BYTES_A_CHARACTER + BYTES_AN_INK + sizeof NO_INK;
    size_t size = (size_t)rows * ((size_t)canvas->columns * cell + sizeof NO_INK CLEAR_LINE) + 1;
    *text = dt_calloc(size, 1, error);
    if (!*text)
        return DT_ERR_INTERNAL;
    dt_text to = {.text = *text, .size = size};
    for (int row = 0; row < rows; row++)
        add_line(&to, canvas, row, in_place);
    return DT_OK;
}

void dt_canvas_destroy(dt_canvas *canvas)
{
    if (!canvas)
        return;
    dt_free(canvas->cells);
    *canvas = (dt_canvas){0};
}

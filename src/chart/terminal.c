#include "chart/terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart/scale.h"

enum { LABEL_COLUMNS = 8, DOTS_ACROSS = 2, DOTS_DOWN = 4, BRAILLE = 0x2800, ROWS_A_LABEL = 3 };

/* source: Unicode, Braille Patterns: dots 1, 2, 3, 7 and 4, 5, 6, 8 from the top. */
static const uint8_t dots[DOTS_DOWN][DOTS_ACROSS] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};

/* Where values become dots. */
typedef struct plot {
    dt_canvas *canvas;
    int top, left, rows, columns; /* of the area of the curves */
    bool braille;
    int across, down; /* dots of a character */
    double x_max;
    dt_scale y; /* to dots, from the top */
} plot;

/* The range of both axes; false when there is no point. */
static bool find_ranges(plot *self, const dt_chart *chart)
{
    dt_extent y = DT_EXTENT_OF_NONE;
    for (int c = 0; c < chart->curve_count; c++) {
        const dt_curve *curve = &chart->curves[c];
        for (size_t i = 0; i < curve->count; i++) {
            if (!isfinite(curve->y[i]))
                continue;
            dt_extent_add(&y, curve->y[i]);
            self->x_max = fmax(self->x_max, curve->x[i]);
        }
    }
    if (y.low > y.high)
        return false;
    self->x_max = self->x_max > 0 ? self->x_max : 1;
    self->y = dt_scale_make(dt_log_helps(y.low, y.high) ? DT_SCALE_LOG : DT_SCALE_LINEAR,
                            DT_NUMBER_PLAIN, y.low, y.high, self->rows * self->down - 1, 0);
    return true;
}

static void set_dot(const plot *self, const dt_curve *curve, int x, int y)
{
    if (!self->braille) {
        dt_canvas_put(self->canvas, self->top + y, self->left + x, curve->ink,
                      (unsigned char)curve->mark);
        return;
    }
    int row = self->top + y / DOTS_DOWN, column = self->left + x / DOTS_ACROSS;
    size_t at = (size_t)row * (size_t)self->canvas->columns + (size_t)column;
    uint32_t before = self->canvas->cells[at].character;
    before = before >= BRAILLE && before < BRAILLE + 256 ? before : BRAILLE;
    dt_canvas_put(self->canvas, row, column, curve->ink,
                  before | dots[y % DOTS_DOWN][x % DOTS_ACROSS]);
}

static void draw_line(const plot *self, const dt_curve *curve, const int from[2], const int to[2])
{
    int width = to[0] - from[0], height = to[1] - from[1];
    int length = abs(width) > abs(height) ? abs(width) : abs(height);
    for (int i = 0; i <= length; i++) {
        double share = length > 0 ? (double)i / length : 0;
        set_dot(self, curve, from[0] + (int)lround(share * width),
                from[1] + (int)lround(share * height));
    }
}

static void draw_curve(const plot *self, const dt_curve *curve)
{
    int before[2];
    bool begun = false;
    for (size_t i = 0; i < curve->count; i++) {
        if (!isfinite(curve->y[i]))
            continue;
        double x = curve->x[i] / self->x_max * (self->columns * self->across - 1);
        int at[2] = {(int)lround(x), (int)lround(dt_scale_pixel(&self->y, curve->y[i]))};
        draw_line(self, curve, begun ? before : at, at);
        before[0] = at[0];
        before[1] = at[1];
        begun = true;
    }
}

static void label_axis(const plot *self)
{
    double ticks[DT_TICKS_MAX];
    char text[DT_NUMBER_SIZE];
    int parts = self->rows / ROWS_A_LABEL;
    int count = dt_scale_ticks(&self->y, self->y.from / (parts > 1 ? parts : 1), ticks);
    for (int i = 0; i < count; i++) {
        int row = (int)lround(dt_scale_pixel(&self->y, ticks[i])) / self->down;
        if (strlen(dt_scale_label(&self->y, count, ticks, i, text)) >= LABEL_COLUMNS)
            snprintf(text, sizeof text, "%.4g", ticks[i]);
        dt_canvas_write(self->canvas, self->top + row, self->left - LABEL_COLUMNS, DT_INK_FAINT,
                        "%*s", LABEL_COLUMNS - 1, text);
    }
}

static void draw_axes(const plot *self, const dt_chart *chart)
{
    bool utf8 = self->canvas->utf8;
    int bottom = self->top + self->rows;
    for (int i = 0; i < self->rows; i++)
        dt_canvas_put(self->canvas, self->top + i, self->left - 1, DT_INK_FAINT,
                      utf8 ? 0x2502 : '|');
    for (int i = 0; i < self->columns; i++)
        dt_canvas_put(self->canvas, bottom, self->left + i, DT_INK_FAINT, utf8 ? 0x2500 : '-');
    dt_canvas_put(self->canvas, bottom, self->left - 1, DT_INK_FAINT, utf8 ? 0x2514 : '+');
    char end[40];
    int length = snprintf(end, sizeof end, "%s %.10g", chart->unit, self->x_max);
    dt_canvas_write(self->canvas, bottom + 1, self->left, DT_INK_FAINT, "0");
    dt_canvas_write(self->canvas, bottom + 1, self->left + self->columns - length, DT_INK_FAINT,
                    "%s", end);
}

static void draw_legend(const plot *self, const dt_chart *chart, int row, int column)
{
    column = 2 + dt_canvas_write(self->canvas, row, column, DT_INK_BOLD, "%s", chart->title);
    for (int i = 0; i < chart->curve_count && chart->curve_count > 1; i++) {
        const dt_curve *curve = &chart->curves[i];
        if (!curve->name)
            continue;
        if (self->braille)
            column = dt_canvas_write(self->canvas, row, column, curve->ink, "\u2500\u2500");
        else
            column = dt_canvas_write(self->canvas, row, column, curve->ink, "%c", curve->mark);
        column =
            2 + dt_canvas_write(self->canvas, row, column + 1, DT_INK_PLAIN, "%s", curve->name);
    }
}

void dt_chart_draw(dt_canvas *canvas, int top, int left, int rows, int columns,
                   const dt_chart *chart)
{
    bool braille = canvas->utf8 && (canvas->color || chart->curve_count == 1);
    plot self = {.canvas = canvas,
                 .top = top + 1,
                 .left = left + LABEL_COLUMNS,
                 .rows = rows - 3,
                 .columns = columns - LABEL_COLUMNS,
                 .braille = braille,
                 .across = braille ? DOTS_ACROSS : 1,
                 .down = braille ? DOTS_DOWN : 1};
    draw_legend(&self, chart, top, left);
    if (!find_ranges(&self, chart)) {
        dt_canvas_write(canvas, top + rows / 2, left + LABEL_COLUMNS, DT_INK_FAINT, "no value yet");
        return;
    }
    label_axis(&self);
    draw_axes(&self, chart);
    for (int i = 0; i < chart->curve_count; i++)
        draw_curve(&self, &chart->curves[i]);
}

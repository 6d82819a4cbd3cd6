#include "chart/terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LABEL_COLUMNS = 8, DOTS_ACROSS = 2, DOTS_DOWN = 4, BRAILLE = 0x2800, ROWS_A_LABEL = 3 };

static const double logarithmic_from = 10;

/* source: Unicode, Braille Patterns: dots 1, 2, 3, 7 and 4, 5, 6, 8 from the top. */
static const uint8_t dots[DOTS_DOWN][DOTS_ACROSS] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};

/* Where values become dots. */
typedef struct plot {
    dt_canvas *canvas;
    int top, left, rows, columns; /* of the area of the curves */
    bool braille;
    bool logarithmic;
    double x_max, low, high; /* the axes; low and high as they are mapped */
} plot;

static bool braille_fits(const dt_canvas *canvas, int curves)
{
    return canvas->utf8 && (canvas->color || curves == 1);
}

static double mapped(const plot *self, double y)
{
    return self->logarithmic ? log10(y) : y;
}

/* A step of 1, 2 or 5 times a power of ten that cuts `range` into at most `parts`. */
static double nice_step(double range, int parts)
{
    static const double factors[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(range / parts)));
    for (int i = 0; i < 4; i++)
        if (factors[i] * power * parts >= range * (1 - 1e-9))
            return factors[i] * power;
    return 10 * power;
}

static int label_parts(const plot *self)
{
    int parts = self->rows / ROWS_A_LABEL;
    return parts > 1 ? parts : 1;
}

/* The range of both axes; false when there is no point. */
static bool find_ranges(plot *self, const dt_chart *chart)
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int c = 0; c < chart->curve_count; c++) {
        const dt_curve *curve = &chart->curves[c];
        for (size_t i = 0; i < curve->count; i++) {
            if (!isfinite(curve->y[i]))
                continue;
            low = fmin(low, curve->y[i]);
            high = fmax(high, curve->y[i]);
            self->x_max = fmax(self->x_max, curve->x[i]);
        }
    }
    if (low > high)
        return false;
    if (high == low) {
        double margin = high == 0 ? 1 : fabs(high) / 10;
        low -= margin;
        high += margin;
    }
    self->logarithmic = low > 0 && high / low >= logarithmic_from;
    double step = nice_step(high - low, label_parts(self));
    self->low = self->logarithmic ? log10(low) : step * floor(low / step + 1e-9);
    self->high = self->logarithmic ? log10(high) : step * ceil(high / step - 1e-9);
    self->x_max = self->x_max > 0 ? self->x_max : 1;
    return true;
}

static int dot_row(const plot *self, double y, int dots_down)
{
    double share = (mapped(self, y) - self->low) / (self->high - self->low);
    return (int)lround((1 - share) * (self->rows * dots_down - 1));
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
    int across = self->braille ? DOTS_ACROSS : 1, down = self->braille ? DOTS_DOWN : 1;
    int before[2];
    bool begun = false;
    for (size_t i = 0; i < curve->count; i++) {
        if (!isfinite(curve->y[i]))
            continue;
        int at[2] = {(int)lround(curve->x[i] / self->x_max * (self->columns * across - 1)),
                     dot_row(self, curve->y[i], down)};
        draw_line(self, curve, begun ? before : at, at);
        before[0] = at[0];
        before[1] = at[1];
        begun = true;
    }
}

/* The number y at its row, unless a number stands there or next to it. */
static void add_label(const plot *self, double y, int *last_row)
{
    int row = dot_row(self, y, 1);
    if (row < 0 || row >= self->rows || (*last_row >= 0 && abs(row - *last_row) < 2))
        return;
    char text[LABEL_COLUMNS + 8];
    snprintf(text, sizeof text, "%.4g", fabs(y) < 1e-12 ? 0 : y);
    dt_canvas_write(self->canvas, self->top + row, self->left - LABEL_COLUMNS, DT_INK_FAINT, "%*s",
                    LABEL_COLUMNS - 1, text);
    *last_row = row;
}

static void label_axis(const plot *self)
{
    static const double factors[] = {1, 2, 5};
    int last_row = -1;
    if (self->logarithmic) {
        for (int power = (int)floor(self->low); power <= (int)ceil(self->high); power++)
            for (int i = 0; i < 3; i++)
                add_label(self, factors[i] * pow(10, power), &last_row);
        return;
    }
    double step = nice_step(self->high - self->low, label_parts(self));
    for (double y = self->low; y < self->high + step / 2; y += step)
        add_label(self, y, &last_row);
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
    plot self = {.canvas = canvas,
                 .top = top + 1,
                 .left = left + LABEL_COLUMNS,
                 .rows = rows - 3,
                 .columns = columns - LABEL_COLUMNS,
                 .braille = braille_fits(canvas, chart->curve_count)};
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

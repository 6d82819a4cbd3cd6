/* A screen of text in memory: composed cell by cell, then written as a whole. */
#ifndef DT_CHART_CANVAS_H
#define DT_CHART_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Colours and weights, the numbers of ECMA-48's "select graphic rendition". */
typedef enum dt_ink {
    DT_INK_PLAIN = 0,
    DT_INK_BOLD = 1,
    DT_INK_FAINT = 2,
    DT_INK_RED = 31,
    DT_INK_GREEN = 32,
    DT_INK_YELLOW = 33,
    DT_INK_BLUE = 34,
    DT_INK_MAGENTA = 35,
    DT_INK_CYAN = 36
} dt_ink;

typedef struct dt_canvas_cell {
    uint32_t character; /* Unicode; 0: blank */
    dt_ink ink;
} dt_canvas_cell;

typedef struct dt_canvas {
    int rows, columns;
    bool utf8;             /* else all that is not ASCII becomes '?' */
    bool color;            /* else inks are left out */
    dt_canvas_cell *cells; /* [rows][columns] */
} dt_canvas;

/* A blank canvas of rows, columns >= 1. The caller destroys it: dt_canvas_destroy.
 * Errors: DT_ERR_INTERNAL. */
dt_status dt_canvas_create(int rows, int columns, bool utf8, bool color, dt_canvas *out,
                           dt_error *error);

/* Sets a cell; one that lies outside is left out. */
void dt_canvas_put(dt_canvas *canvas, int row, int column, dt_ink ink, uint32_t character);

/* Writes UTF-8 text as dt_visible shows it, a cell a character, from (row, column) to the right;
 * what has no room is left out. Returns the column behind it. */
int dt_canvas_write(dt_canvas *canvas, int row, int column, dt_ink ink, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Rows up to the last one that is not blank. */
int dt_canvas_height(const dt_canvas *canvas);

/* The first `rows` rows as text, each with "\n" at its end, blanks at the ends of lines left out;
 * in_place: each clears the rest of its line on a terminal. The caller owns *text: dt_free.
 * Errors: DT_ERR_INTERNAL. */
dt_status dt_canvas_render(const dt_canvas *canvas, int rows, bool in_place, char **text,
                           dt_error *error);

/* NULL, {0} and a second call are allowed. */
void dt_canvas_destroy(dt_canvas *canvas);

#endif

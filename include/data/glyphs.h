/* The shapes of handwritten digits: strokes of a pen, before any variation.
 *
 * A glyph is a list of points in the order in which a pen passes them. Between two points that no
 * DT_PEN_DOWN parts, the pen draws a curve; it runs smoothly through a DT_PEN_SMOOTH point and
 * turns sharply at a DT_PEN_CORNER. Coordinates are hundredths of the height of the digit, x to the
 * right and y down, 0 .. 100. */
#ifndef DT_DATA_GLYPHS_H
#define DT_DATA_GLYPHS_H

#include <stdint.h>

#define DT_GLYPH_DIGITS     10
#define DT_GLYPH_POINTS_MAX 20

typedef enum dt_pen { DT_PEN_DOWN, DT_PEN_SMOOTH, DT_PEN_CORNER } dt_pen;

typedef struct dt_glyph_point {
    uint8_t x, y;
    uint8_t pen; /* dt_pen; the first point of a glyph is DT_PEN_DOWN */
} dt_glyph_point;

typedef struct dt_glyph {
    int weight; /* percent of the digit's samples; the forms of a digit add up to 100 */
    int count;  /* 2 .. DT_GLYPH_POINTS_MAX */
    dt_glyph_point point[DT_GLYPH_POINTS_MAX];
} dt_glyph;

/* The forms of `digit` (0 .. 9) that people write: *count glyphs, *count >= 2. Static data. */
const dt_glyph *dt_glyph_forms(int digit, int *count);

#endif

/* Images in a terminal. */
#ifndef DT_CLI_DRAW_H
#define DT_CLI_DRAW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How to draw. */
typedef struct image_drawing {
    int columns; /* of the terminal, >= 1 */
    bool utf8;   /* shades of Unicode; else ASCII */
} image_drawing;

/* What the environment says: columns of the terminal of `file`, else $COLUMNS, else 80; UTF-8 by
 * $LC_ALL, $LC_CTYPE, $LANG, the first that is set. */
image_drawing drawing_of(FILE *file);

/* Draws pixels[height][width], 0 light to 255 dark, as lines of characters; a pixel is two columns
 * wide where there is room; otherwise pixels are averaged. Blanks at the ends of lines, and empty
 * lines above and below, stay: the frame of the image is part of it. */
void draw_image(FILE *out, const image_drawing *how, int height, int width, const uint8_t *pixels);

#endif

/* The ink of a picture: what characters on paper are made of. */
#ifndef DT_FILE_IMAGE_INK_H
#define DT_FILE_IMAGE_INK_H

#include "file/image_fit.h"

/* The least contrast that is ink, of 255. */
#define CONTRAST_LEAST 20

/* An array of values [height][width]. */
typedef struct plane {
    int height, width;
    float *values; /* owned: dt_free */
} plane;

/* Ink, 0 to 255 each, the smallest box that has all of it, and the characters that it is of. */
typedef struct ink {
    plane plane;
    int *owners;                    /* [height][width]: which character, from 1; 0: none; owned */
    int count;                      /* of characters */
    dt_image_character *characters; /* [count]; owned; NULL: one, whatever it is */
    int top, left, bottom, right;   /* of the last row and column of it */
    double mass;                    /* the sum; 0: none, and then no box */
    double centre_y, centre_x;      /* of mass, in pixels from 0 */
} ink;

void image_measure_ink(ink *of);

/* Frees what it owns. */
void image_free_ink(ink *of);

/* Whether the box of one lies within that of the other, and touches no side of it. */
bool image_is_inside(const ink *inner, const ink *outer);

/* The value below which `share` of the values are, of which there are so many of each. */
int image_quantile_of(const int64_t counts[256], double share);

/* The same of how far the values of a plane are from `around`, or those of its border alone: whole
 * numbers from 0 to 255, but for fractions. */
int image_quantile(const plane *of, bool border_only, int around, double share);

/* The mean over the area [top, bottom) x [left, right), in fractions of pixels. */
double image_mean_over(const plane *from, const double area[4]);

/* Of a picture of one channel: of one character, or of many. *out is always set: image_free_ink.
 * Errors: DT_ERR_DATA: there is none; DT_ERR_INTERNAL. */
dt_status image_find_ink(const dt_image *image, bool many, ink *out, dt_error *error);

/* Ink on paper that is not of one tone: of strokes darker and lighter than their surroundings those
 * that are the character; of many, the largest tells. *out is always set: image_free_ink; mass 0:
 * there is none. Errors: DT_ERR_INTERNAL. */
dt_status image_find_strokes(const plane *picture, bool many, ink *out, dt_error *error);

/* If ink has the form of a sheet of paper, or of a screen: a copy of its box in the picture in
 * which the inside goes on over the rest, and the length of the shorter side, in pixels; else
 * values NULL, and 0. The caller owns out->values: dt_free. Errors: DT_ERR_INTERNAL. */
dt_status image_cut_sheet(const plane *picture, const ink *of, plane *out, double *shorter,
                          dt_error *error);

/* Leaves in a plane of ink what belongs to the character: what is strong, in pieces that hang
 * together, and weak beside them, less lines, frames, what touches the edge, specks, and what is
 * far from the rest; or, of many, to any of them. Sets owners, count and characters.
 * weak: what is no ink; strong: what a piece is made of. `clean`: the border is paper.
 * Errors: DT_ERR_INTERNAL. */
dt_status image_pick_pieces(ink *of, double weak, double strong, bool clean, bool many,
                            dt_error *error);

#endif

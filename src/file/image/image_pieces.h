/* Pieces of ink that hang together, and the characters that they are of. */
#ifndef DT_FILE_IMAGE_PIECES_H
#define DT_FILE_IMAGE_PIECES_H

#include "image_ink.h"

/* What belongs to a character is at most this far from its pieces, and has at least this mass; as
 * shares of the largest piece. */
#define IMAGE_NEAR 0.25
#define IMAGE_MASS 0.02

typedef struct image_piece {
    int top, left, bottom, right; /* of the last row and column */
    int count;                    /* pixels */
    double mass;
    bool at_edge;  /* of the picture */
    bool dropped;  /* it is of no character */
    int character; /* that it is of, from 1; 0: not known, or of none */
} image_piece;

/* The larger of height and width. */
int image_piece_longer(const image_piece *of);

/* Pixels between their boxes, down or across, whichever are more. */
int image_piece_gap(const image_piece *a, const image_piece *b);

bool image_piece_is_inside(const image_piece *inner, const image_piece *outer);

/* Adds `other` to the box and the mass of `to`. */
void image_piece_join(image_piece *to, const image_piece *other);

/* Says of each of `count` pieces of which character it is. Pieces are of one character if one
 * stands above the other, near to it. Characters stand in lines, and are numbered in the order of
 * reading. What is much lower than `first`, the largest piece, is no character.
 * Sets out's characters and count. Errors: DT_ERR_INTERNAL. */
dt_status image_find_characters(image_piece *list, int count, const image_piece *first, ink *out,
                                dt_error *error);

#endif

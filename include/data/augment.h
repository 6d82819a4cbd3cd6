/* Augmentation: training images that are drawn anew in every epoch, from the images of the data
 * set. What becomes of an image is a pure function of (seed, epoch, place in the epoch): no result
 * depends on ranks or restarts. Not collective. */
#ifndef DT_DATA_AUGMENT_H
#define DT_DATA_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/item.h"
#include "base/shape.h"
#include "base/status.h"

/* In the order in which they are applied. */
typedef enum dt_augment_kind {
    DT_AUGMENT_SCALE,
    DT_AUGMENT_SHEAR,
    DT_AUGMENT_ROTATE,
    DT_AUGMENT_SHIFT,
    DT_AUGMENT_ELASTIC,
    DT_AUGMENT_FLIP,
    DT_AUGMENT_ERASE,
    DT_AUGMENT_KINDS
} dt_augment_kind;

enum { DT_AUGMENT_ARGUMENTS = 2, DT_AUGMENT_TEXT = 512 };

typedef struct dt_augment_row {
    const char *name, *help; /* no full stop */
    int argument_count;
    dt_argument arguments[DT_AUGMENT_ARGUMENTS];
} dt_augment_row;

/* What the list `augment` may hold: [DT_AUGMENT_KINDS]. */
extern const dt_augment_row dt_augment_rows[];

/* A list of augmentations. No pointers: it can be sent to other ranks as bytes. */
typedef struct dt_augment {
    bool has[DT_AUGMENT_KINDS];
    double arguments[DT_AUGMENT_KINDS][DT_AUGMENT_ARGUMENTS];
} dt_augment;

/* Reads "shift 2, rotate 10", in any order, each kind once, or "none".
 * Errors: DT_ERR_CONFIG, naming the item. *out is then as it was. */
dt_status dt_augment_parse(const char *text, dt_augment *out, dt_error *error);

/* Writes it as dt_augment_parse reads it, in the order of the rows; returns `text`. */
char *dt_augment_text(const dt_augment *augment, char text[DT_AUGMENT_TEXT]);

/* Whether it changes anything. */
bool dt_augment_is_some(const dt_augment *augment);

typedef struct dt_augmenter dt_augmenter;

/* Augments images of `shape` as `augment` says. The caller owns *out: dt_augmenter_destroy.
 * Errors: DT_ERR_INTERNAL. */
dt_status dt_augmenter_create(const dt_augment *augment, dt_shape shape, uint64_t seed,
                              dt_augmenter **out, dt_error *error);
void dt_augmenter_destroy(dt_augmenter *augmenter);

/* Bytes that dt_augmenter_create allocates. */
uint64_t dt_augmenter_bytes(const dt_augment *augment, dt_shape shape);

/* Draws *to from *from, both [height][width][channels], apart: the sample at `place` of the order
 * of `epoch`. A pixel of the new image lies between four of the old one and is their bilinear mean,
 * rounded; beyond the old image is 0. */
void dt_augmenter_draw(dt_augmenter *augmenter, uint32_t epoch, uint32_t place, const uint8_t *from,
                       uint8_t *to);

#endif

/* Pictures brought into the form of the images that a network was trained on. */
#ifndef DT_FILE_IMAGE_FIT_H
#define DT_FILE_IMAGE_FIT_H

#include "file/image.h"

/* The form of a set of images of one channel, as it is measured (train/form.h). MNIST's:
 * background 0, extent 20 / 28, by mass, at 0.5, 0.5; source: Y. LeCun,
 * http://yann.lecun.com/exdb/mnist/. */
typedef struct dt_image_form {
    int background;   /* 0: light on dark; 255: dark on light; -1: neither, images as photographs
                         are: a picture becomes one as a whole */
    double extent;    /* of the ink: the larger of its height / the image's and its width / ... */
    bool by_mass;     /* what stands in the middle: the centre of mass; else that of the box */
    double middle[2]; /* where: down / height, across / width, pixel 0 at 0 */
} dt_image_form;

extern const dt_image_form dt_image_form_mnist;

typedef enum dt_image_way { DT_WAY_AUTO, DT_WAY_MNIST, DT_WAY_NONE } dt_image_way;

/* "auto", "mnist", "none"; NULL-terminated. */
extern const char *const dt_image_way_names[];

/* Makes pixels[height][width][channels of the picture] of a picture.
 *
 * none: the whole picture, scaled (means over areas).
 * mnist: the ink alone, scaled to `form` with its proportions kept, the darkest of it full.
 * auto: a picture of that size as it is, unless it is dark on light and the form light on dark, or
 * the other way round, and then reversed if images of the form have no margin; others as with
 * mnist. Pictures in colour, and all where the form has no background: as with none.
 *
 * Ink is what differs from the paper around it. Where the border of the picture has one tone, the
 * paper is that tone; else the light varies, or a table, a shadow or a frame is in the picture, and
 * the paper is what closes over strokes (grey-scale closing and opening; source: Serra, Image
 * Analysis and Mathematical Morphology, 1982). What has the form of a sheet is paper if there is
 * ink on it. What touches the edge, lines from side to side,
 * frames around ink and specks are no ink if there is other ink. A picture is looked at with at
 * most 512 pixels a side.
 *
 * Errors: DT_ERR_DATA for a picture without ink, and for colours with mnist; DT_ERR_INTERNAL. */
dt_status dt_image_fit(const dt_image *image, const dt_image_form *form, dt_image_way way,
                       int height, int width, uint8_t *pixels, dt_error *error);

/* The most characters of a picture. */
#define DT_IMAGE_CHARACTERS_MOST 1024

typedef struct dt_image_character {
    int line;  /* of characters, from 0, from the top */
    bool wide; /* much wider than high: rather several that touch */
} dt_image_character;

typedef struct dt_image_characters {
    int count;
    uint8_t *pixels;                /* [count][height][width]; owned: dt_free */
    dt_image_character *characters; /* [count]; likewise */
} dt_image_characters;

/* Makes an image of each character in a picture, as with mnist above, in the order of reading:
 * lines from the top, each from the left. A character is ink that hangs together, and what stands
 * above or below it, near to it; what is much lower than the largest is none. A picture is looked
 * at with at most 512 x 512 pixels.
 *
 * *out is always set. Errors: as above, and DT_ERR_DATA for more than DT_IMAGE_CHARACTERS_MOST. */
dt_status dt_image_fit_many(const dt_image *image, const dt_image_form *form, int height, int width,
                            dt_image_characters *out, dt_error *error);

#endif

/* A text that grows: HTML and SVG.
 *
 * An allocation that fails is noted, and what is added behind it is left out: who builds a page
 * asks once, at the end. */
#ifndef DT_BASE_MARKUP_H
#define DT_BASE_MARKUP_H

#include <stddef.h>

#include "base/status.h"

/* Starts as {0}; ends with dt_markup_destroy. */
typedef struct dt_markup {
    char *text; /* [length], and a 0 behind them; NULL while nothing has been added */
    size_t length, size;
    dt_error error; /* the first allocation that failed; status DT_OK: none */
} dt_markup;

/* Adds markup as it is. The format is not for texts from files: dt_markup_text. */
void dt_markup_add(dt_markup *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a text, so that it is shown as it is: & < > " ' become references, control characters that
 * XML does not allow and bytes that are no UTF-8 become U+FFFD. It may stand in an element or in
 * the quotation marks of an attribute. NULL is "".
 * source: W3C, XML 1.0, section 2.2; HTML Living Standard, section 13.3. */
void dt_markup_text(dt_markup *to, const char *text);

/* Adds bytes as base64. source: RFC 4648, section 4. */
void dt_markup_base64(dt_markup *to, const void *bytes, size_t size);

/* Adds markup, a text (dt_markup_text), and markup behind it. */
void dt_markup_around(dt_markup *to, const char *before, const char *text, const char *behind);

/* A coordinate as text, in pixels, with at most two decimals and no more than it needs; not finite
 * ones are the caller's mistake and become 0. Returns `text`. DT_PIXEL is for arguments. */
#define DT_PIXEL_SIZE   40
#define DT_PIXEL(value) dt_pixel_text((value), (char[DT_PIXEL_SIZE]){0})
char *dt_pixel_text(double value, char text[DT_PIXEL_SIZE]);

/* DT_OK, or the error of the first allocation that failed. */
dt_status dt_markup_status(const dt_markup *markup, dt_error *error);

/* NULL, {0} and a second call are allowed. */
void dt_markup_destroy(dt_markup *markup);

#endif

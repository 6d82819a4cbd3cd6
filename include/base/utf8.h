/* Unicode text as UTF-8. source: RFC 3629. */
#ifndef DT_BASE_UTF8_H
#define DT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed sequence that `text`, which ends in a 0, begins with; 0: none. */
size_t dt_utf8_length(const unsigned char *text);

/* The code point that *text begins with, which must not be at its end, and moves *text behind it; a
 * byte that is not well-formed is U+FFFD. */
uint32_t dt_utf8_next(const char **text);

/* Whether it is one of Unicode's characters, 0 included: no surrogate, nothing above U+10FFFF. */
bool dt_utf8_is_point(uint32_t point);

/* Writes the code point to text, which has room for 4 bytes; returns their number. */
size_t dt_utf8_put(uint32_t point, char *text);

#endif

/* A text that grows in a buffer of the caller's. */
#ifndef DT_BASE_TEXT_H
#define DT_BASE_TEXT_H

#include <stddef.h>

/* `length` is what the text has or would have without the limit of `size`, like snprintf's answer;
 * with size > 0 the buffer always ends in 0 once something (be it "") has been added. Starts as
 * {.text = buffer, .size = sizeof buffer}; where nothing may come to be added, buffer = "". */
typedef struct dt_text {
    char *text;
    size_t size;
    size_t length;
} dt_text;

/* Appends; what has no room is counted and left out. */
void dt_text_add(dt_text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

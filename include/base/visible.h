/* Texts of others, made safe to show.
 *
 * Names in files, paths, host names and settings may hold what a terminal obeys or a reader is
 * deceived by. All that a person reads passes dt_visible: messages (dt_fail), lines (base/log.h),
 * pages (base/markup.h) and whatever a command prints. What is stored to be read back is encoded
 * as its format does (JSON, INI) and not shown this way. */
#ifndef DT_BASE_VISIBLE_H
#define DT_BASE_VISIBLE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes that show one character, and a 0. */
#define DT_VISIBLE_MOST 11

/* Whether the code point is shown as it is. Not so: controls (C0, DEL, C1), what turns the
 * direction of a text, separators of lines and paragraphs, format characters that nobody sees,
 * tags, and what is no character. The joiners U+200C and U+200D, which Persian and emoji need, are.
 */
bool dt_visible_plain(uint32_t point);

/* Writes what shows the character that *text begins with, which must not be at its end, and moves
 * *text behind it; returns the length. What is not plain becomes \n, \r, \t, \x1b (below U+0080, or
 * a byte that is not UTF-8), \u202e or \U000e0041. A backslash stays alone, so that a text that has
 * been shown does not change when it is shown again. */
size_t dt_visible_next(const char **text, char shown[DT_VISIBLE_MOST]);

/* Shows all of `text` in `shown`, which ends in a 0 if size > 0 and is cut between characters;
 * returns the length without the limit of `size`. */
size_t dt_visible(const char *text, char *shown, size_t size);

/* A formatted text as dt_visible shows it: in `room`, or where that is too small, from dt_calloc,
 * or cut when there is no memory. To be freed with dt_visible_free, and its room with it. */
#define DT_VISIBLE_ROOM 2048
char *dt_visible_format(char room[DT_VISIBLE_ROOM], const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void dt_visible_free(char *shown, const char *room);

/* Prints a formatted text as dt_visible shows it, but for the line ends that `format` ends in. */
void dt_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

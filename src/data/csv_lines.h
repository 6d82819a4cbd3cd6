/* The lines of a text file, raw or packed with gzip. */
#ifndef DT_DATA_CSV_LINES_H
#define DT_DATA_CSV_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "data/gunzip.h"
#include "data/idx_file.h"

typedef struct csv_lines {
    int fd; /* -1: not open */
    char shown[DT_IDX_SHOWN];
    bool gzip;
    struct dt_gunzip *stream; /* of a packed file */
    char *buffer;
    size_t begin, end; /* in it, of what has been read and not given out */
    int64_t offset;    /* in the text, of the buffer */
    bool ended;        /* all is in the buffer */
    int64_t number;    /* of the last line that was given out: 1, 2, ... */
} csv_lines;

/* A place between two lines. */
typedef struct csv_mark {
    int64_t offset, number; /* of the line before */
} csv_mark;

/* *lines is always set; end it with csv_lines_close, also after an error. Errors: DT_ERR_NO_INPUT,
 * DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status csv_lines_open(const char *path, csv_lines *lines, dt_error *error);

/* The next line that is not empty, without its end, and with a 0 behind it, until the next call;
 * *line NULL: there is none. Errors: DT_ERR_DATA: too long, damaged gzip; DT_ERR_IO. */
dt_status csv_lines_next(csv_lines *lines, char **line, size_t *length, dt_error *error);

/* Where the next line begins. */
csv_mark csv_lines_mark(const csv_lines *lines);

/* Goes there; of a packed file to its beginning alone, {0, 0}. */
dt_status csv_lines_go(csv_lines *lines, csv_mark mark, dt_error *error);

/* Allowed on lines that are not open. */
void csv_lines_close(csv_lines *lines);

#endif

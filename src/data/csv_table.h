/* One CSV file: what its columns are, and its rows. Not collective. */
#ifndef DT_DATA_CSV_TABLE_H
#define DT_DATA_CSV_TABLE_H

#include <stdint.h>

#include "csv_lines.h"

enum { CSV_NONE = -1 };

typedef struct csv_table {
    csv_lines lines;
    char separator;
    bool header, numbered;       /* a header that numbers the columns */
    bool guessed;                /* the column of labels is no more than likely */
    int columns, label, skipped; /* columns by number; CSV_NONE */
    char skipped_name[16];       /* may be "" */
    int64_t rows;
    int64_t next;    /* row that comes next from the lines */
    csv_mark *marks; /* in front of every so many rows */
    size_t mark_count, mark_room;
    int32_t *labels; /* [rows] */
} csv_table;

/* Opens a file, finds its columns, counts its rows and reads their labels, of a column that `label`
 * says as dt_csv_open has it. like: the training part of a test part, which may have no labels:
 * then its column is CSV_NONE, and no rows are counted; NULL: it must have. *table is always set:
 * csv_table_close, also after an error. Errors: those of dt_csv_open. */
dt_status csv_table_open(const char *path, const char *label, const csv_table *like,
                         csv_table *table, dt_error *error);

/* Columns that are pixels. */
int csv_table_pixels(const csv_table *table);

/* Reads the pixels of rows first .. first + count - 1, within them, into values[count][pixels].
 * Errors: DT_ERR_DATA, with file and line; DT_ERR_IO; DT_ERR_INTERNAL. */
dt_status csv_table_read(csv_table *table, int64_t first, int64_t count, double *values,
                         dt_error *error);

/* Allowed on one that is not open. */
void csv_table_close(csv_table *table);

#endif

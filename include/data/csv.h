/* Tables of numbers as text: a line a sample, its label and its pixels, as Kaggle's train.csv.
 *
 * A line has numbers between commas, semicolons or tabs, each in quotes or not; the first may be a
 * header. One column is the label, another may be an index (id, index, or no name), which is passed
 * over; the others are the pixels, row by row, of a square. Raw or gzip. Not collective. */
#ifndef DT_DATA_CSV_H
#define DT_DATA_CSV_H

#include <stdbool.h>

#include "base/arrays.h"

/* Whether `path` is called, or looks like, such a file, or is a directory with one that is called
 * NAME.csv or NAME.csv.gz. */
bool dt_csv_is(const char *path);

/* Opens the tables that `path` means: [PREFIX]train.csv of a directory, with [PREFIX]test.csv or
 * without, or the only CSV file there; or a file, and its partner beside it if its name ends in
 * train or test. They become the arrays "train images", [n][pixels], and "train labels", [n], and
 * the same of test. A test part without labels is left out, and noted, as are other CSV files of
 * the directory.
 *
 * label: the name of its column, or first or last; "auto": one that is called so (dt_label_words);
 * without a header the first or the last, whichever has the values of labels, which is noted.
 *
 * All lines are counted here and their labels read; the rest of a line is looked at when it is
 * read. The caller owns *out: dt_arrays_close. Errors: DT_ERR_NO_INPUT: no such file, a part of a
 * data set or several; DT_ERR_CONFIG: no such column; DT_ERR_DATA, with file and line; DT_ERR_IO;
 * DT_ERR_INTERNAL. */
dt_status dt_csv_open(const char *path, const char *label, dt_arrays **out, dt_error *error);

#endif

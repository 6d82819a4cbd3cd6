/* The CSV files of a data set, by their names. Not collective. */
#ifndef DT_DATA_CSV_NAMES_H
#define DT_DATA_CSV_NAMES_H

#include <limits.h>
#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"
#include "data/source.h"

typedef struct csv_names {
    char paths[DT_PARTS][PATH_MAX]; /* of the test part "": none */
} csv_names;

/* Whether a file of that name is one: NAME.csv, NAME.csv.gz. */
bool csv_is_name(const char *name);

/* As dt_csv_open finds them; adds those of the directory that are left out to *note. Errors:
 * DT_ERR_NO_INPUT, with what was seen; DT_ERR_INTERNAL. */
dt_status csv_names_find(const char *path, csv_names *out, dt_text *note, dt_error *error);

#endif

/* Counts by row and column, as colours. */
#ifndef DT_CHART_HEAT_MAP_H
#define DT_CHART_HEAT_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/markup.h"

/* Most rows that are drawn cell by cell; more come as a picture. */
#define DT_HEAT_CELLS_MAX 32

/* Square: the classes by label (rows) and by answer (columns). */
typedef struct dt_heat_map {
    const char *name, *row_name, *column_name;
    int classes;
    const char *class_names; /* base/class_names.h */
    const int64_t *counts;   /* [classes][stride] */
    int stride;              /* >= classes; what lies between the rows is not shown */
    const void *png;         /* more than DT_HEAT_CELLS_MAX classes: [classes][classes] pixels of
                                colours and alphas of dt_heat_strength */
    size_t png_size;
} dt_heat_map;

/* How strongly a count of `count` among the `total` of its row is coloured, 0 to 1: the same step
 * for each power of ten of the share, down to one in 10,000; 0 for none. */
double dt_heat_strength(int64_t count, int64_t total);

/* The counts of a row. */
int64_t dt_heat_total(const dt_heat_map *map, int row);

/* Adds it, with counts in the cells where they have room. */
void dt_heat_map_add(dt_markup *to, const dt_heat_map *map);

#endif

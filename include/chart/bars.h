/* Bars of parts, as SVG that takes its colours from the page (report/page.h). */
#ifndef DT_CHART_BARS_H
#define DT_CHART_BARS_H

#include <stddef.h>

#include "base/markup.h"

typedef struct dt_bar_part {
    const char *name;
    int colour;
} dt_bar_part;

/* A bar of parts, one after another, with their sum at its end. */
typedef struct dt_bar {
    char label[80];
    const double *seconds; /* [part_count], >= 0 */
} dt_bar;

/* Adds bars that share a scale, which ends with the longest, with a legend of the parts that are
 * there at all. A part of a bar has its name and its seconds as its title. */
void dt_bars_add(dt_markup *to, size_t part_count, const dt_bar_part *parts, size_t bar_count,
                 const dt_bar *bars);

#endif

/* Bars of parts, as SVG that takes its colours from the page (report/page.h). */
#ifndef DT_CHART_BARS_H
#define DT_CHART_BARS_H

#include <stddef.h>

#include "base/markup.h"

/* A bar of parts, one after another. */
typedef struct dt_bar {
    const char *label;
    const char *note;    /* at its end; NULL: none */
    const double *parts; /* [part_count], >= 0 */
} dt_bar;

/* Adds bars that share a scale, which ends with the longest, with a legend of the parts that are
 * there at all. A part of a bar has its name and its value in seconds as its title. colours:
 * [part_count]. */
void dt_bars_add(dt_markup *to, size_t part_count, const char *const *part_names,
                 const int *colours, size_t bar_count, const dt_bar *bars);

#endif

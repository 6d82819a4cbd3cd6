/* Bars of parts, and lanes of them by time, as SVG that takes its colours from the page
 * (report/page.h). */
#ifndef DT_CHART_BARS_H
#define DT_CHART_BARS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/markup.h"

/* Most parts that bars or lanes have. */
#define DT_BAR_PARTS_MOST 16

typedef struct dt_bar_part {
    const char *name;
    int colour;
    bool faint; /* of lanes: behind the others */
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

/* A part that was there from `begin` to `end`, 0 <= begin <= end, in seconds. */
typedef struct dt_lane_span {
    double begin, end;
    int part;
} dt_lane_span;

typedef struct dt_lane {
    char label[24];
    size_t count;
    const dt_lane_span *spans;
} dt_lane;

/* Adds lanes, one below the other, over `seconds` > 0, with a legend as of bars. name: for screen
 * readers. A span has its name and its seconds as its title. */
void dt_lanes_add(dt_markup *to, const char *name, size_t part_count, const dt_bar_part *parts,
                  size_t lane_count, const dt_lane *lanes, double seconds);

/* Adds the legend of the parts of which there is some: most[part] > 0. */
void dt_legend_add(dt_markup *to, size_t part_count, const dt_bar_part *parts, const double *most);

#endif

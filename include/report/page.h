/* The page that the parts of a report stand in: one HTML file without scripts and without anything
 * from elsewhere, for light and dark, wide and narrow screens, and paper.
 *
 * What is between dt_page_begin and dt_page_end is the caller's, of these classes (page.c):
 *     header, section, figure > figcaption, details > summary     of HTML, styled as they are
 *     .tiles > .tile > b, span    numbers with a word each
 *     .charts                     figures side by side where there is room
 *     .wide                       a box that scrolls when what is in it is wider than the screen
 *     .cards > .card              pictures with a few words
 *     .note, .chip, .key, .mono   remarks, states, names of runs, hashes
 *     td.n, th.n                  numbers
 *     c0 .. c7                    colours (chart/chart.h) */
#ifndef DT_REPORT_PAGE_H
#define DT_REPORT_PAGE_H

#include "base/markup.h"

void dt_page_begin(dt_markup *to, const char *title);
void dt_page_end(dt_markup *to);

#endif

/* The sections of a report; what a run has nothing for is left out. Errors are noted in the markup.
 */
#ifndef DT_REPORT_PARTS_H
#define DT_REPORT_PARTS_H

#include "base/markup.h"
#include "file/image.h"
#include "read_run.h"

/* These begin with a heading <h2>. */
typedef void report_section(dt_markup *to, const report_run *run);

/* The confusion matrix, and each class. */
report_section report_answers;
/* The worst mistakes. */
report_section report_mistakes;
/* What augmentation makes of some training images. */
report_section report_augmented;
/* What tracking has found: norms and margins, the hardest images, doubtful labels. */
report_section report_tracked;
/* The kernel of the first layer. */
report_section report_filters;
/* Where the time went. */
report_section report_time;
/* Some steps of the timeline. */
report_section report_timeline;
/* Settings, environment, hashes. */
report_section report_settings;

/* Of several runs: results and settings that differ, side by side. */
void report_comparison(dt_markup *to, int count, const report_run *runs);

/* Curves: of one run those of training, validation and test; of several, each run's test (or else
 * validation) and training. */
void report_curves(dt_markup *to, int count, const report_run *runs);

/* The run's state in a word, as a chip; its key, as a link's text. */
void report_chip(dt_markup *to, const report_run *run);
void report_key(dt_markup *to, const report_run *run);

/* A number of things; -1: not known. */
double report_known(int64_t count);

/* <img> of that class, with that text, as PNG inside the page. */
void report_image(dt_markup *to, const dt_raster *raster, const char *class, const char *text);

#endif

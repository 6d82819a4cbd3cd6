/* Pictures of a report: PNG inside the page. */
#ifndef DT_REPORT_PICTURES_H
#define DT_REPORT_PICTURES_H

#include "base/markup.h"
#include "file/image.h"
#include "read_run.h"

/* Adds <img> with that class and, escaped, that text. Errors: DT_ERR_INTERNAL. */
dt_status dt_report_image(dt_markup *to, const dt_raster *raster, const char *class,
                          const char *text, dt_error *error);

/* What the cards of a gallery say beside label and answer. */
typedef enum report_score {
    REPORT_PROBABILITIES, /* of the answer and of the label */
    REPORT_NORM,
    REPORT_MARGIN
} report_score;

/* Adds cards of the first `most` samples of a gallery. Errors: DT_ERR_INTERNAL. */
dt_status dt_report_gallery(dt_markup *to, const report_run *run, const dt_gallery *gallery,
                            report_score score, int64_t most, dt_error *error);

#endif

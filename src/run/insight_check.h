/* Inside of the run room: what holds for every insight beyond its tables. Errors: DT_ERR_DATA. */
#ifndef DT_RUN_INSIGHT_CHECK_H
#define DT_RUN_INSIGHT_CHECK_H

#include "run/insight.h"

/* group: of the file, for messages. */
dt_status insight_check_answers(const char *group, const dt_answers *answers, int classes,
                                dt_error *error);
dt_status insight_check_gallery(const char *group, const dt_gallery *gallery, int classes,
                                dt_error *error);

/* Times, images drawn anew, timeline and facts. */
dt_status insight_check_rest(const dt_insight *insight, dt_error *error);

#endif

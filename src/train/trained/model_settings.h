/* The settings of a model. */
#ifndef DT_TRAIN_MODEL_SETTINGS_H
#define DT_TRAIN_MODEL_SETTINGS_H

#include "train/model.h"

/* Sets model->config, where file and spec are known: to the settings of the file's run with what
 * was asked for in their place. Errors: DT_ERR_CONFIG for a setting that the file says otherwise,
 * DT_ERR_DATA for settings in the file that are none. error: not NULL. */
dt_status model_settle(const char *path, const dt_config *asked, dt_model *model, dt_error *error);

#endif

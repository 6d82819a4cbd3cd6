/* What reading and resolving settings share. */
#ifndef DT_CONFIG_PLACE_H
#define DT_CONFIG_PLACE_H

#include <stddef.h>

#include "config/config.h"

/* The place of a setting in the table, and of what a dt_config keeps of it. */
ptrdiff_t config_row(const dt_setting *setting);

/* What the other settings say of layers that do not say it themselves. */
dt_layer_defaults config_layer_defaults(const dt_config *config);

#endif

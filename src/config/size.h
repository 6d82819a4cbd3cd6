/* Sizes in pixels as text: "28x20", width first, "28" for both, "auto". */
#ifndef DT_CONFIG_SIZE_H
#define DT_CONFIG_SIZE_H

#include "config/config.h"

/* Within the setting's range; auto is 0, 0. False: size is as it was. */
bool size_parse(const dt_setting *setting, const char *text, int size[2]);

void size_write(const int size[2], char text[DT_TEXT_MAX]);

#endif

#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number that ends in `end`, or in the end of the text. */
static bool parse_side(const dt_setting *setting, const char *text, char end, int *side)
{
    size_t digits = strspn(text, "0123456789");
    long value = strtol(text, NULL, 10);
    if (digits == 0 || (text[digits] && text[digits] != end) || (double)value < setting->min ||
        (double)value > setting->max)
        return false;
    *side = (int)value;
    return true;
}

bool size_parse(const dt_setting *setting, const char *text, int size[2])
{
    const char *times = strchr(text, 'x');
    int sides[2] = {0, 0};
    bool is_auto = setting->allow_auto && strcmp(text, "auto") == 0;
    if (!is_auto && (!parse_side(setting, text, 'x', &sides[0]) ||
                     !parse_side(setting, times ? times + 1 : text, '\0', &sides[1])))
        return false;
    memcpy(size, sides, sizeof sides);
    return true;
}

void size_write(const int size[2], char text[DT_TEXT_MAX])
{
    if (size[0] == 0)
        snprintf(text, DT_TEXT_MAX, "auto");
    else
        snprintf(text, DT_TEXT_MAX, "%dx%d", size[0], size[1]);
}

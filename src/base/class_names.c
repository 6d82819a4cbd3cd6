#include "base/class_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { LISTED_MOST = 6 };

char *dt_class_name(const char *names, int class, char name[DT_CLASS_NAME])
{
    const char *at = names && names[0] ? names : NULL;
    for (int i = 0; at && i < class; i++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (at && *at)
        snprintf(name, DT_CLASS_NAME, "%.*s", (int)strcspn(at, "\n"), at);
    else
        snprintf(name, DT_CLASS_NAME, "%d", class);
    return name;
}

int dt_class_count(const char *names)
{
    int count = names && names[0];
    for (const char *at = names; count > 0 && (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

int dt_class_find(const char *names, int classes, const char *name)
{
    char own[DT_CLASS_NAME];
    for (int i = 0; i < classes; i++)
        if (strcmp(dt_class_name(names, i, own), name) == 0)
            return i;
    return -1;
}

bool dt_class_is_number(const char *name)
{
    const char *digits = name + (name[0] == '-');
    size_t length = strspn(digits, "0123456789");
    return length > 0 && length < 10 && !digits[length] && (digits[0] != '0' || length == 1) &&
           strcmp(name, "-0") != 0;
}

char *dt_class_list(const char *names, int classes, char text[DT_CLASSES_LISTED])
{
    char name[DT_CLASS_NAME], last[DT_CLASS_NAME];
    dt_text out = {.text = text, .size = DT_CLASSES_LISTED};
    dt_class_name(names, 0, name);
    dt_class_name(names, classes - 1, last);
    bool row = dt_class_is_number(name) && classes > 1;
    for (int i = 1; i < classes && row; i++) {
        char own[DT_CLASS_NAME];
        row = dt_class_is_number(dt_class_name(names, i, own)) && atoi(own) == atoi(name) + i;
    }
    if (row) {
        dt_text_add(&out, "%s to %s", name, last);
        return text;
    }
    dt_text_list list = {.most = LISTED_MOST};
    for (int i = 0; i < classes && i < LISTED_MOST; i++)
        dt_text_add_listed(&out, &list, 40, dt_class_name(names, i, name));
    list.count = classes;
    dt_text_end_list(&out, &list);
    return text;
}

dt_status dt_class_names_check(const char *names, int classes, dt_error *error)
{
    int count = 0;
    char name[DT_CLASS_NAME];
    if (!names || !names[0])
        return DT_OK;
    for (const char *line = names; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t length = strcspn(line, "\n");
        if (length == 0 || length >= DT_CLASS_NAME || count == classes)
            return dt_fail(error, DT_ERR_DATA,
                           "class_names: expected %d lines of 1 to %d bytes, found %s", classes,
                           DT_CLASS_NAME - 1,
                           count == classes ? "more"
                           : length == 0    ? "an empty one"
                                            : "a longer one");
        if (dt_class_find(names, count, dt_class_name(names, count, name)) >= 0)
            return dt_fail(error, DT_ERR_DATA,
                           "class_names: expected each name once, found '%s' "
                           "again",
                           name);
        count++;
    }
    if (count < classes || strlen(names) >= DT_CLASS_NAMES)
        return dt_fail(error, DT_ERR_DATA,
                       "class_names: expected %d lines in %d bytes, found %d "
                       "in %zu",
                       classes, DT_CLASS_NAMES - 1, count, strlen(names));
    return DT_OK;
}

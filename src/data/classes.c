#include "data/classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { PIECE = 1 << 16, NO_LABEL = INT32_MIN };

const char *const dt_label_words[] = {"label",  "labels",  "class", "classes",
                                      "target", "targets", "y",     NULL};

void dt_label_set_add(dt_label_set *set, int32_t label)
{
    int low = 0, high = set->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (set->labels[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    if (set->count > DT_CLASSES_MAX || (low < set->count && set->labels[low] == label))
        return;
    memmove(set->labels + low + 1, set->labels + low,
            (size_t)(set->count - low) * sizeof *set->labels);
    set->labels[low] = label;
    set->count++;
}

dt_status dt_label_set_read(dt_label_set *set, dt_source *source, dt_part part, int64_t first,
                            int64_t count, dt_error *error)
{
    int32_t *labels = dt_calloc(PIECE, sizeof *labels, error);
    dt_status status = labels ? DT_OK : DT_ERR_INTERNAL;
    for (int64_t done = 0; done < count && !status; done += PIECE) {
        int64_t now = count - done < PIECE ? count - done : PIECE;
        status = source->read(source, part, first + done, now, NULL, labels, error);
        for (int64_t i = 0; i < now && !status; i++)
            if (i == 0 || labels[i] != labels[i - 1])
                dt_label_set_add(set, labels[i]);
    }
    dt_free(labels);
    return status;
}

bool dt_label_set_within(const dt_label_set *set, int classes)
{
    return set->count == 0 || (set->labels[0] >= 0 && set->labels[set->count - 1] < classes);
}

static dt_status check_count(const dt_source *source, const dt_label_set *set, dt_error *error)
{
    if (set->count > DT_CLASSES_MAX)
        return dt_fail(error, DT_ERR_DATA, "%s: expected labels of at most %d classes, found more",
                       source->place[DT_TRAIN], DT_CLASSES_MAX);
    if (set->count < 2)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected labels of 2 or more classes, found one label, %d; with "
                       "--classes, labels are 0 to classes - 1",
                       source->place[DT_TRAIN], (int)set->labels[0]);
    return DT_OK;
}

dt_status dt_classes_of_labels(dt_source *source, const dt_label_set *set, dt_error *error)
{
    dt_status status = check_count(source, set, error);
    dt_text names = {.grows = true};
    if (status)
        return status;
    dt_classes_of_number(source, set->count);
    memcpy(source->label_of, set->labels, (size_t)set->count * sizeof *set->labels);
    if (dt_label_set_within(set, set->count))
        return DT_OK;
    for (int i = 0; i < set->count; i++)
        dt_text_add(&names, "%s%d", i > 0 ? "\n" : "", (int)set->labels[i]);
    source->class_names = names.text;
    return dt_text_status(&names, error);
}

/* The names that the data have for their classes are among those of a network. */
static dt_status check_names(const dt_source *source, const char *names, int classes,
                             dt_error *error)
{
    char name[DT_CLASS_NAME], list[DT_CLASSES_LISTED];
    for (int i = 0; source->class_names && i < source->classes; i++)
        if (dt_class_find(names, classes, dt_class_name(source->class_names, i, name)) < 0)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected the classes %s, as the network has them, found %s",
                           source->name, dt_class_list(names, classes, list), name);
    return DT_OK;
}

dt_status dt_classes_of_names(dt_source *source, const char *names, int classes, dt_error *error)
{
    int32_t label_of[DT_CLASSES_MAX];
    dt_status status = check_names(source, names, classes, error);
    char *copy = status || !names ? NULL : dt_strdup(names, error);
    if (status || (names && !copy))
        return status ? status : DT_ERR_INTERNAL;
    for (int i = 0; i < classes; i++) {
        char name[DT_CLASS_NAME];
        dt_class_name(names, i, name);
        int own =
            source->class_names ? dt_class_find(source->class_names, source->classes, name) : -1;
        label_of[i] = own >= 0                   ? source->label_of[own]
                      : dt_class_is_number(name) ? atoi(name)
                                                 : NO_LABEL;
    }
    dt_classes_of_number(source, classes);
    memcpy(source->label_of, label_of, (size_t)classes * sizeof *label_of);
    source->class_names = copy;
    return DT_OK;
}

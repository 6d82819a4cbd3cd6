#include "run/tensorboard.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "directory_make.h"
#include "event_file.h"

static const struct {
    dt_subset_kind family;
    const char *tag;
    size_t offset; /* in dt_metrics_row */
} curves[] = {
    {DT_SUBSET_TRAIN, "loss", offsetof(dt_metrics_row, train_loss)},
    {DT_SUBSET_TRAIN, "accuracy", offsetof(dt_metrics_row, train_accuracy)},
    {DT_SUBSET_TRAIN, "learning_rate", offsetof(dt_metrics_row, learning_rate)},
    {DT_SUBSET_TRAIN, "samples_per_second", offsetof(dt_metrics_row, samples_per_second)},
    {DT_SUBSET_TRAIN, "gradient_norm", offsetof(dt_metrics_row, gradient_norm)},
    {DT_SUBSET_TRAIN, "seconds/compute", offsetof(dt_metrics_row, compute_seconds)},
    {DT_SUBSET_TRAIN, "seconds/reduce", offsetof(dt_metrics_row, reduce_seconds)},
    {DT_SUBSET_TRAIN, "seconds/wait", offsetof(dt_metrics_row, wait_seconds)},
    {DT_SUBSET_TRAIN, "seconds/data", offsetof(dt_metrics_row, data_seconds)},
    {DT_SUBSET_VAL, "loss", offsetof(dt_metrics_row, val_loss)},
    {DT_SUBSET_VAL, "accuracy", offsetof(dt_metrics_row, val_accuracy)},
    {DT_SUBSET_TEST, "loss", offsetof(dt_metrics_row, test_loss)},
    {DT_SUBSET_TEST, "accuracy", offsetof(dt_metrics_row, test_accuracy)},
};

enum { CURVES = sizeof curves / sizeof *curves };

struct dt_tensorboard {
    events_writer *files[DT_SUBSETS]; /* NULL: not wanted */
};

dt_status dt_tensorboard_open(const char *directory, const bool wanted[DT_SUBSETS],
                              dt_tensorboard **out, dt_error *error)
{
    *out = NULL;
    dt_status status = directory_make_inner(directory, error);
    if (status)
        return status;
    dt_tensorboard *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return DT_ERR_INTERNAL;
    for (int family = 0; family < DT_SUBSETS && !status; family++) {
        char path[PATH_MAX];
        if (!wanted[family])
            continue;
        status = dt_path_join(directory, dt_subset_names[family], path, error);
        if (!status)
            status = event_file_create(path, &self->files[family], error);
    }
    if (status) {
        dt_tensorboard_close(self, NULL);
        return status;
    }
    *out = self;
    return DT_OK;
}

dt_status dt_tensorboard_publish(dt_tensorboard *self, dt_error *error)
{
    dt_status status = DT_OK;
    for (int family = 0; family < DT_SUBSETS && !status; family++)
        if (self->files[family])
            status = event_file_publish(self->files[family], error);
    return status;
}

/* The values of one family, as one event. */
static dt_status add_values(dt_tensorboard *self, int family, const dt_metrics_row *row,
                            double wall_time, dt_error *error)
{
    Tensorflow__Summary__Value values[CURVES], *list[CURVES];
    Tensorflow__Summary summary = TENSORFLOW__SUMMARY__INIT;
    summary.value = list;
    for (int i = 0; i < CURVES; i++) {
        double value;
        memcpy(&value, (const char *)row + curves[i].offset, sizeof value);
        if ((int)curves[i].family != family || isnan(value))
            continue;
        Tensorflow__Summary__Value *it = &values[summary.n_value];
        tensorflow__summary__value__init(it);
        it->tag = (char *)curves[i].tag;
        it->value_case = TENSORFLOW__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
        it->simple_value = (float)value;
        list[summary.n_value++] = it;
    }
    if (summary.n_value == 0)
        return DT_OK;
    Tensorflow__Event event = TENSORFLOW__EVENT__INIT;
    event.wall_time = wall_time;
    event.step = row->step;
    event.what_case = TENSORFLOW__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return event_file_add(self->files[family], &event, error);
}

dt_status dt_tensorboard_row(dt_tensorboard *self, const dt_metrics_row *row, double wall_time,
                             dt_error *error)
{
    dt_status first = DT_OK;
    for (int family = 0; family < DT_SUBSETS; family++) {
        dt_error own = {0};
        if (!self->files[family])
            continue;
        dt_status status = add_values(self, family, row, wall_time, &own);
        if (!status)
            status = event_file_flush(self->files[family], &own);
        if (status && !first)
            first = dt_fail(error, status, "%s", own.message);
    }
    return first;
}

dt_status dt_tensorboard_close(dt_tensorboard *self, dt_error *error)
{
    dt_status first = DT_OK;
    for (int family = 0; self && family < DT_SUBSETS; family++) {
        dt_status status = event_file_close(self->files[family], first ? NULL : error);
        first = first ? first : status;
    }
    dt_free(self);
    return first;
}

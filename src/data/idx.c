#include "data/source.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/idx_file.h"
#include "idx_names.h"

typedef struct idx_state {
    dt_idx_file files[DT_PARTS][DT_IDX_KINDS];
} idx_state;

static dt_status check_agreement(const idx_state *state, dt_error *error)
{
    for (int part = 0; part < DT_PARTS; part++) {
        const dt_idx_file *images = &state->files[part][DT_IDX_IMAGES];
        const dt_idx_file *labels = &state->files[part][DT_IDX_LABELS];
        if (images->count != labels->count)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected as many labels as there are images in %s: %lld, "
                           "found %lld labels",
                           labels->shown, images->shown, (long long)images->count,
                           (long long)labels->count);
    }
    const dt_idx_file *train = &state->files[DT_TRAIN][DT_IDX_IMAGES];
    const dt_idx_file *test = &state->files[DT_TEST][DT_IDX_IMAGES];
    if (test->count == 0) /* there is no test part */
        return DT_OK;
    if (train->height != test->height || train->width != test->width)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected images of %d x %d pixels as in %s, found %d x %d", test->shown,
                       train->height, train->width, train->shown, test->height, test->width);
    if (train->channels != test->channels)
        return dt_fail(error, DT_ERR_DATA, "%s: expected images of %d channels as in %s, found %d",
                       test->shown, train->channels, train->shown, test->channels);
    return DT_OK;
}

static dt_status read_labels(dt_idx_file *file, int64_t first, int64_t count, int32_t *labels,
                             dt_error *error)
{
    size_t size = dt_idx_item(file);
    uint8_t *items = dt_calloc((size_t)count, size, error);
    if (!items)
        return DT_ERR_INTERNAL;
    dt_status status = dt_idx_read(file, first, count, items, error);
    for (int64_t i = 0; i < count && !status; i++)
        labels[i] = dt_idx_label(file, items + (size_t)i * size);
    dt_free(items);
    return status;
}

static dt_status read_idx(dt_source *source, dt_part part, int64_t first, int64_t count,
                          uint8_t *images, int32_t *labels, dt_error *error)
{
    dt_idx_file *files = ((idx_state *)source->state)->files[part];
    dt_status status = read_labels(&files[DT_IDX_LABELS], first, count, labels, error);
    if (status || !images)
        return status;
    return dt_idx_read(&files[DT_IDX_IMAGES], first, count, images, error);
}

static void close_idx(dt_source *source)
{
    idx_state *state = source->state;
    for (int part = 0; state && part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++)
            dt_idx_close(&state->files[part][kind]);
    dt_free(state);
    dt_free(source);
}

static dt_status open_files(const idx_names *names, dt_source *source, dt_error *error)
{
    idx_state *state = source->state;
    for (int part = 0; part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++) {
            dt_idx_file *file = &state->files[part][kind];
            if (!names->paths[part][kind][0])
                continue;
            dt_status status = dt_idx_open(names->paths[part][kind], kind, file, error);
            if (status)
                return status;
            source->sequential = source->sequential || file->gzip;
            source->count[part] = file->count;
            if (kind == DT_IDX_LABELS)
                snprintf(source->place[part], sizeof source->place[part], "%s", file->shown);
        }
    const dt_idx_file *images = &state->files[DT_TRAIN][DT_IDX_IMAGES];
    source->shape = (dt_shape){images->height, images->width, images->channels};
    return check_agreement(state, error);
}

dt_status dt_source_open_idx(const char *path, dt_source **out, dt_error *error)
{
    idx_names names;
    *out = NULL;
    dt_source *source = dt_calloc(1, sizeof *source, error);
    if (!source)
        return DT_ERR_INTERNAL;
    dt_text note = {.text = source->note, .size = sizeof source->note};
    source->read = read_idx;
    source->close = close_idx;
    idx_state *state = source->state = dt_calloc(1, sizeof *state, error);
    for (int part = 0; state && part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++)
            state->files[part][kind] = (dt_idx_file){.fd = -1};
    dt_status status = state ? idx_names_find(path, &names, &note, error) : DT_ERR_INTERNAL;
    if (!status)
        status = open_files(&names, source, error);
    if (status) {
        dt_source_close(source);
        return status;
    }
    char shown[sizeof source->name - sizeof "MNIST-type files in "];
    dt_idx_show(names.place, shown, sizeof shown);
    snprintf(source->name, sizeof source->name, "MNIST-type files in %s", shown);
    *out = source;
    return DT_OK;
}

#include "data/source.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "data/idx_file.h"

static const char *const file_names[DT_PARTS][DT_IDX_KINDS] = {
    {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
    {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
};

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
    if (train->height != test->height || train->width != test->width)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected images of %d x %d pixels as in %s, found %d x %d", test->shown,
                       train->height, train->width, train->shown, test->height, test->width);
    if (train->channels != test->channels)
        return dt_fail(error, DT_ERR_DATA, "%s: expected images of %d channels as in %s, found %d",
                       test->shown, train->channels, train->shown, test->channels);
    return DT_OK;
}

static dt_status check_directory(const char *directory, dt_error *error)
{
    char shown[DT_IDX_SHOWN];
    dt_idx_show(directory, shown, sizeof shown);
    struct stat info;
    if (stat(directory, &info) == 0)
        return S_ISDIR(info.st_mode)
                   ? DT_OK
                   : dt_fail(error, DT_ERR_NO_INPUT,
                             "%s: expected a directory with MNIST-type files, found a file", shown);
    if (errno == ENOENT)
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "%s: expected a directory with MNIST-type files, found nothing of that "
                       "name; to get MNIST: scripts/get-mnist.sh %s",
                       shown, shown);
    return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot open the directory: %s", shown,
                   strerror(errno));
}

static dt_status read_idx(dt_source *source, dt_part part, int64_t first, int64_t count,
                          uint8_t *images, uint8_t *labels, dt_error *error)
{
    dt_idx_file *files = ((idx_state *)source->state)->files[part];
    dt_status status = dt_idx_read(&files[DT_IDX_LABELS], first, count, labels, error);
    if (status)
        return status;
    for (int64_t i = 0; i < count; i++)
        if (labels[i] >= source->classes)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected labels 0 to %d, found %d at sample %lld (the first is 0)",
                           files[DT_IDX_LABELS].shown, source->classes - 1, labels[i],
                           (long long)(first + i));
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

static dt_status open_files(const char *directory, dt_source *source, dt_error *error)
{
    idx_state *state = source->state;
    for (int part = 0; part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++) {
            dt_idx_file *file = &state->files[part][kind];
            dt_status status = dt_idx_open(directory, file_names[part][kind], kind, file, error);
            if (status)
                return status;
            source->sequential = source->sequential || file->gzip;
            source->count[part] = file->count;
        }
    const dt_idx_file *images = &state->files[DT_TRAIN][DT_IDX_IMAGES];
    source->shape = (dt_shape){images->height, images->width, images->channels};
    return check_agreement(state, error);
}

dt_status dt_source_open_idx(const char *directory, int classes, dt_source **out, dt_error *error)
{
    *out = NULL;
    dt_status status = check_directory(directory, error);
    if (status)
        return status;
    dt_source *source = dt_calloc(1, sizeof *source, error);
    if (!source)
        return DT_ERR_INTERNAL;
    source->classes = classes;
    source->read = read_idx;
    source->close = close_idx;
    idx_state *state = source->state = dt_calloc(1, sizeof *state, error);
    for (int part = 0; state && part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++)
            state->files[part][kind] = (dt_idx_file){.fd = -1};
    status = state ? open_files(directory, source, error) : DT_ERR_INTERNAL;
    if (status) {
        dt_source_close(source);
        return status;
    }
    char shown[sizeof source->name - sizeof "MNIST-type files in "];
    dt_idx_show(directory, shown, sizeof shown);
    snprintf(source->name, sizeof source->name, "MNIST-type files in %s", shown);
    *out = source;
    return DT_OK;
}

static bool exists(const char *directory, const char *name, const char *ending)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s%s", directory, name, ending);
    return length < (int)sizeof path && access(path, F_OK) == 0;
}

bool dt_source_idx_present(const char *directory)
{
    for (int part = 0; part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++)
            if (!exists(directory, file_names[part][kind], "") &&
                !exists(directory, file_names[part][kind], ".gz"))
                return false;
    return true;
}

#include "session_source.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/csv.h"
#include "file/array_file.h"
#include "file/hdf5_reader.h"
#include "source_arrays.h"
#include "source_folder.h"

enum { HEAD = 4096 };

/* The first bytes of a file; 0: there are none. */
static size_t read_head(const char *path, char head[HEAD])
{
    size_t got = 0;
    int fd;
    if (dt_file_open(path, DT_OPEN_READ, &fd, NULL))
        return 0;
    dt_read_at(fd, head, HEAD, 0, &got);
    close(fd);
    return got;
}

static bool is_synthetic(const char *data)
{
    return strcmp(data, "synthetic") == 0;
}

static dt_status open_synthetic(const dt_config *config, dt_source **out, dt_error *error)
{
    return dt_source_open_synthetic((uint64_t)config->synthetic_seed, out, error);
}

static dt_status source_of(dt_arrays *arrays, const dt_config *config, dt_source **out,
                           dt_error *error)
{
    return source_arrays_open(arrays, "arrays", config->data, config->keys, out, error);
}

static bool is_npz(const char *data)
{
    char head[HEAD];
    size_t size = read_head(data, head);
    return dt_ends_in(data, ".npz") || (size >= 4 && memcmp(head, "PK\3\4", 4) == 0);
}

static dt_status open_npz(const dt_config *config, dt_source **out, dt_error *error)
{
    dt_arrays *arrays;
    dt_status status = dt_npz_open(config->data, &arrays, error);
    return status ? status : source_of(arrays, config, out, error);
}

static bool is_hdf5(const char *data)
{
    char head[HEAD];
    size_t size = read_head(data, head);
    return dt_ends_in(data, ".h5") || dt_ends_in(data, ".hdf5") || dt_hdf5_is(head, size);
}

static dt_status open_hdf5(const dt_config *config, dt_source **out, dt_error *error)
{
    dt_arrays *arrays;
    dt_status status = dt_hdf5_arrays_open(config->data, &arrays, error);
    return status ? status : source_of(arrays, config, out, error);
}

/* Of a CSV file the keys are its column of labels. */
static dt_status open_csv(const dt_config *config, dt_source **out, dt_error *error)
{
    dt_arrays *arrays;
    dt_status status = dt_csv_open(config->data, config->keys, &arrays, error);
    return status ? status
                  : source_arrays_open(arrays, "CSV files", config->data, "auto", out, error);
}

static dt_status open_folder(const dt_config *config, dt_source **out, dt_error *error)
{
    return source_folder_open(config->data, out, error);
}

static bool is_any(const char *data)
{
    (void)data;
    return true;
}

static dt_status open_idx(const dt_config *config, dt_source **out, dt_error *error)
{
    return dt_source_open_idx(config->data, out, error);
}

/* A format that `data` may be in, as its name, its first bytes or what is in the directory say; the
 * first that fits is it. */
static const struct {
    bool (*fits)(const char *data);
    dt_status (*make)(const dt_config *config, dt_source **out, dt_error *error);
} formats[] = {
    {is_synthetic, open_synthetic},  {is_npz, open_npz},    {is_hdf5, open_hdf5},
    {source_folder_is, open_folder}, {dt_csv_is, open_csv}, {is_any, open_idx},
};

dt_status session_open_source(const dt_config *config, dt_source **out, dt_error *error)
{
    const size_t last = sizeof formats / sizeof *formats - 1;
    size_t i = 0;
    while (i < last && !formats[i].fits(config->data))
        i++;
    dt_status status = formats[i].make(config, out, error);
    if (!status && config->transpose)
        dt_source_transpose(*out);
    return status;
}

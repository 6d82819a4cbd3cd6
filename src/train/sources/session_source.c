#include "session_source.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/csv.h"
#include "file/array_file.h"
#include "file/hdf5_reader.h"
#include "folder_names.h"
#include "source_arrays.h"
#include "source_folder.h"
#include "train/session.h"

enum { HEAD = 4096, SHOWN_MOST = 5 };

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

/* The paths of the files of arrays in a directory. *out is always set: folder_names_free. */
static dt_status list_arrays(const char *directory, folder_names *out, dt_error *error)
{
    folder_names all;
    char path[PATH_MAX];
    *out = (folder_names){0};
    dt_status status = folder_names_list(directory, &all, error);
    for (size_t i = 0; i < all.count && !status; i++) {
        const char *name = folder_names_at(&all, i);
        if (dt_arrays_is_name(name) && !dt_file_is_hidden(name) && dt_join(directory, name, path) &&
            !folder_is_one(path))
            status = folder_names_add(out, path, error);
    }
    folder_names_free(&all);
    return status;
}

static bool holds_arrays(const char *data)
{
    folder_names files = {0};
    bool any = folder_is_one(data) && !dt_source_idx_is(data) && !list_arrays(data, &files, NULL) &&
               files.count > 0;
    folder_names_free(&files);
    return any;
}

static dt_status refuse_several(const char *data, const folder_names *files, dt_error *error)
{
    char text[500] = "";
    dt_text names = {.text = text, .size = sizeof text};
    dt_text_list list = {.most = SHOWN_MOST};
    for (size_t i = 0; i < files->count; i++)
        dt_text_add_listed(&names, &list, PATH_MAX, folder_names_at(files, i));
    dt_text_end_list(&names, &list);
    return dt_fail(error, DT_ERR_NO_INPUT,
                   "%.300s: expected the files of one data set, found those of %d: %s; name one of "
                   "them",
                   data, list.count, text);
}

/* The only such file of a directory. */
static dt_status open_held(const dt_config *config, dt_source **out, dt_error *error)
{
    folder_names files;
    dt_config own = *config;
    dt_status status = list_arrays(config->data, &files, error);
    if (!status && files.count != 1)
        status = refuse_several(config->data, &files, error);
    if (!status)
        status = dt_config_set(&own, dt_setting_find("data"), folder_names_at(&files, 0), error);
    folder_names_free(&files);
    if (status)
        return status;
    return is_npz(own.data) ? open_npz(&own, out, error) : open_hdf5(&own, out, error);
}

static dt_status open_folder(const dt_config *config, dt_source **out, dt_error *error)
{
    return source_folder_open(config->data, out, error);
}

static dt_status open_idx(const dt_config *config, dt_source **out, dt_error *error)
{
    return dt_source_open_idx(config->data, out, error);
}

/* A format that `data` may be in, as its name, its first bytes or what is in the directory say; the
 * first that fits is it; where none does, the last one says what was expected. */
static const struct {
    bool (*fits)(const char *data);
    dt_status (*make)(const dt_config *config, dt_source **out, dt_error *error);
    const char *uses; /* of dt_source */
} formats[] = {
    {is_synthetic, open_synthetic, "synthetic_seed"},
    {is_npz, open_npz, "keys"},
    {is_hdf5, open_hdf5, "keys"},
    {source_folder_is, open_folder, "size"},
    {dt_csv_is, open_csv, "keys"},
    {holds_arrays, open_held, "keys"},
    {dt_source_idx_is, open_idx, ""},
};
enum { FORMATS = sizeof formats / sizeof *formats, IDX = FORMATS - 1 };

static int find_format(const char *data)
{
    int i = 0;
    while (i < FORMATS && !formats[i].fits(data))
        i++;
    return i;
}

bool session_source_is(const char *data)
{
    return find_format(data) < FORMATS;
}

dt_status session_open_source(const dt_config *config, dt_source **out, dt_error *error)
{
    int found = find_format(config->data);
    int format = found < FORMATS ? found : IDX;
    dt_status status = formats[format].make(config, out, error);
    if (status)
        return status;
    (*out)->uses = formats[format].uses;
    if (config->transpose)
        dt_source_transpose(*out);
    return DT_OK;
}

static const char *format_uses(int format)
{
    return format < FORMATS ? formats[format].uses : NULL;
}

bool dt_session_ignores(const dt_session *run, const char *setting)
{
    return dt_has_word_elsewhere(run->source->uses, setting, format_uses);
}

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/hdf5_reader.h"
#include "insight_format.h"
#include "nn/metrics.h"
#include "run/insight.h"

/* A file larger than this many bytes is not read. */
#define SIZE_MAX_READ ((size_t)1 << 32)

static dt_status read_format(const dt_hdf5_reader *reader, dt_error *error)
{
    char *text;
    dt_status status = dt_hdf5_reader_text_attribute(reader, "/", INSIGHT_FORMAT, &text, error);
    if (status)
        return status;
    if (strcmp(text, INSIGHT_FORMAT_TEXT) != 0)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute " INSIGHT_FORMAT " of /: expected '" INSIGHT_FORMAT_TEXT
                         "', found '%.60s'",
                         text);
    dt_free(text);
    return status;
}

static dt_status read_numbers(const dt_hdf5_reader *reader, dt_insight *out, dt_error *error)
{
    for (int i = 0; i < INSIGHT_NUMBERS; i++) {
        const insight_number *number = &insight_numbers[i];
        int64_t value;
        dt_status status = dt_hdf5_reader_integer(reader, "/", number->name, &value, error);
        if (status)
            return status;
        if (value < number->least || value > number->most)
            return dt_fail(error, DT_ERR_DATA,
                           "attribute %s of /: expected %lld to %lld, found %lld", number->name,
                           (long long)number->least, (long long)number->most, (long long)value);
        if (number->wide)
            *(int64_t *)insight_at(out, number->offset) = value;
        else
            *(int *)insight_at(out, number->offset) = (int)value;
    }
    return DT_OK;
}

static dt_status read_facts(const dt_hdf5_reader *reader, dt_insight *out, dt_error *error)
{
    char **names;
    size_t count;
    if (!dt_hdf5_reader_has_attribute(reader, "/", "facts"))
        return DT_OK;
    dt_status status = dt_hdf5_reader_text_list(reader, "/", "facts", &names, &count, error);
    if (status)
        return status;
    if (count > DT_FACTS_MAX)
        status = dt_fail(error, DT_ERR_DATA, "attribute facts of /: expected at most %d, found %zu",
                         DT_FACTS_MAX, count);
    if (!status && !(out->facts = dt_calloc(count, sizeof *out->facts, error)))
        status = error->status;
    for (size_t i = 0; !status && i < count; i++) {
        dt_fact *fact = &out->facts[out->fact_count++];
        fact->name = dt_strdup(names[i], error);
        status = fact->name ? dt_hdf5_reader_text_attribute(reader, "/facts", names[i],
                                                            &fact->value, error)
                            : error->status;
    }
    dt_free(names);
    return status;
}

/* The dataset GROUP/NAME of this shape. The caller owns *values, also after an error. */
static dt_status read_floats(const dt_hdf5_reader *reader, const char *group, const char *name,
                             int rank, const int64_t *shape, float **values, dt_error *error)
{
    char path[INSIGHT_PATH_SIZE];
    int64_t found[DT_HDF5_RANK_MAX];
    int found_rank;
    snprintf(path, sizeof path, "%s/%s", group, name);
    dt_status status = dt_hdf5_reader_shape(reader, path, &found_rank, found, error);
    if (status)
        return status;
    bool same = found_rank == rank;
    size_t count = 1;
    for (int i = 0; same && i < rank; i++) {
        same = found[i] == shape[i];
        count *= (size_t)shape[i];
    }
    if (!same)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %d dimensions, the first of %lld, found %d, the first of %lld",
                       path, rank, (long long)shape[0], found_rank,
                       found_rank > 0 ? (long long)found[0] : 0);
    *values = dt_calloc(count, sizeof **values, error);
    return *values ? dt_hdf5_reader_floats(reader, path, rank, shape, *values, error)
                   : error->status;
}

static dt_status check_whole(const char *group, const char *name, const float *values, size_t count,
                             float most, dt_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!(values[i] >= 0 && values[i] <= most && values[i] == truncf(values[i])))
            return dt_fail(error, DT_ERR_DATA,
                           "%s/%s: expected whole numbers from 0 to %.0f, found %g", group, name,
                           (double)most, (double)values[i]);
    return DT_OK;
}

static dt_status read_answers(const dt_hdf5_reader *reader, const char *group, int classes,
                              dt_answers *out, dt_error *error)
{
    if (!dt_hdf5_reader_has(reader, group))
        return DT_OK;
    const int64_t shape[] = {(int64_t)dt_metrics_size(classes)};
    size_t size = (size_t)shape[0];
    float *counts = NULL;
    dt_status status = dt_hdf5_reader_real(reader, group, "loss", &out->loss, error);
    if (!status)
        status = read_floats(reader, group, "counts", 1, shape, &counts, error);
    if (!status)
        status = check_whole(group, "counts", counts, size, (float)INSIGHT_COUNT_MAX, error);
    if (!status && !(out->counts = dt_calloc(size, sizeof *out->counts, error)))
        status = error->status;
    for (size_t i = 0; !status && i < size; i++)
        out->counts[i] = (int64_t)counts[i];
    if (!status)
        status = dt_hdf5_reader_integer(reader, group, "samples", &out->samples, error);
    dt_free(counts);
    return status;
}

static dt_status read_pixels(const dt_hdf5_reader *reader, const char *group, int image_size,
                             dt_gallery *out, dt_error *error)
{
    const int64_t shape[] = {out->count, image_size};
    size_t count = (size_t)out->count * (size_t)image_size;
    float *pixels = NULL;
    dt_status status = read_floats(reader, group, "pixels", 2, shape, &pixels, error);
    if (!status)
        status = check_whole(group, "pixels", pixels, count, 255, error);
    if (!status && !(out->pixels = dt_calloc(count, 1, error)))
        status = error->status;
    for (size_t i = 0; !status && i < count; i++)
        out->pixels[i] = (uint8_t)pixels[i];
    dt_free(pixels);
    return status;
}

static dt_status read_list(const dt_hdf5_reader *reader, const char *group, const char *name,
                           int64_t *count, int64_t **out, dt_error *error)
{
    size_t found;
    *out = dt_calloc(DT_GALLERY_MAX, sizeof **out, error);
    if (!*out)
        return error->status;
    dt_status status =
        dt_hdf5_reader_integers(reader, group, name, DT_GALLERY_MAX, *out, &found, error);
    if (status)
        return status;
    if (*count >= 0 && (int64_t)found != *count)
        return dt_fail(error, DT_ERR_DATA, "attribute %s of %s: expected %lld numbers, found %zu",
                       name, group, (long long)*count, found);
    *count = (int64_t)found;
    return DT_OK;
}

static dt_status read_gallery(const dt_hdf5_reader *reader, const char *group,
                              const dt_insight *insight, dt_gallery *out, dt_error *error)
{
    if (!dt_hdf5_reader_has(reader, group))
        return DT_OK;
    dt_status status = DT_OK;
    int64_t count = -1;
    for (int i = 0; !status && i < INSIGHT_LISTS; i++) {
        int64_t **list = insight_at(out, insight_lists[i].offset);
        status = read_list(reader, group, insight_lists[i].name, &count, list, error);
    }
    if (status)
        return status;
    const int64_t shape[] = {count, insight->classes};
    out->count = count;
    status = read_pixels(reader, group, dt_shape_size(insight->shape), out, error);
    if (!status)
        status = read_floats(reader, group, "probabilities", 2, shape, &out->probabilities, error);
    return status ? status : read_floats(reader, group, "scores", 1, shape, &out->scores, error);
}

static dt_status read_phases(const dt_hdf5_reader *reader, dt_error *error)
{
    char **names;
    size_t count;
    dt_status status = dt_hdf5_reader_text_list(reader, "/time", "phases", &names, &count, error);
    if (status)
        return status;
    bool same = count == DT_PHASES;
    for (size_t i = 0; same && i < count; i++)
        same = strcmp(names[i], dt_phase_names[i]) == 0;
    if (!same)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute phases of /time: expected %d names from %s on, found %zu "
                         "from %.40s on",
                         DT_PHASES, dt_phase_names[0], count, count > 0 ? names[0] : "none");
    dt_free(names);
    return status;
}

static dt_status read_hosts(const dt_hdf5_reader *reader, dt_insight *out, int ranks,
                            dt_error *error)
{
    char *text;
    size_t length;
    dt_status status = dt_hdf5_reader_text(reader, "/time/hosts", &text, &length, error);
    if (status)
        return status;
    if (!(out->hosts = dt_calloc((size_t)ranks, sizeof *out->hosts, error)))
        status = error->status;
    char *rest = text;
    while (!status && rest && out->ranks < ranks) {
        char *name = strsep(&rest, "\n");
        if ((out->hosts[out->ranks] = dt_strdup(name, error)))
            out->ranks++;
        else
            status = error->status;
    }
    if (!status && (rest || out->ranks < ranks))
        status = dt_fail(error, DT_ERR_DATA, "/time/hosts: expected %d lines, found %s", ranks,
                         rest ? "more" : "fewer");
    dt_free(text);
    return status;
}

static dt_status read_time(const dt_hdf5_reader *reader, dt_insight *out, dt_error *error)
{
    static const char path[] = "/time/seconds";
    if (!dt_hdf5_reader_has(reader, "/time"))
        return DT_OK;
    int64_t shape[DT_HDF5_RANK_MAX];
    int rank;
    float *seconds = NULL;
    dt_status status = read_phases(reader, error);
    if (!status)
        status = dt_hdf5_reader_shape(reader, path, &rank, shape, error);
    if (!status && (rank != 2 || shape[0] < 1 || shape[0] > INT32_MAX || shape[1] != DT_PHASES))
        status = dt_fail(error, DT_ERR_DATA, "%s: expected ranks times %d phases, found others",
                         path, DT_PHASES);
    if (!status)
        status = read_hosts(reader, out, (int)shape[0], error);
    if (!status)
        status = read_floats(reader, "/time", "seconds", 2, shape, &seconds, error);
    size_t count = (size_t)out->ranks * DT_PHASES;
    if (!status && !(out->phase_seconds = dt_calloc(count, sizeof *out->phase_seconds, error)))
        status = error->status;
    for (size_t i = 0; !status && i < count; i++)
        out->phase_seconds[i] = (double)seconds[i];
    dt_free(seconds);
    return status;
}

static dt_status read_tracked(const dt_hdf5_reader *reader, dt_insight *out, dt_error *error)
{
    static const char path[] = "/tracked/gradient_norms";
    if (!dt_hdf5_reader_has(reader, "/tracked"))
        return DT_OK;
    int64_t shape[DT_HDF5_RANK_MAX];
    int rank;
    dt_status status = dt_hdf5_reader_shape(reader, path, &rank, shape, error);
    if (!status && (rank != 1 || shape[0] < 1))
        status =
            dt_fail(error, DT_ERR_DATA, "%s: expected one number a sample, found others", path);
    if (!status)
        status = read_floats(reader, "/tracked", "gradient_norms", 1, shape, &out->gradient_norms,
                             error);
    if (!status)
        status = read_floats(reader, "/tracked", "margins", 1, shape, &out->margins, error);
    if (!status)
        out->tracked = shape[0];
    return status;
}

static dt_status read_content(const dt_hdf5_reader *reader, dt_insight *out, dt_error *error)
{
    dt_status status = read_format(reader, error);
    if (!status)
        status = read_numbers(reader, out, error);
    if (!status)
        status = read_facts(reader, out, error);
    for (int i = 0; !status && i < INSIGHT_ANSWERS; i++)
        status = read_answers(reader, insight_answers[i].name, out->classes,
                              insight_at(out, insight_answers[i].offset), error);
    for (int i = 0; !status && i < INSIGHT_GALLERIES; i++)
        status = read_gallery(reader, insight_galleries[i].name, out,
                              insight_at(out, insight_galleries[i].offset), error);
    if (!status)
        status = read_time(reader, out, error);
    if (!status)
        status = read_tracked(reader, out, error);
    return status ? status : insight_check(out, error);
}

dt_status dt_insight_decode(const void *bytes, size_t size, dt_insight *out, dt_error *error)
{
    dt_error own = {0};
    dt_hdf5_reader *reader;
    *out = (dt_insight){0};
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, &own);
    if (!status) {
        status = read_content(reader, out, &own);
        dt_hdf5_reader_destroy(reader);
    }
    if (!status)
        return DT_OK;
    dt_insight_destroy(out);
    return dt_fail(error, status, "%s", own.message);
}

dt_status dt_insight_read(const char *path, dt_insight *out, dt_error *error)
{
    void *bytes;
    size_t size;
    *out = (dt_insight){0};
    dt_status status = dt_read_file(path, SIZE_MAX_READ, &bytes, &size, error);
    if (status)
        return status;
    dt_error own = {0};
    status = dt_insight_decode(bytes, size, out, &own);
    dt_free(bytes);
    return status ? dt_fail(error, status, "%s: %s", path, own.message) : DT_OK;
}

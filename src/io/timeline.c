#include "io/timeline.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/memory.h"

struct dt_timeline {
    char *path;
    FILE *file;
    bool begun;
};

dt_status dt_timeline_create(const char *path, dt_timeline **out, dt_error *error)
{
    dt_timeline *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->path = dt_strdup(path, error);
    dt_status status = self->path ? DT_OK : error->status;
    if (!status && !(self->file = fopen(path, "w")))
        status = dt_fail(error, DT_ERR_CREATE, "%s: cannot be created: %m", path);
    if (status) {
        dt_timeline_close(self, NULL);
        return status;
    }
    fputs("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [", self->file);
    *out = self;
    return DT_OK;
}

static const char *separator(dt_timeline *self)
{
    const char *text = self->begun ? ",\n" : "\n";
    self->begun = true;
    return text;
}

void dt_timeline_add(dt_timeline *self, int rank, const char *host, const dt_span *spans,
                     size_t count)
{
    fprintf(self->file,
            "%s{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 0, \"tid\": %d, "
            "\"args\": {\"name\": \"rank %d on %s\"}}",
            separator(self), rank, rank, host);
    for (size_t i = 0; i < count; i++)
        fprintf(self->file,
                "%s{\"name\": \"%s\", \"ph\": \"X\", \"pid\": 0, \"tid\": %d, \"ts\": %.3f, "
                "\"dur\": %.3f}",
                separator(self), dt_phase_names[spans[i].phase], rank, 1e6 * spans[i].begin,
                1e6 * (spans[i].end - spans[i].begin));
}

dt_status dt_timeline_close(dt_timeline *self, dt_error *error)
{
    if (!self)
        return DT_OK;
    bool failed = false;
    if (self->file) {
        fputs("\n]}\n", self->file);
        failed = ferror(self->file) != 0;
        failed |= fclose(self->file) != 0;
    }
    dt_status status =
        failed ? dt_fail(error, DT_ERR_IO, "%s: not all of it could be written", self->path)
               : DT_OK;
    dt_free(self->path);
    dt_free(self);
    return status;
}

#include "run/timeline.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/json.h"

/* A name of a rank, and how much longer JSON may make it. */
enum { NAME_SIZE = 320, ESCAPED_MOST = 6 };

struct dt_timeline {
    char *path;
    dt_atomic *new;
    FILE *file; /* of a descriptor of its own, as fclose closes it */
    bool begun;
};

static void end(dt_timeline *self)
{
    dt_atomic_discard(self->new);
    dt_free(self->path);
    dt_free(self);
}

dt_status dt_timeline_create(const char *path, dt_timeline **out, dt_error *error)
{
    dt_timeline *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->path = dt_strdup(path, error);
    dt_status status = self->path ? DT_OK : error->status;
    int file;
    if (!status)
        status = dt_atomic_begin(path, &self->new, &file, error);
    if (!status) {
        int copy = dup(file);
        self->file = copy < 0 ? NULL : dt_file_stream(copy, "a");
        if (!self->file)
            status = dt_fail(error, DT_ERR_CREATE, "%s: cannot create: %m", path);
    }
    if (status) {
        end(self);
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
    char name[NAME_SIZE], quoted[ESCAPED_MOST * NAME_SIZE + 3];
    snprintf(name, sizeof name, "rank %d on %s", rank, host);
    dt_text text = {.text = quoted, .size = sizeof quoted};
    dt_json_add_text(&text, name);
    fprintf(self->file,
            "%s{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 0, \"tid\": %d, "
            "\"args\": {\"name\": %s}}",
            separator(self), rank, quoted);
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
    fputs("\n]}\n", self->file);
    bool failed = ferror(self->file) != 0;
    failed |= fclose(self->file) != 0;
    dt_status status =
        failed ? dt_fail(error, DT_ERR_IO, "%s: not all of it could be written", self->path)
               : dt_atomic_end(self->new, error);
    if (!failed)
        self->new = NULL;
    end(self);
    return status;
}

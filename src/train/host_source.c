#include "train/host_source.h"

#include <string.h>

#include "base/memory.h"
#include "dist/shared.h"

typedef struct host_state {
    dt_shared *shared;
    uint8_t *images[DT_PARTS], *labels[DT_PARTS]; /* in the first rank's segment */
} host_state;

static dt_status read_shared(dt_source *source, dt_part part, int64_t first, int64_t count,
                             uint8_t *images, uint8_t *labels, dt_error *error)
{
    (void)error;
    const host_state *state = source->state;
    size_t size = (size_t)dt_shape_size(source->shape);
    memcpy(images, state->images[part] + (size_t)first * size, (size_t)count * size);
    memcpy(labels, state->labels[part] + first, (size_t)count);
    return DT_OK;
}

static void close_shared(dt_source *source)
{
    host_state *state = source->state;
    if (state)
        dt_shared_destroy(state->shared);
    dt_free(state);
    dt_free(source);
}

static size_t part_bytes(const dt_source *source, dt_part part)
{
    return (size_t)source->count[part] * ((size_t)dt_shape_size(source->shape) + 1);
}

/* The first rank of the host reads for all of them. */
static dt_status fill(const host_state *state, dt_source *source, dt_error *error)
{
    dt_status status = DT_OK;
    for (dt_part part = 0; part < DT_PARTS && !status; part++)
        status = dt_source_read(source, part, 0, source->count[part], state->images[part],
                                state->labels[part], error);
    return status;
}

dt_status dt_host_source_open(dt_comm *comm, dt_source *source, dt_source **out, dt_error *error)
{
    bool reads = dt_comm_host_rank(comm) == 0;
    dt_source *self = dt_calloc(1, sizeof *self, error);
    host_state *state = self ? dt_calloc(1, sizeof *state, error) : NULL;
    dt_status status = dt_comm_agree(comm, state ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        size_t size = part_bytes(source, DT_TRAIN) + part_bytes(source, DT_TEST);
        status = dt_shared_create(comm, reads ? size : 0, &state->shared, error);
        status = dt_comm_agree(comm, status, error);
    }
    if (!status) {
        uint8_t *next = dt_shared_segment(state->shared, 0);
        for (dt_part part = 0; part < DT_PARTS; part++) {
            state->images[part] = next;
            state->labels[part] =
                next + (size_t)source->count[part] * (size_t)dt_shape_size(source->shape);
            next += part_bytes(source, part);
        }
        status = reads ? fill(state, source, error) : DT_OK;
        status = dt_comm_agree(comm, status, error);
    }
    if (self) {
        *self = *source;
        self->state = state;
        self->sequential = false;
        self->read = read_shared;
        self->close = close_shared;
    }
    if (status) {
        dt_source_close(self);
        return status;
    }
    dt_shared_barrier(state->shared);
    *out = self;
    return DT_OK;
}

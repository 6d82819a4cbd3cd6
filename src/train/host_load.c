#include "host_load.h"

#include "dist/shared.h"

/* What the ranks of a host share, in the first one's segment; behind it images[piece] and
 * labels[piece] of the piece that was read. */
typedef struct blackboard {
    dt_status status; /* of the reading */
    dt_error error;
} blackboard;

typedef struct loader {
    dt_source *source;
    dt_dataset *dataset;
    bool reads; /* this rank */
    int64_t piece;
    dt_shared *shared;
    blackboard *board;
    uint8_t *images, *labels;
} loader;

/* One piece: it is read, and when it is there everybody takes; the next waits until all have. */
static dt_status load_piece(loader *self, dt_part part, int64_t first, int64_t count,
                            dt_error *error)
{
    blackboard *board = self->board;
    if (self->reads)
        board->status = dt_source_read(self->source, part, first, count, self->images, self->labels,
                                       &board->error);
    dt_shared_barrier(self->shared);
    dt_status status = board->status;
    if (status)
        *error = board->error;
    else
        dt_dataset_take(self->dataset, self->source, part, first, count, self->images,
                        self->labels);
    dt_shared_barrier(self->shared);
    return status;
}

dt_status load_on_host(dt_comm *comm, dt_source *source, dt_dataset *dataset, dt_error *error)
{
    size_t size = (size_t)dt_shape_size(source->shape);
    loader self = {.source = source,
                   .dataset = dataset,
                   .reads = dt_comm_host_rank(comm) == 0,
                   .piece = dt_dataset_piece(size)};
    size_t bytes = sizeof(blackboard) + (size_t)self.piece * (size + 1);
    dt_status status = dt_shared_create(comm, self.reads ? bytes : 0, &self.shared, error);
    status = dt_comm_agree(comm, status, error);
    if (status)
        return status;
    self.board = dt_shared_segment(self.shared, 0);
    self.images = (uint8_t *)(self.board + 1);
    self.labels = self.images + (size_t)self.piece * size;
    int64_t wanted[DT_PARTS];
    for (dt_part part = 0; part < DT_PARTS; part++)
        wanted[part] = dt_dataset_wants(dataset, source, part) ? source->count[part] : 0;
    for (dt_part part = 0; part < DT_PARTS; part++)
        for (int64_t first = 0; !status && first < wanted[part]; first += self.piece) {
            int64_t left = wanted[part] - first;
            status = load_piece(&self, part, first, left < self.piece ? left : self.piece, error);
        }
    dt_shared_destroy(self.shared);
    return status;
}

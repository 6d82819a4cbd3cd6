#include "dist/exchange.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "comm_mpi.h"
#include "data/partition.h"

/* A buffer that grows and is kept. */
typedef struct buffer {
    void *bytes;
    size_t size;
} buffer;

struct dt_exchange {
    dt_comm *comm;
    int64_t count;
    int virtual_ranks;
    size_t image_size;
    dt_range own;
    const uint8_t *images, *labels;
    /* Counts and first places by rank: what we ask of each, what each asks of us. */
    int *tables, *ask_counts, *ask_places, *give_counts, *give_places;
    buffer asked;              /* positions, grouped by the rank that holds them */
    buffer slots;              /* for each of `asked`, its index in `wanted` */
    buffer to_give;            /* positions that others ask of us */
    buffer outgoing, incoming; /* records: an image and, behind it, its label */
    MPI_Datatype record;
};

dt_status dt_exchange_create(dt_comm *comm, int64_t count, int virtual_ranks, size_t image_size,
                             const uint8_t *images, const uint8_t *labels, dt_exchange **out,
                             dt_error *error)
{
    dt_exchange *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->comm = comm;
    self->count = count;
    self->virtual_ranks = virtual_ranks;
    self->image_size = image_size;
    self->images = images;
    self->labels = labels;
    self->own = dt_partition_parts(count, virtual_ranks,
                                   dt_partition(virtual_ranks, comm->size, comm->rank));
    size_t ranks = (size_t)comm->size;
    self->tables = dt_calloc(4 * ranks, sizeof *self->tables, error);
    if (!self->tables) {
        dt_free(self);
        return error->status;
    }
    self->ask_counts = self->tables;
    self->ask_places = self->tables + ranks;
    self->give_counts = self->tables + 2 * ranks;
    self->give_places = self->tables + 3 * ranks;
    MPI_Type_contiguous((int)image_size + 1, MPI_BYTE, &self->record);
    MPI_Type_commit(&self->record);
    *out = self;
    return DT_OK;
}

void dt_exchange_destroy(dt_exchange *self)
{
    if (!self)
        return;
    MPI_Type_free(&self->record);
    dt_free(self->tables);
    dt_free(self->asked.bytes);
    dt_free(self->slots.bytes);
    dt_free(self->to_give.bytes);
    dt_free(self->outgoing.bytes);
    dt_free(self->incoming.bytes);
    dt_free(self);
}

static dt_status grow(buffer *self, size_t count, size_t element, dt_error *error)
{
    if (count * element <= self->size)
        return DT_OK;
    dt_free(self->bytes);
    self->size = 0;
    self->bytes = dt_calloc(count, element, error);
    if (!self->bytes)
        return error->status;
    self->size = count * element;
    return DT_OK;
}

/* The rank that holds a position of the set. */
static int holder(const dt_exchange *self, int64_t position)
{
    int64_t v = dt_partition_owner(self->count, self->virtual_ranks, position);
    return (int)dt_partition_owner(self->virtual_ranks, self->comm->size, v);
}

static int fill_places(const int *counts, int *places, int ranks)
{
    int sum = 0;
    for (int r = 0; r < ranks; r++) {
        places[r] = sum;
        sum += counts[r];
    }
    return sum;
}

/* Serves what we hold ourselves; groups the rest by holder. Sets ask_counts and ask_places. */
static dt_status group_wanted(dt_exchange *self, const int32_t *wanted, int64_t n,
                              const uint8_t **images, uint8_t *labels, dt_error *error)
{
    int ranks = self->comm->size;
    dt_status status = grow(&self->asked, (size_t)n, sizeof(int32_t), error);
    if (!status)
        status = grow(&self->slots, (size_t)n, sizeof(int32_t), error);
    if (status)
        return status;
    memset(self->ask_counts, 0, (size_t)ranks * sizeof *self->ask_counts);
    for (int64_t i = 0; i < n; i++) {
        int64_t local = wanted[i] - self->own.first;
        if (0 <= local && local < self->own.count) {
            images[i] = self->images + (size_t)local * self->image_size;
            labels[i] = self->labels[local];
        } else {
            self->ask_counts[holder(self, wanted[i])]++;
        }
    }
    fill_places(self->ask_counts, self->ask_places, ranks);
    int32_t *asked = self->asked.bytes, *slots = self->slots.bytes;
    for (int64_t i = 0; i < n; i++) {
        int64_t local = wanted[i] - self->own.first;
        if (0 <= local && local < self->own.count)
            continue;
        int place = self->ask_places[holder(self, wanted[i])]++;
        asked[place] = wanted[i];
        slots[place] = (int32_t)i;
    }
    fill_places(self->ask_counts, self->ask_places, ranks);
    return DT_OK;
}

static void pack_given(const dt_exchange *self, int given)
{
    const int32_t *positions = self->to_give.bytes;
    uint8_t *record = self->outgoing.bytes;
    for (int i = 0; i < given; i++) {
        size_t local = (size_t)(positions[i] - self->own.first);
        memcpy(record, self->images + local * self->image_size, self->image_size);
        record[self->image_size] = self->labels[local];
        record += self->image_size + 1;
    }
}

static void unpack_received(const dt_exchange *self, int received, const uint8_t **images,
                            uint8_t *labels)
{
    const int32_t *slots = self->slots.bytes;
    const uint8_t *record = self->incoming.bytes;
    for (int i = 0; i < received; i++) {
        images[slots[i]] = record;
        labels[slots[i]] = record[self->image_size];
        record += self->image_size + 1;
    }
}

dt_status dt_exchange_fetch(dt_exchange *self, const int32_t *wanted, int64_t n,
                            const uint8_t **images, uint8_t *labels, dt_error *error)
{
    MPI_Comm world = self->comm->world;
    dt_status status = group_wanted(self, wanted, n, images, labels, error);
    if (self->comm->size == 1)
        return status;
    status = dt_comm_agree(self->comm, status, error);
    if (status)
        return status;

    MPI_Alltoall(self->ask_counts, 1, MPI_INT, self->give_counts, 1, MPI_INT, world);
    int given = fill_places(self->give_counts, self->give_places, self->comm->size);
    int received = self->ask_places[self->comm->size - 1] + self->ask_counts[self->comm->size - 1];
    size_t record_size = self->image_size + 1;
    status = grow(&self->to_give, (size_t)given, sizeof(int32_t), error);
    if (!status)
        status = grow(&self->outgoing, (size_t)given, record_size, error);
    if (!status)
        status = grow(&self->incoming, (size_t)received, record_size, error);
    status = dt_comm_agree(self->comm, status, error);
    if (status)
        return status;

    MPI_Alltoallv(self->asked.bytes, self->ask_counts, self->ask_places, MPI_INT32_T,
                  self->to_give.bytes, self->give_counts, self->give_places, MPI_INT32_T, world);
    pack_given(self, given);
    MPI_Alltoallv(self->outgoing.bytes, self->give_counts, self->give_places, self->record,
                  self->incoming.bytes, self->ask_counts, self->ask_places, self->record, world);
    unpack_received(self, received, images, labels);
    return DT_OK;
}

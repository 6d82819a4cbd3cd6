#include "dist/exchange.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/partition.h"
#include "comm_mpi.h"
#include "dist/shared.h"

/* A buffer that grows and is kept. */
typedef struct buffer {
    void *bytes;
    size_t size;
} buffer;

typedef struct slot_state {
    bool under_way;
    dt_delivery delivery;
    /* Counts and first places by rank: what we ask of each, what each asks of us. */
    int *ask_counts, *ask_places, *give_counts, *give_places;
    buffer asked;              /* positions, grouped by the rank that holds them */
    buffer indices;            /* of each of `asked`, its index in `wanted` */
    buffer to_give;            /* positions that others ask of us */
    buffer outgoing, incoming; /* records: an image and, behind it, its label */
    MPI_Request request;
} slot_state;

struct dt_exchange {
    dt_comm *comm;
    int64_t count;
    int parts;
    size_t image_size;
    dt_shared *shared; /* each rank's images, then its labels */
    dt_range *held;    /* [ranks]: positions that each rank holds */
    MPI_Datatype record;
    int *tables; /* of all slots */
    slot_state slots[DT_DELIVERY_SLOTS];
};

static dt_status allocate(dt_exchange *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    size_t ranks = (size_t)comm->size;
    self->held = dt_calloc(ranks, sizeof *self->held, error);
    self->tables =
        self->held ? dt_calloc(4 * DT_DELIVERY_SLOTS * ranks, sizeof *self->tables, error) : NULL;
    if (!self->tables)
        return error->status;
    for (int r = 0; r < comm->size; r++)
        self->held[r] = dt_partition_parts(self->count, self->parts,
                                           dt_partition(self->parts, comm->size, r));
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++) {
        slot_state *slot = &self->slots[i];
        slot->ask_counts = self->tables + 4 * (size_t)i * ranks;
        slot->ask_places = slot->ask_counts + ranks;
        slot->give_counts = slot->ask_places + ranks;
        slot->give_places = slot->give_counts + ranks;
    }
    return DT_OK;
}

dt_status dt_exchange_create(dt_comm *comm, int64_t count, int parts, size_t image_size,
                             dt_exchange **out, dt_error *error)
{
    dt_exchange *self = dt_calloc(1, sizeof *self, error);
    dt_status status = self ? DT_OK : DT_ERR_INTERNAL;
    if (self) {
        self->comm = comm;
        self->count = count;
        self->parts = parts;
        self->image_size = image_size;
        self->record = MPI_DATATYPE_NULL;
        status = allocate(self, error);
    }
    status = dt_comm_agree(comm, status, error);
    if (!status) {
        size_t own = (size_t)self->held[comm->rank].count;
        status = dt_shared_create(comm, own * (image_size + 1), &self->shared, error);
        status = dt_comm_agree(comm, status, error);
        if (!status) {
            MPI_Type_contiguous((int)image_size + 1, MPI_BYTE, &self->record);
            MPI_Type_commit(&self->record);
            *out = self;
            return DT_OK;
        }
    }
    dt_exchange_destroy(self);
    return status;
}

void dt_exchange_own(const dt_exchange *self, uint8_t **images, uint8_t **labels)
{
    *images = dt_shared_segment(self->shared, self->comm->host_rank);
    *labels = *images + (size_t)self->held[self->comm->rank].count * self->image_size;
}

void dt_exchange_publish(dt_exchange *self)
{
    dt_shared_barrier(self->shared);
}

void dt_exchange_destroy(dt_exchange *self)
{
    if (!self)
        return;
    dt_shared_destroy(self->shared);
    if (self->record != MPI_DATATYPE_NULL)
        MPI_Type_free(&self->record);
    dt_free(self->held);
    dt_free(self->tables);
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++) {
        slot_state *slot = &self->slots[i];
        dt_free(slot->asked.bytes);
        dt_free(slot->indices.bytes);
        dt_free(slot->to_give.bytes);
        dt_free(slot->outgoing.bytes);
        dt_free(slot->incoming.bytes);
    }
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
    int64_t part = dt_partition_owner(self->count, self->parts, position);
    return (int)dt_partition_owner(self->parts, self->comm->size, part);
}

/* The image at `position`, which `rank` of this host holds; its label in *label. */
static const uint8_t *find_sample(const dt_exchange *self, int rank, int64_t position,
                                  uint8_t *label)
{
    size_t held = (size_t)self->held[rank].count;
    size_t local = (size_t)(position - self->held[rank].first);
    const uint8_t *segment = dt_shared_segment(self->shared, self->comm->host_rank_of[rank]);
    *label = segment[held * self->image_size + local];
    return segment + local * self->image_size;
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

/* Points to what this host holds; returns how many samples it does not hold. */
static int64_t find_on_host(const dt_exchange *self, slot_state *slot)
{
    const dt_comm *comm = self->comm;
    const dt_delivery *delivery = &slot->delivery;
    int64_t elsewhere = 0;
    memset(slot->ask_counts, 0, (size_t)comm->size * sizeof *slot->ask_counts);
    for (int64_t i = 0; i < delivery->count; i++) {
        int rank = holder(self, delivery->wanted[i]);
        if (comm->host_of[rank] == comm->host_of[comm->rank]) {
            delivery->images[i] =
                find_sample(self, rank, delivery->wanted[i], &delivery->labels[i]);
        } else {
            delivery->images[i] = NULL;
            slot->ask_counts[rank]++;
            elsewhere++;
        }
    }
    return elsewhere;
}

/* Groups what other hosts hold by its holder. */
static dt_status group_asked(const dt_exchange *self, slot_state *slot, int64_t count,
                             dt_error *error)
{
    const dt_delivery *delivery = &slot->delivery;
    dt_status status = grow(&slot->asked, (size_t)count, sizeof(int32_t), error);
    if (!status)
        status = grow(&slot->indices, (size_t)count, sizeof(int32_t), error);
    if (!status)
        status = grow(&slot->incoming, (size_t)count, self->image_size + 1, error);
    if (status)
        return status;
    int32_t *asked = slot->asked.bytes, *indices = slot->indices.bytes;
    fill_places(slot->ask_counts, slot->ask_places, self->comm->size);
    for (int64_t i = 0; i < delivery->count; i++)
        if (!delivery->images[i]) {
            int place = slot->ask_places[holder(self, delivery->wanted[i])]++;
            asked[place] = delivery->wanted[i];
            indices[place] = (int32_t)i;
        }
    fill_places(slot->ask_counts, slot->ask_places, self->comm->size);
    return DT_OK;
}

static void pack_given(const dt_exchange *self, slot_state *slot, int given)
{
    const int32_t *positions = slot->to_give.bytes;
    uint8_t *record = slot->outgoing.bytes;
    for (int i = 0; i < given; i++) {
        const uint8_t *image =
            find_sample(self, self->comm->rank, positions[i], &record[self->image_size]);
        memcpy(record, image, self->image_size);
        record += self->image_size + 1;
    }
}

dt_status dt_exchange_begin(dt_exchange *self, int which, const dt_delivery *delivery,
                            dt_error *error)
{
    const dt_comm *comm = self->comm;
    slot_state *slot = &self->slots[which];
    slot->delivery = *delivery;
    int64_t elsewhere = find_on_host(self, slot);
    if (comm->hosts == 1)
        return DT_OK;
    dt_status status = group_asked(self, slot, elsewhere, error);
    status = dt_comm_agree(self->comm, status, error);
    if (status)
        return status;

    MPI_Alltoall(slot->ask_counts, 1, MPI_INT, slot->give_counts, 1, MPI_INT, comm->world);
    int given = fill_places(slot->give_counts, slot->give_places, comm->size);
    status = grow(&slot->to_give, (size_t)given, sizeof(int32_t), error);
    if (!status)
        status = grow(&slot->outgoing, (size_t)given, self->image_size + 1, error);
    status = dt_comm_agree(self->comm, status, error);
    if (status)
        return status;
    MPI_Alltoallv(slot->asked.bytes, slot->ask_counts, slot->ask_places, MPI_INT32_T,
                  slot->to_give.bytes, slot->give_counts, slot->give_places, MPI_INT32_T,
                  comm->world);
    pack_given(self, slot, given);
    MPI_Ialltoallv(slot->outgoing.bytes, slot->give_counts, slot->give_places, self->record,
                   slot->incoming.bytes, slot->ask_counts, slot->ask_places, self->record,
                   comm->world, &slot->request);
    slot->under_way = true;
    return DT_OK;
}

void dt_exchange_end(dt_exchange *self, int which)
{
    slot_state *slot = &self->slots[which];
    if (!slot->under_way)
        return;
    MPI_Wait(&slot->request, MPI_STATUS_IGNORE);
    slot->under_way = false;
    int last = self->comm->size - 1;
    int received = slot->ask_places[last] + slot->ask_counts[last];
    const int32_t *indices = slot->indices.bytes;
    const uint8_t *record = slot->incoming.bytes;
    for (int i = 0; i < received; i++) {
        slot->delivery.images[indices[i]] = record;
        slot->delivery.labels[indices[i]] = record[self->image_size];
        record += self->image_size + 1;
    }
}

#include "reduce_hosts.h"

#include <stdbool.h>

#include "base/memory.h"

typedef struct section {
    vector_cut slice;  /* ours */
    float *total;      /* the vector that it goes to */
    float *inbox;      /* of every host: [nodes][slice.size], our slice of them; what it asks for */
    float *outbox;     /* our host's nodes of the slices that we carry, as they come to an inbox */
    int nodes_awaited; /* hosts whose nodes have not come */
} section;

struct host_reduce {
    const reduction_plan *plan;
    int own_host;
    int started; /* sections */
    section *sections;
    float *messages; /* all inboxes and outboxes */
    /* [sections][section_requests]: of each section nodes in, totals in, nodes out, totals out. */
    int section_requests, request_count;
    MPI_Request *requests;
    int *done;      /* [request_count]: scratch */
    int in_flight;  /* requests */
    unsigned asked; /* by other hosts, in this round */
};

/* The floats behind a host's nodes that say what its ranks ask for: small whole numbers. */
enum { ASKS = 1 };

/* The rank of `host` that sends and receives slice `slice` when it is another host's. */
static int courier(const dt_comm *comm, int host, int slice)
{
    return comm->host_ranks[comm->host_begin[host] + slice % comm->host_sizes[host]];
}

static bool carries(const dt_comm *comm, int slice)
{
    int host = comm->host_of[comm->rank];
    return comm->host_of[slice] != host && courier(comm, host, slice) == comm->rank;
}

/* Floats that this rank sends of its host's nodes in a section. */
static size_t outbox_size(const reduction_plan *plan, int number)
{
    size_t size = 0;
    for (int s = 0; s < plan->comm->size; s++)
        if (carries(plan->comm, s))
            size += (size_t)plan->host.node_count * reduce_plan_slice(plan, number, s).size + ASKS;
    return size;
}

static size_t inbox_size(const reduction_plan *plan, int number)
{
    vector_cut own = reduce_plan_slice(plan, number, plan->comm->rank);
    return (size_t)plan->all.part_count * own.size + (size_t)plan->comm->hosts * ASKS;
}

/* Where in the inbox of slices of `size` floats the node at a place of the row stands, or, for the
 * place behind the last one of its host, what the host asks for. */
static size_t inbox_offset(int host, int place, size_t size)
{
    return (size_t)place * size + (size_t)host * ASKS;
}

size_t reduce_hosts_floats(const reduction_plan *plan)
{
    size_t size = 0;
    for (int s = 0; s < plan->sections; s++)
        size += inbox_size(plan, s) + outbox_size(plan, s);
    return size;
}

static dt_status allocate(host_reduce *self, dt_error *error)
{
    const reduction_plan *plan = self->plan;
    int carried = 0;
    for (int s = 0; s < plan->comm->size; s++)
        carried += carries(plan->comm, s);
    self->section_requests = 2 * (plan->comm->hosts - 1 + carried);
    self->request_count = plan->sections * self->section_requests;
    size_t requests = (size_t)self->request_count, size = reduce_hosts_floats(plan);
    if (!(self->sections = dt_calloc((size_t)plan->sections, sizeof *self->sections, error)) ||
        !(self->requests = dt_calloc(requests, sizeof(MPI_Request), error)) ||
        !(self->done = dt_calloc(requests, sizeof *self->done, error)) ||
        !(self->messages = dt_calloc(size, sizeof *self->messages, error)))
        return error->status;
    for (int i = 0; i < self->request_count; i++)
        self->requests[i] = MPI_REQUEST_NULL;
    return DT_OK;
}

static void place_messages(host_reduce *self)
{
    float *next = self->messages;
    for (int s = 0; s < self->plan->sections; s++) {
        section *it = &self->sections[s];
        it->slice = reduce_plan_slice(self->plan, s, self->plan->comm->rank);
        it->inbox = next;
        it->outbox = next + inbox_size(self->plan, s);
        next = it->outbox + outbox_size(self->plan, s);
    }
}

dt_status reduce_hosts_create(const reduction_plan *plan, host_reduce **out, dt_error *error)
{
    host_reduce *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->plan = plan;
    self->own_host = plan->comm->host_of[plan->comm->rank];
    if (allocate(self, error)) {
        reduce_hosts_destroy(self);
        return error->status;
    }
    place_messages(self);
    *out = self;
    return DT_OK;
}

void reduce_hosts_destroy(host_reduce *self)
{
    if (!self)
        return;
    dt_free(self->sections);
    dt_free(self->messages);
    dt_free(self->requests);
    dt_free(self->done);
    dt_free(self);
}

int reduce_hosts_started(const host_reduce *self)
{
    return self->started;
}

/* Two messages of a section between the same ranks differ in this; those of one round and the next
 * do not overtake each other. */
enum { NODES, TOTAL, TAGS };

static void receive(host_reduce *self, int number, int what, float *to, size_t size, int from,
                    MPI_Request *request)
{
    MPI_Irecv(to, (int)size, MPI_FLOAT, from, number * TAGS + what, self->plan->comm->world,
              request);
    self->in_flight++;
}

static void send(host_reduce *self, int number, int what, const float *from, size_t size, int to,
                 MPI_Request *request)
{
    MPI_Isend(from, (int)size, MPI_FLOAT, to, number * TAGS + what, self->plan->comm->world,
              request);
    self->in_flight++;
}

/* Other hosts' nodes of our slice, and the slices that we take for our host when they are done.
 * Returns behind the requests. */
static MPI_Request *expect(host_reduce *self, int number, MPI_Request *request)
{
    const reduction_plan *plan = self->plan;
    const dt_comm *comm = plan->comm;
    section *it = &self->sections[number];
    it->nodes_awaited = comm->hosts - 1;
    for (int h = 0; h < comm->hosts; h++) {
        int first = plan->first_places[h], nodes = plan->first_places[h + 1] - first;
        if (h != self->own_host)
            receive(self, number, NODES, it->inbox + inbox_offset(h, first, it->slice.size),
                    (size_t)nodes * it->slice.size + ASKS, courier(comm, h, comm->rank), request++);
    }
    for (int s = 0; s < comm->size; s++) {
        vector_cut theirs = reduce_plan_slice(plan, number, s);
        if (carries(comm, s))
            receive(self, number, TOTAL, it->total + theirs.first, theirs.size, s, request++);
    }
    return request;
}

void reduce_hosts_start(host_reduce *self, float *total, unsigned asks)
{
    const reduction_plan *plan = self->plan;
    const dt_comm *comm = plan->comm;
    int number = self->started++;
    section *it = &self->sections[number];
    size_t nodes = (size_t)plan->host.node_count;
    it->total = total;
    if (number == 0)
        self->asked = 0;
    MPI_Request *request = self->requests + (ptrdiff_t)number * self->section_requests;
    request = expect(self, number, request);
    float *next = it->outbox;
    for (int s = 0; s < comm->size; s++) {
        if (!carries(comm, s))
            continue;
        vector_cut theirs = reduce_plan_slice(plan, number, s);
        for (size_t i = 0; i < nodes; i++)
            fold_add(&plan->host, (int)i, theirs.first, theirs.size, next + i * theirs.size);
        next[nodes * theirs.size] = (float)asks;
        send(self, number, NODES, next, nodes * theirs.size + ASKS, s, request++);
        next += nodes * theirs.size + ASKS;
    }
    float *own = it->inbox +
                 inbox_offset(self->own_host, plan->first_places[self->own_host], it->slice.size);
    for (size_t i = 0; i < nodes; i++)
        fold_add(&plan->host, (int)i, it->slice.first, it->slice.size, own + i * it->slice.size);
}

static void note_asks(host_reduce *self, const section *it)
{
    for (int h = 0; h < self->plan->comm->hosts; h++)
        if (h != self->own_host)
            self->asked |=
                (unsigned)
                    it->inbox[inbox_offset(h, self->plan->first_places[h + 1], it->slice.size)];
}

/* All hosts' nodes of our slice are here. */
static void finish_slice(host_reduce *self, int number)
{
    const reduction_plan *plan = self->plan;
    const dt_comm *comm = plan->comm;
    const section *it = &self->sections[number];
    float *sum = it->total + it->slice.first;
    note_asks(self, it);
    for (int i = 0; i < plan->all.part_count; i++)
        plan->all.parts[i] =
            it->inbox + inbox_offset(plan->all_hosts[i], plan->all_places[i], it->slice.size);
    fold_add(&plan->all, 0, 0, it->slice.size, sum);
    MPI_Request *request =
        self->requests + (ptrdiff_t)(number + 1) * self->section_requests - (comm->hosts - 1);
    for (int h = 0; h < comm->hosts; h++)
        if (h != self->own_host)
            send(self, number, TOTAL, sum, it->slice.size, courier(comm, h, comm->rank), request++);
}

static void take(host_reduce *self, int done)
{
    self->in_flight -= done;
    for (int i = 0; i < done; i++) {
        int number = self->done[i] / self->section_requests;
        bool nodes_in = self->done[i] % self->section_requests < self->plan->comm->hosts - 1;
        if (nodes_in && --self->sections[number].nodes_awaited == 0)
            finish_slice(self, number);
    }
}

/* MPICH's MPI_STATUSES_IGNORE is the address 1, behind which GCC sees no room. */
#if !defined __clang__
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

void reduce_hosts_poll(host_reduce *self)
{
    int done;
    if (self->in_flight == 0)
        return;
    MPI_Testsome(self->request_count, self->requests, &done, self->done, MPI_STATUSES_IGNORE);
    take(self, done);
}

unsigned reduce_hosts_finish(host_reduce *self)
{
    while (self->in_flight > 0) {
        int done;
        MPI_Waitsome(self->request_count, self->requests, &done, self->done, MPI_STATUSES_IGNORE);
        take(self, done);
    }
    self->started = 0;
    return self->asked;
}

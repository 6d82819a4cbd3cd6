#include "reduce_plan.h"

#include "base/memory.h"
#include "base/partition.h"

/* Sections and slices are whole cache lines, so that no two ranks write to one. */
enum { LINE = DT_ALIGNMENT / sizeof(float) };

size_t reduce_plan_stride(const reduction_plan *self)
{
    return (self->count + LINE - 1) / LINE * LINE;
}

int reduce_plan_sections_from(const reduction_plan *self, size_t first)
{
    if (first == 0)
        return self->sections;
    return (int)((reduce_plan_stride(self) - first) / self->section_size);
}

static vector_cut section_of(const reduction_plan *self, int section)
{
    size_t all = reduce_plan_stride(self), behind = (size_t)section * self->section_size;
    size_t end = section == 0 ? self->count : all - behind;
    size_t first = section == self->sections - 1 ? 0 : all - behind - self->section_size;
    return (vector_cut){first, end - first};
}

vector_cut reduce_plan_slice(const reduction_plan *self, int section, int rank)
{
    vector_cut of = section_of(self, section);
    size_t lines = of.size / LINE, ranks = (size_t)self->comm->size, r = (size_t)rank;
    size_t first = lines * r / ranks * LINE;
    size_t end = r + 1 == ranks ? of.size : lines * (r + 1) / ranks * LINE;
    return (vector_cut){of.first + first, end - first};
}

/* The nodes that one rank's virtual ranks form. */
static dt_status fold_rank(const reduction_plan *self, int rank, node_fold *out, int *depth,
                           dt_error *error)
{
    dt_range own = dt_partition(self->virtual_ranks, self->comm->size, rank);
    dt_status status = fold_open(out, (int)own.count, error);
    for (int i = 0; i < own.count && !status; i++)
        out->nodes[out->part_count++] = (dt_node){(int)own.first + i, (int)own.first + i + 1};
    return status ? status : fold_close(out, self->virtual_ranks, depth, error);
}

/* The nodes that the ranks of a host form together. */
static dt_status fold_host(const reduction_plan *self, int host, node_fold *out, dt_error *error)
{
    const dt_comm *comm = self->comm;
    int depth = 0, room = 0;
    for (int r = 0; r < comm->size; r++)
        if (comm->host_of[r] == host)
            room += (int)dt_partition(self->virtual_ranks, comm->size, r).count;
    dt_status status = fold_open(out, room, error);
    for (int r = 0; r < comm->size && !status; r++) {
        node_fold rank = {0};
        if (comm->host_of[r] != host)
            continue;
        status = fold_rank(self, r, &rank, &depth, error);
        if (!status)
            fold_append(out, &rank);
        fold_free(&rank);
    }
    return status ? status : fold_close(out, self->virtual_ranks, &depth, error);
}

/* Puts a host's nodes into the row of all, which is ascending whatever host they come from. */
static void insert_nodes(reduction_plan *self, int host, const node_fold *nodes)
{
    int first = self->first_places[host];
    for (int i = 0; i < nodes->node_count; i++) {
        int at = self->all.part_count++;
        for (; at > 0 && self->all.nodes[at - 1].lo > nodes->nodes[i].lo; at--) {
            self->all.nodes[at] = self->all.nodes[at - 1];
            self->all_places[at] = self->all_places[at - 1];
            self->all_hosts[at] = self->all_hosts[at - 1];
        }
        self->all.nodes[at] = nodes->nodes[i];
        self->all_places[at] = first + i;
        self->all_hosts[at] = host;
    }
    self->first_places[host + 1] = first + nodes->node_count;
}

static dt_status fold_all(reduction_plan *self, dt_error *error)
{
    int depth = 0, hosts = self->comm->hosts;
    size_t room = (size_t)self->virtual_ranks, places = (size_t)hosts + 1;
    dt_status status = fold_open(&self->all, self->virtual_ranks, error);
    self->all_places = status ? NULL : dt_calloc(room, sizeof *self->all_places, error);
    self->all_hosts = self->all_places ? dt_calloc(room, sizeof *self->all_hosts, error) : NULL;
    self->first_places =
        self->all_hosts ? dt_calloc(places, sizeof *self->first_places, error) : NULL;
    if (!self->first_places)
        return error->status;
    for (int h = 0; h < hosts && !status; h++) {
        node_fold host = {0};
        status = fold_host(self, h, &host, error);
        if (!status)
            insert_nodes(self, h, &host);
        fold_free(&host);
    }
    return status ? status : fold_close(&self->all, self->virtual_ranks, &depth, error);
}

/* A small network's messages are as large as Open MPI's TCP sends at once, without asking the
 * receiver first (64 KB with its header): that saves two ways through the network, which measured
 * on links of 1 Gbit/s and 1 ms is half of the time. A large network's sections are enough to have
 * some on their way while others are worked on; larger messages cost less. */
static size_t choose_section_size(const reduction_plan *self)
{
    enum { MESSAGE = 12288, LEAST_SLICE = 2048, SECTIONS_MOST = 16 };
    const dt_comm *comm = self->comm;
    int most_nodes = 1;
    for (int h = 0; h < comm->hosts; h++) {
        int nodes = self->first_places[h + 1] - self->first_places[h];
        most_nodes = nodes > most_nodes ? nodes : most_nodes;
    }
    size_t slice = (size_t)(MESSAGE / most_nodes), size = self->count / SECTIONS_MOST;
    slice = (size_t)comm->size * (slice < LEAST_SLICE ? LEAST_SLICE : slice);
    return size < slice ? slice : size;
}

static void cut_sections(reduction_plan *self, size_t size)
{
    size_t all = reduce_plan_stride(self);
    if (self->comm->hosts == 1)
        size = all; /* where nothing travels there is nothing to hide */
    else if (size == 0)
        size = choose_section_size(self);
    self->section_size = size < all ? (size + LINE - 1) / LINE * LINE : all;
    self->sections = (int)((all + self->section_size - 1) / self->section_size);
}

dt_status reduce_plan_make(const dt_comm *comm, int virtual_ranks, size_t count,
                           size_t section_size, reduction_plan *self, dt_error *error)
{
    self->comm = comm;
    self->virtual_ranks = virtual_ranks;
    self->count = count;
    dt_status status = fold_rank(self, comm->rank, &self->own, &self->depth, error);
    if (!status)
        status = fold_host(self, comm->host_of[comm->rank], &self->host, error);
    if (!status)
        status = fold_all(self, error);
    if (!status)
        cut_sections(self, section_size);
    return status;
}

void reduce_plan_free(reduction_plan *self)
{
    fold_free(&self->own);
    fold_free(&self->host);
    fold_free(&self->all);
    dt_free(self->all_places);
    dt_free(self->all_hosts);
    dt_free(self->first_places);
}

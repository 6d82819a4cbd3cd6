#include "fold.h"

#include <string.h>

#include "base/memory.h"

dt_status fold_close(node_fold *self, int leaves, int *depth, dt_error *error)
{
    size_t parts = (size_t)self->part_count;
    dt_node *given = dt_calloc(parts, sizeof *given, error);
    self->merges = given ? dt_calloc(parts, sizeof *self->merges, error) : NULL;
    self->first_part = self->merges ? dt_calloc(parts + 1, sizeof *self->first_part, error) : NULL;
    self->parts = self->first_part ? dt_calloc(parts, sizeof *self->parts, error) : NULL;
    self->cuts = self->parts ? dt_calloc(parts, sizeof *self->cuts, error) : NULL;
    if (!self->cuts) {
        dt_free(given);
        return error->status;
    }
    memcpy(given, self->nodes, parts * sizeof *given);
    self->node_count = dt_tree_fold(leaves, self->part_count, self->nodes, self->merges, depth);
    for (int node = 0, part = 0; node < self->node_count; node++) {
        self->first_part[node] = part;
        while (part < self->part_count && given[part].hi <= self->nodes[node].hi)
            part++;
        self->first_part[node + 1] = part;
    }
    dt_free(given);
    return DT_OK;
}

void fold_free(node_fold *self)
{
    dt_free(self->nodes);
    dt_free(self->merges);
    dt_free(self->first_part);
    dt_free(self->parts);
    dt_free(self->cuts);
}

void fold_add(const node_fold *self, int node, size_t offset, size_t size, float *sum)
{
    int first = self->first_part[node], end = self->first_part[node + 1];
    for (int i = first; i < end; i++)
        self->cuts[i] = self->parts[i] + offset;
    dt_tree_add(end - first, self->cuts + first, self->merges + first, size, sum);
}

dt_status fold_open(node_fold *self, int room, dt_error *error)
{
    self->nodes = dt_calloc((size_t)room, sizeof *self->nodes, error);
    return self->nodes ? DT_OK : error->status;
}

void fold_append(node_fold *to, const node_fold *from)
{
    memcpy(to->nodes + to->part_count, from->nodes, (size_t)from->node_count * sizeof *from->nodes);
    to->part_count += from->node_count;
}

/* Inside of the dist room: vectors that are added up to nodes of the tree. */
#ifndef DT_DIST_FOLD_H
#define DT_DIST_FOLD_H

#include <stddef.h>

#include "base/status.h"
#include "dist/tree.h"

/* Parts, each a node of the tree with a vector, and the nodes that they form. */
typedef struct node_fold {
    int part_count, node_count;
    dt_node *nodes;      /* before fold_close: [room], the parts; then [node_count], the result */
    int *merges;         /* [part_count] */
    int *first_part;     /* [node_count + 1]: the parts of each node */
    const float **parts; /* [part_count]: the parts' vectors, for the caller to set */
    const float **cuts;  /* [part_count]: scratch of fold_add */
} node_fold;

/* Room for `room` parts, none there yet. *fold must be zero. */
dt_status fold_open(node_fold *fold, int room, dt_error *error);

/* The parts, in ascending order, are complete: folds them in the tree over `leaves`. *depth becomes
 * the vectors that a stack needs for it. */
dt_status fold_close(node_fold *fold, int leaves, int *depth, dt_error *error);

/* Frees what it holds; a zero fold is allowed. */
void fold_free(node_fold *fold);

/* Appends the nodes that `from` forms to the parts of `to`, which has room. */
void fold_append(node_fold *to, const node_fold *from);

/* Floats offset .. offset + size - 1 of a node's sum from those of its parts. */
void fold_add(const node_fold *fold, int node, size_t offset, size_t size, float *sum);

#endif

/* The summation tree: which sums of virtual ranks' vectors are added to which.
 *
 * Node [lo, hi) of 0 .. V-1 is the sum of [lo, mid) and [mid, hi), mid = lo + (hi - lo) / 2, so the
 * tree is fixed by V alone. Whoever has some nodes adds two of them when they are the two halves of
 * a node: taken from left to right with a stack, that is a number of merges after each. */
#ifndef DT_DIST_TREE_H
#define DT_DIST_TREE_H

#include <stddef.h>


typedef struct dt_node {
    int lo, hi;
} dt_node;

/* Most nodes on the stack while one node is put together. */
#define DT_TREE_DEPTH 32

/* Folds `count` disjoint nodes of the tree over `leaves`, ascending, as far as the tree allows:
 * merges[i] becomes the number of merges of the two nodes on top of the stack after nodes[i] is
 * put there; `nodes` becomes what is left, ascending. Returns how many are left. *depth becomes the
 * largest number of nodes on the stack. */
int dt_tree_fold(int leaves, int count, dt_node *nodes, int *merges, int *depth);

/* Adds the `count` vectors that fold to one node, count >= 1: sum[size] from parts[i], each of
 * `size` floats, with their merges. An element's bits do not depend on where vectors are cut. */
void dt_tree_add(int count, const float *const *parts, const int *merges, size_t size, float *sum);

#endif

#include "dist/tree.h"

#include <stdbool.h>
#include <string.h>

/* Floats that are worked on at a time: a stack of such blocks stays in the L1 cache. */
enum { BLOCK = 1024 };

/* True when `left` and `right` are the two halves of one node. */
static bool are_halves(int leaves, dt_node left, dt_node right)
{
    dt_node node = {0, leaves};
    if (left.hi != right.lo)
        return false;
    while (node.lo < left.lo || right.hi < node.hi) {
        int mid = node.lo + (node.hi - node.lo) / 2;
        if (right.hi <= mid)
            node.hi = mid;
        else if (mid <= left.lo)
            node.lo = mid;
        else
            return false;
    }
    return node.lo + (node.hi - node.lo) / 2 == left.hi;
}

int dt_tree_fold(int leaves, int count, dt_node *nodes, int *merges, int *depth)
{
    int top = 0;
    *depth = 0;
    for (int i = 0; i < count; i++) {
        nodes[top++] = nodes[i];
        *depth = top > *depth ? top : *depth;
        merges[i] = 0;
        while (top > 1 && are_halves(leaves, nodes[top - 2], nodes[top - 1])) {
            nodes[top - 2].hi = nodes[top - 1].hi;
            top--;
            merges[i]++;
        }
    }
    return top;
}

static void add_to(float *restrict sum, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

void dt_tree_add(int count, const float *const *parts, const int *merges, size_t size, float *sum)
{
    float blocks[DT_TREE_DEPTH][BLOCK];
    for (size_t first = 0; first < size; first += BLOCK) {
        size_t length = size - first < BLOCK ? size - first : BLOCK;
        int top = 0; /* blocks in use */
        for (int i = 0; i < count; i++) {
            const float *part = parts[i] + first;
            if (merges[i] == 0)
                memcpy(blocks[top++], part, length * sizeof *part);
            else
                add_to(blocks[top - 1], part, length);
            for (int m = 1; m < merges[i]; m++, top--)
                add_to(blocks[top - 2], blocks[top - 1], length);
        }
        memcpy(sum + first, blocks[0], length * sizeof *sum);
    }
}

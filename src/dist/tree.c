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

/* sum may be one of the others. */
static void add(const float *lower, const float *upper, size_t count, float *sum)
{
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++)
        sum[i] = lower[i] + upper[i];
}

void dt_tree_add(int count, const float *const *parts, const int *merges, size_t size, float *sum)
{
    float blocks[DT_TREE_DEPTH][BLOCK];
    const float *stack[DT_TREE_DEPTH + 1]; /* blocks of parts, and of sums */
    for (size_t first = 0; first < size; first += BLOCK) {
        size_t length = size - first < BLOCK ? size - first : BLOCK;
        int top = 0;
        for (int i = 0; i < count; i++) {
            stack[top++] = parts[i] + first;
            for (int m = 0; m < merges[i]; m++) {
                bool last = i == count - 1 && m == merges[i] - 1;
                float *to = last ? sum + first : blocks[top - 2];
                add(stack[top - 2], stack[top - 1], length, to);
                stack[--top - 1] = to;
            }
        }
        if (stack[0] != sum + first)
            memcpy(sum + first, stack[0], length * sizeof *sum);
    }
}

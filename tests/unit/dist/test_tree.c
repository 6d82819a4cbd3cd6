#include "dist/tree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "base/partition.h"
#include "draw.h"
#include "nn/summation.h"

CU_SuiteInfo dt_suite_tree(void);

enum { LEAVES = 90, SIZE = 2100, MOST_VIRTUAL_RANKS = 1 << 20 };

/* Nodes and their vectors, ascending. */
typedef struct holding {
    int count;
    dt_node nodes[LEAVES];
    float *vectors[LEAVES];
} holding;

static float *new_vector(void)
{
    float *vector = dt_calloc(SIZE, sizeof *vector, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(vector);
    return vector;
}

static void release(holding *h)
{
    for (int i = 0; i < h->count; i++)
        dt_free(h->vectors[i]);
    h->count = 0;
}

static void take(holding *h, dt_node node, const float *vector)
{
    int place = h->count++;
    for (; place > 0 && h->nodes[place - 1].lo > node.lo; place--) {
        h->nodes[place] = h->nodes[place - 1];
        h->vectors[place] = h->vectors[place - 1];
    }
    h->nodes[place] = node;
    h->vectors[place] = new_vector();
    memcpy(h->vectors[place], vector, SIZE * sizeof *vector);
}

/* Vectors of sizes so different that every other order of additions gives other bits. */
static void draw_leaves(holding *leaves, int count, dt_random_sequence *random)
{
    float vector[SIZE];
    leaves->count = 0;
    for (int v = 0; v < count; v++) {
        for (int i = 0; i < SIZE; i++)
            vector[i] = (float)ldexp(draw_real(random, -1, 1), draw_int(random, 0, 12));
        take(leaves, (dt_node){v, v + 1}, vector);
    }
}

/* The definition. */
static float sum_of(const holding *leaves, int lo, int hi, int element)
{
    if (hi - lo == 1)
        return leaves->vectors[lo][element];
    int mid = lo + (hi - lo) / 2;
    return sum_of(leaves, lo, mid, element) + sum_of(leaves, mid, hi, element);
}

/* Folds what `from` holds and gives the nodes to `to`, each sum in slices cut anywhere. */
static void fold_into(const holding *from, int leaves, holding *to, dt_random_sequence *random)
{
    dt_node nodes[LEAVES];
    int merges[LEAVES + 1], depth, first = 0;
    float sum[SIZE];
    merges[from->count] = -7;
    memcpy(nodes, from->nodes, sizeof nodes);
    int count = dt_tree_fold(leaves, from->count, nodes, merges, &depth);
    CU_ASSERT_EQUAL(merges[from->count], -7);
    CU_ASSERT(depth <= from->count && count <= depth);
    for (int node = 0; node < count; node++) {
        int end = first;
        while (end < from->count && from->nodes[end].hi <= nodes[node].hi)
            end++;
        CU_ASSERT_FATAL(end > first && from->nodes[first].lo == nodes[node].lo);
        CU_ASSERT_EQUAL(from->nodes[end - 1].hi, nodes[node].hi);
        for (int begin = 0, size; begin < SIZE; begin += size) {
            const float *parts[LEAVES];
            size = draw_int(random, 0, 3) ? draw_int(random, 1, SIZE - begin) : SIZE - begin;
            for (int i = first; i < end; i++)
                parts[i - first] = from->vectors[i] + begin;
            dt_tree_add(end - first, parts, merges + first, (size_t)size, sum + begin);
        }
        take(to, nodes[node], sum);
        first = end;
    }
    CU_ASSERT_EQUAL(first, from->count);
}

/* Leaves to ranks, ranks to hosts, hosts to the root. */
static void check_distribution(const holding *leaves, const int *rank_of, int ranks,
                               const int *host_of, int hosts, dt_random_sequence *random)
{
    static holding rank, host, root, all;
    for (int h = 0; h < hosts; h++) {
        for (int r = 0; r < ranks; r++) {
            if (host_of[r] != h)
                continue;
            for (int v = 0; v < leaves->count; v++)
                if (rank_of[v] == r)
                    take(&rank, leaves->nodes[v], leaves->vectors[v]);
            fold_into(&rank, leaves->count, &host, random);
            release(&rank);
        }
        fold_into(&host, leaves->count, &all, random);
        release(&host);
    }
    fold_into(&all, leaves->count, &root, random);
    release(&all);
    int same = root.count == 1 && root.nodes[0].lo == 0 && root.nodes[0].hi == leaves->count;
    for (int i = 0; i < SIZE && same; i++)
        same &= root.vectors[0][i] == sum_of(leaves, 0, leaves->count, i);
    CU_ASSERT_TRUE(same);
    release(&root);
}

/* Any contiguous or scattered distribution over ranks and hosts: the bits of the definition. */
static void test_distributions(void)
{
    static holding leaves;
    dt_random_sequence random = draw_begin(100);
    for (int round = 0; round < 60; round++) {
        int count = round < 12 ? round + 1 : draw_int(&random, 1, LEAVES);
        int ranks = draw_int(&random, 1, count), hosts = draw_int(&random, 1, ranks);
        int rank_of[LEAVES], host_of[LEAVES], scattered = draw_int(&random, 0, 2);
        draw_leaves(&leaves, count, &random);
        for (int v = 0; v < count; v++)
            rank_of[v] = scattered == 2 ? draw_int(&random, 0, ranks - 1)
                                        : (int)dt_partition_owner(count, ranks, v);
        for (int r = 0; r < ranks; r++)
            host_of[r] = scattered ? draw_int(&random, 0, hosts - 1)
                                   : (int)dt_partition_owner(ranks, hosts, r);
        check_distribution(&leaves, rank_of, ranks, host_of, hosts, &random);
        release(&leaves);
    }
}

static int is_node(int leaves, dt_node node)
{
    dt_node at = {0, leaves};
    while (at.hi - at.lo > node.hi - node.lo) {
        int mid = at.lo + (at.hi - at.lo) / 2;
        if (node.lo >= mid)
            at.lo = mid;
        else
            at.hi = mid;
    }
    return at.lo == node.lo && at.hi == node.hi;
}

/* The fewest nodes of the tree that a range is made of. */
static int fewest(dt_node at, int lo, int hi)
{
    if (hi <= at.lo || at.hi <= lo)
        return 0;
    if (lo <= at.lo && at.hi <= hi)
        return 1;
    int mid = at.lo + (at.hi - at.lo) / 2;
    return fewest((dt_node){at.lo, mid}, lo, hi) + fewest((dt_node){mid, at.hi}, lo, hi);
}

/* The leaves [lo, hi) fold to their fewest nodes; no more than 2 log2 V, and no more vectors are
 * on the stack than the network takes. */
static void check_range(int leaves, int lo, int hi)
{
    int count = hi - lo, depth, good, merged = 0;
    dt_node *nodes = dt_calloc((size_t)count, sizeof *nodes, NULL);
    int *merges = dt_calloc((size_t)count, sizeof *merges, NULL);
    CU_ASSERT_FATAL(nodes && merges);
    for (int i = 0; i < count; i++)
        nodes[i] = (dt_node){lo + i, lo + i + 1};
    int left = dt_tree_fold(leaves, count, nodes, merges, &depth);
    double levels = ceil(log2((double)leaves));
    good = left == fewest((dt_node){0, leaves}, lo, hi) && depth <= DT_SUMS_MAX;
    good &= left <= 1 || left <= 2 * log2((double)leaves);
    good &= left > 1 || (depth <= levels + 1 && depth <= DT_TREE_DEPTH);
    for (int i = 0; i < left; i++)
        good &= is_node(leaves, nodes[i]) && nodes[i].lo == (i ? nodes[i - 1].hi : lo);
    good &= left == 0 || nodes[left - 1].hi == hi;
    int now = 0, deepest = 0;
    for (int i = 0; i < count; i++) {
        now++;
        deepest = now > deepest ? now : deepest;
        good &= merges[i] >= 0 && merges[i] < now;
        now -= merges[i];
        merged += merges[i];
    }
    good &= depth == deepest && left == count - merged;
    CU_ASSERT_TRUE(good);
    if (!good)
        printf("leaves [%d, %d) of %d: %d nodes, depth %d\n", lo, hi, leaves, left, depth);
    dt_free(nodes);
    dt_free(merges);
}

static void test_all_small_ranges(void)
{
    for (int leaves = 1; leaves <= 40; leaves++)
        for (int lo = 0; lo <= leaves; lo++)
            for (int hi = lo; hi <= leaves; hi++)
                check_range(leaves, lo, hi);
}

static void test_large_ranges(void)
{
    dt_random_sequence random = draw_begin(101);
    for (int round = 0; round < 40; round++) {
        int leaves = draw_int(&random, 41, 30000), lo = draw_int(&random, 0, leaves);
        check_range(leaves, lo, draw_int(&random, lo, leaves));
    }
    check_range(MOST_VIRTUAL_RANKS, 0, MOST_VIRTUAL_RANKS);
    check_range(MOST_VIRTUAL_RANKS, 1, MOST_VIRTUAL_RANKS - 1);
}

/* One part is its own sum; 2^24 + (1 + 1) is not (2^24 + 1) + 1 in float. */
static void test_by_hand(void)
{
    static const float a = 0x1p24f, b = 1, c = 1;
    dt_node nodes[] = {{0, 1}, {1, 2}, {2, 3}};
    const float *parts[] = {&a, &b, &c};
    int merges[3], depth;
    float sum = NAN;
    CU_ASSERT_EQUAL(dt_tree_fold(3, 3, nodes, merges, &depth), 1);
    CU_ASSERT(nodes[0].lo == 0 && nodes[0].hi == 3);
    CU_ASSERT(merges[0] == 0 && merges[1] == 0 && merges[2] == 2);
    CU_ASSERT_EQUAL(depth, 3);
    dt_tree_add(3, parts, merges, 1, &sum);
    CU_ASSERT_EQUAL(sum, 0x1p24f + 2);
    dt_tree_add(1, parts, merges, 1, &sum);
    CU_ASSERT_EQUAL(sum, a);
    sum = -7;
    dt_tree_add(1, parts, merges, 0, &sum);
    CU_ASSERT_EQUAL(sum, -7);
    CU_ASSERT_EQUAL(dt_tree_fold(3, 0, nodes, merges, &depth), 0);
    CU_ASSERT_EQUAL(depth, 0);
}

CU_SuiteInfo dt_suite_tree(void)
{
    static CU_TestInfo tests[] = {
        {"leaves on any ranks and hosts: the bits of the definition", test_distributions},
        {"every small range: the fewest nodes", test_all_small_ranges},
        {"large ranges: few nodes, low stacks", test_large_ranges},
        {"three leaves by hand", test_by_hand},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "tree", .pTests = tests};
}

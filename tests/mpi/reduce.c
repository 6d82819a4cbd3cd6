/* The sum over the virtual ranks is that of its definition, bit for bit on every rank; MPI's is
 * right to rounding. What any rank asks for arrives at all. */
#include "dist/reduce.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/partition.h"
#include "base/stream.h"
#include "draw.h"
#include "harness.h"

enum { MOST_VIRTUAL_RANKS = 40, MOST_WIDTH = 3, ROUNDS = 4, ANNOUNCEMENTS = 50 };
enum { VECTORS = 7 }; /* the levels of a tree over MOST_VIRTUAL_RANKS */

/* Element i of a virtual rank's vector: sizes so different that every other order of additions
 * gives other bits. */
static float element(uint32_t round, int v, size_t i)
{
    uint32_t bits = (uint32_t)i * 0x9e3779b9u + (uint32_t)v * 0x85ebca6bu + round * 0x27d4eb2fu;
    bits = (bits ^ bits >> 16) * 0x85ebca6bu;
    bits = (bits ^ bits >> 13) * 0xc2b2ae35u;
    bits ^= bits >> 16;
    uint32_t exponent = 120 + (bits >> 23 & 15);
    uint32_t word = (bits & 0x80000000u) | exponent << 23 | (bits & 0x7fffffu);
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* The definition. sum: [VECTORS][count], of which the first becomes the sum. */
static void define(uint32_t round, int lo, int hi, size_t count, float *sum)
{
    if (hi - lo == 1) {
        for (size_t i = 0; i < count; i++)
            sum[i] = element(round, lo, i);
        return;
    }
    int mid = lo + (hi - lo) / 2;
    define(round, lo, mid, count, sum);
    define(round, mid, hi, count, sum + count);
    for (size_t i = 0; i < count; i++)
        sum[i] += sum[count + i];
}

/* Floats first .. end - 1 of this rank's sums. */
static void fill(const dt_reduce *reduce, dt_range own, uint32_t round, size_t first, size_t end)
{
    const int *merges = dt_reduce_merges(reduce);
    float *const *sums = dt_reduce_sums(reduce);
    int top = -1;
    for (int i = 0; i < own.count; i++) {
        top++;
        for (size_t k = first; k < end; k++)
            sums[top][k] = element(round, (int)own.first + i, k);
        for (int m = 0; m < merges[i]; m++, top--)
            for (size_t k = first; k < end; k++)
                sums[top - 1][k] += sums[top][k];
    }
}

/* Fills the sums from the end to the beginning and announces them, as a rank of its own mind. */
static void fill_and_announce(dt_reduce *reduce, dt_range own, uint32_t round, size_t count,
                              dt_random_sequence *mind)
{
    int most = draw_int(mind, 1, (int)count), times = 0;
    for (size_t end = count; end > 0;) {
        size_t part = (size_t)draw_int(mind, 1, most);
        size_t first = part < end ? end - part : 0;
        if (++times == ANNOUNCEMENTS)
            first = 0;
        fill(reduce, own, round, first, end);
        if (draw_int(mind, 0, 7) == 0)
            harness_sleep(100);
        if (draw_int(mind, 0, 2) > 0)
            dt_reduce_announce(reduce, first);
        end = first;
    }
}

static void compare_bits(const float *expected, const float *found, size_t count, int virtual_ranks,
                         uint32_t round)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&expected[i], &found[i], sizeof *found) != 0) {
            check(false, "tree, V %d, count %zu, round %u, element %zu: expected %a, found %a",
                  virtual_ranks, count, round, i, (double)expected[i], (double)found[i]);
            return;
        }
}

static void compare_rounded(const float *expected, const float *found, size_t count,
                            int virtual_ranks, uint32_t round)
{
    /* Terms are below 2^9, so V terms err by less than this in any order. */
    double most = 512.0 * virtual_ranks * virtual_ranks * (double)FLT_EPSILON;
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)expected[i] - (double)found[i]) <= most)) {
            check(false, "mpi, V %d, count %zu, round %u, element %zu: expected %g, found %g",
                  virtual_ranks, count, round, i, (double)expected[i], (double)found[i]);
            return;
        }
}

/* What a rank asks for in a round: mostly nothing. */
static unsigned asks_of(uint32_t round, int rank)
{
    dt_random_sequence random = draw_begin(77 + round * 1000 + (uint32_t)rank);
    return draw_int(&random, 0, 3) > 0 ? 0 : (unsigned)draw_int(&random, 0, 3);
}

static void check_asked(const dt_reduce *reduce, int size, int virtual_ranks, uint32_t round)
{
    unsigned expected = 0, found = dt_reduce_asked(reduce);
    for (int r = 0; r < size; r++)
        expected |= asks_of(round, r);
    check(found == expected, "V %d, round %u: expected what the ranks ask for, %u, found %u",
          virtual_ranks, round, expected, found);
}

/* Before the ranks let go of the sum each adds up its slice; on a host the slices are all of it. */
static void check_slice(dt_reduce *reduce, const dt_reduced *sum, const float *expected,
                        size_t count, dt_random_sequence *mind)
{
    dt_range slice = dt_reduce_slice(reduce);
    size_t first = (size_t)slice.first, own = (size_t)slice.count;
    for (size_t at = 0, part = 0; at < own && !sum->whole; at += part) {
        part = (size_t)draw_int(mind, 1, (int)(own - at));
        dt_reduce_add(reduce, first + at, part);
    }
    check(first % DT_SLICE_UNIT == 0 && first + own <= count &&
              (own % DT_SLICE_UNIT == 0 || first + own == count),
          "slice: expected whole units of %zu, found %zu from %zu on", count, own, first);
    check(memcmp(sum->values + first, expected + first, own * sizeof *expected) == 0,
          "slice of %zu from %zu on: expected the bits of the sum, found others", own, first);
    check(!sum->whole || memcmp(sum->values, expected, count * sizeof *expected) == 0,
          "a sum that is whole: expected its bits, found others");
}

/* The first rank of a host votes against in every third round; all learn of it. */
static void check_meeting(dt_comm *comm, dt_reduce *reduce, uint32_t round, dt_trace *trace)
{
    bool no = round % 3 == 0, own = !(no && dt_comm_host_rank(comm) == 0);
    dt_reduce_notes(reduce)[0] = 0;
    dt_reduce_meet(reduce, true, trace);
    if (dt_comm_host_rank(comm) == 0)
        dt_reduce_notes(reduce)[0] = 1 + round;
    bool all = dt_reduce_meet(reduce, own, trace);
    check(all == !no, "votes: expected %d, found %d", !no, all);
    check(dt_reduce_notes(reduce)[0] == 1 + round, "a note of the first rank is not seen");
}

/* Sums that may overflow, and those that did, are never called bounded: of whatever node of a rank,
 * and wherever in it, the value is. */
static void test_bounded(dt_comm *comm, int virtual_ranks, size_t count)
{
    static const float values[] = {1, -3e38F, INFINITY, NAN, 0};
    int size = dt_comm_size(comm), rank = dt_comm_rank(comm), nodes = 0;
    dt_range own = dt_partition(virtual_ranks, size, rank);
    dt_random_sequence random = draw_begin(7);
    dt_trace trace = {0};
    dt_reduce *reduce = NULL;
    dt_error error = {0};
    dt_status status =
        dt_reduce_create(comm, DT_ALLREDUCE_TREE, virtual_ranks, count, 0, &reduce, &error);
    if (!check_status("dt_reduce_create", DT_OK, status, &error))
        return;
    for (int i = 0; i < own.count; i++)
        nodes += 1 - dt_reduce_merges(reduce)[i];
    for (int i = 0; i < 5 * size; i++) {
        float value = values[i / size];
        int node = draw_int(&random, 0, 2);
        size_t at = (size_t)draw_int(&random, 0, (int)count - 1);
        for (int n = 0; n < nodes; n++)
            memset(dt_reduce_sums(reduce)[n], 0, count * sizeof(float));
        if (rank == i % size)
            dt_reduce_sums(reduce)[node % nodes][at] = value;
        dt_reduced sum = dt_reduce_finish(reduce, &trace);
        bool fine = fabsf(value) < 2;
        check(fine || !sum.bounded, "%g of rank %d: expected no bound", (double)value, i % size);
        check(sum.whole || !fine || sum.bounded, "small values: expected a bound, found none");
        dt_reduce_release(reduce, &trace);
    }
    dt_reduce_destroy(reduce);
}

/* Rounds in a row; ranks come late to each, and some look at the sum when others fill the next. */
static void test_rounds(dt_comm *comm, dt_allreduce kind, int virtual_ranks, size_t count,
                        size_t section_size)
{
    int rank = dt_comm_rank(comm), size = dt_comm_size(comm);
    dt_random_sequence late = draw_begin(1000 + (uint32_t)rank);
    dt_range own = dt_partition(virtual_ranks, size, rank);
    dt_trace trace = {0};
    dt_reduce *reduce = NULL;
    dt_error error = {0};
    dt_trace_start(&trace, dt_clock());
    dt_status status =
        dt_reduce_create(comm, kind, virtual_ranks, count, section_size, &reduce, &error);
    if (!check_status("dt_reduce_create", DT_OK, status, &error))
        return;
    float *expected = harness_alloc(VECTORS * count, sizeof *expected);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        define(round, 0, virtual_ranks, count, expected);
        if (draw_int(&late, 0, 3) == 0)
            harness_sleep(300);
        dt_reduce_ask(reduce, asks_of(round, rank));
        fill_and_announce(reduce, own, round, count, &late);
        dt_reduced sum = dt_reduce_finish(reduce, &trace);
        const float *found = sum.values;
        check_asked(reduce, size, virtual_ranks, round);
        if (kind == DT_ALLREDUCE_TREE)
            check_slice(reduce, &sum, expected, count, &late);
        check_meeting(comm, reduce, round, &trace);
        if (!sum.whole)
            found = dt_reduce_whole(reduce, &trace);
        if (draw_int(&late, 0, 3) == 0)
            harness_sleep(300);
        if (kind == DT_ALLREDUCE_TREE)
            compare_bits(expected, found, count, virtual_ranks, round);
        else
            compare_rounded(expected, found, count, virtual_ranks, round);
        if (count <= 1000)
            check_same("sum", found, (int)(count * sizeof *found));
        dt_reduce_release(reduce, &trace);
        if (draw_int(&late, 0, 3) == 0)
            harness_sleep(300);
        check(dt_reduce_notes(reduce)[0] == 1 + round, "a note is gone before the next sum");
    }
    dt_free(expected);
    dt_reduce_destroy(reduce);
}

/* Announcements are asked for where they gain something. */
static void check_section(dt_comm *comm)
{
    enum { COUNT = 1000, SECTION = 160 };
    for (size_t asked = SECTION; asked <= 2 * COUNT; asked += 2 * COUNT - SECTION) {
        dt_reduce *reduce = NULL;
        dt_error error = {0};
        dt_status status = dt_reduce_create(comm, DT_ALLREDUCE_TREE, dt_comm_size(comm), COUNT,
                                            asked, &reduce, &error);
        if (!check_status("dt_reduce_create", DT_OK, status, &error))
            return;
        size_t expected = dt_comm_hosts(comm) > 1 && asked < COUNT ? asked : 0;
        check(dt_reduce_section(reduce) == expected,
              "section of %zu, asked for %zu: expected %zu, found %zu", (size_t)COUNT, asked,
              expected, dt_reduce_section(reduce));
        dt_reduce_destroy(reduce);
    }
}

static double define_total(const double *values, int lo, int hi, int width)
{
    if (hi - lo == 1)
        return values[lo * width];
    int mid = lo + (hi - lo) / 2;
    return define_total(values, lo, mid, width) + define_total(values, mid, hi, width);
}

static void test_totals(dt_comm *comm, int virtual_ranks, int width, dt_random_sequence *random)
{
    double values[MOST_VIRTUAL_RANKS * MOST_WIDTH], sums[MOST_WIDTH];
    dt_range own = dt_partition(virtual_ranks, dt_comm_size(comm), dt_comm_rank(comm));
    dt_error error = {0};
    for (int i = 0; i < virtual_ranks * width; i++)
        values[i] = ldexp(draw_real(random, -1, 1), draw_int(random, 0, 40));
    dt_status status =
        dt_reduce_totals(comm, virtual_ranks, width, values + own.first * width, sums, &error);
    if (!check_status("dt_reduce_totals", DT_OK, status, &error))
        return;
    for (int i = 0; i < width; i++) {
        double expected = define_total(values + i, 0, virtual_ranks, width);
        check(memcmp(&expected, &sums[i], sizeof expected) == 0,
              "totals, V %d, sum %d of %d: expected %a, found %a", virtual_ranks, i, width,
              expected, sums[i]);
    }
}

/* Memory that fails on one rank, allocation after allocation, is an error on all. */
static void test_failures(dt_comm *comm, dt_random_sequence *random)
{
    enum { MOST_ALLOCATIONS = 200 };
    dt_reduce *reduce = NULL;
    dt_error error = {0};
    size_t too_many = (size_t)INT_MAX + 1;
    dt_status status =
        dt_reduce_create(comm, DT_ALLREDUCE_TREE, MOST_VIRTUAL_RANKS, too_many, 0, &reduce, &error);
    check_status("too many parameters", DT_ERR_CONFIG, status, &error);
    for (int n = 1, failed = 1; failed; n++) {
        int victim = draw_int(random, 0, dt_comm_size(comm) - 1);
        if (dt_comm_rank(comm) == victim)
            dt_memory_fail_at(n);
        error = (dt_error){0};
        status =
            dt_reduce_create(comm, DT_ALLREDUCE_TREE, MOST_VIRTUAL_RANKS, 100, 0, &reduce, &error);
        dt_memory_fail_at(0);
        failed = status != DT_OK;
        check_status("a rank without memory", failed ? DT_ERR_INTERNAL : DT_OK, status, &error);
        if (!check(n > 5 ? n < MOST_ALLOCATIONS : failed,
                   "allocation %d of dt_reduce_create: expected an error for the first few alone",
                   n))
            failed = 0;
    }
    dt_reduce_destroy(reduce);
}

static void test(dt_comm *comm)
{
    static const size_t counts[] = {1, 15, 16, 17, 1000, 109388};
    int size = dt_comm_size(comm);
    dt_random_sequence random = draw_begin(1);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int draw = 0; draw < (counts[i] > 1000 ? 3 : 4); draw++) {
            int virtual_ranks = draw == 1 ? size : draw_int(&random, size, MOST_VIRTUAL_RANKS);
            if (draw == 2) /* some ranks play none, and perhaps whole hosts */
                virtual_ranks = draw_int(&random, 1, size);
            size_t least = 1 + counts[i] / 200; /* more sections test nothing more */
            size_t section = (size_t)draw_int(&random, (int)least, (int)counts[i]);
            if (draw == 0)
                section = 0;
            else if (draw == 1)
                section = counts[i] - counts[i] / 256; /* the small rest overtakes it */
            test_rounds(comm, DT_ALLREDUCE_TREE, virtual_ranks, counts[i], section);
            if (draw == 0 || draw == 2)
                test_rounds(comm, DT_ALLREDUCE_MPI, virtual_ranks, counts[i], 0);
        }
    check_section(comm);
    test_bounded(comm, size, 300);
    test_bounded(comm, 3 * size, 5000);
    for (int draw = 0; draw < 20; draw++) {
        int virtual_ranks = draw_int(&random, 1, MOST_VIRTUAL_RANKS);
        test_totals(comm, virtual_ranks, draw_int(&random, 1, MOST_WIDTH), &random);
    }
    for (int draw = 0; draw < 2; draw++) /* too large for copies */
        test_rounds(comm, DT_ALLREDUCE_TREE, draw ? size : 3, DT_STREAM_MOST + 5, 0);
    test_failures(comm, &random);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}

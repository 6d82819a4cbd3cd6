#include "nn/exactness.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "nn/matmul.h"
#include "nn/real.h"

enum { ROWS = 3, DEPTH = 9, COLUMNS = 37 };

/* What is declared so cannot be computed by the compiler: it is the library's, and rounds once. */
#ifdef DT_DOUBLE
static double (*volatile const fused)(double, double, double) = fma;
#else
static float (*volatile const fused)(float, float, float) = fmaf;
#endif

static void draw(uint32_t sample, int count, dt_real *values)
{
    dt_random_key key = {.seed = 1, .stream = DT_STREAM_EXACTNESS, .sample = sample};
    dt_random_sequence random = dt_random_sequence_of(key);
    for (int i = 0; i < count; i++)
        values[i] = (dt_real)(dt_uniform(dt_random_next(&random)) - 0.5);
}

static dt_real chain(const dt_real *a, ptrdiff_t step_a, const dt_real *b, ptrdiff_t step_b)
{
    dt_real sum = 0;
    for (int k = 0; k < DEPTH; k++)
        sum = fused(a[k * step_a], b[k * step_b], sum);
    return sum;
}

static bool products_are_fused(void)
{
    static const int32_t index[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    dt_real a[ROWS * DEPTH], b[DEPTH * COLUMNS + DT_MATMUL_PAD] = {0};
    dt_real forward[ROWS * COLUMNS] = {0}, transposed[DEPTH * COLUMNS];
    dt_real *sums[] = {transposed};
    const dt_piece piece = {.samples = ROWS, .fresh = true};
    const dt_summation summation = {.piece_count = 1, .pieces = &piece, .sums = sums};
    bool same = true;
    draw(0, ROWS * DEPTH, a);
    draw(1, DEPTH * COLUMNS, b);
    dt_matmul((dt_columns){DEPTH, index}, (dt_matrix){a, DEPTH}, (dt_matrix){b, COLUMNS},
              (dt_product){forward, COLUMNS, ROWS, COLUMNS});
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            same &= forward[i * COLUMNS + j] == chain(a + i * DEPTH, 1, b + j, COLUMNS);
    dt_matmul_transposed(DEPTH, COLUMNS, (dt_columns){DEPTH, index}, (dt_matrix){a, DEPTH},
                         (dt_matrix){b, COLUMNS}, &summation);
    for (int i = 0; i < DEPTH; i++)
        for (int j = 0; j < COLUMNS; j++) {
            dt_real sum = 0;
            for (int k = 0; k < ROWS; k++)
                sum = fused(a[k * DEPTH + i], b[k * COLUMNS + j], sum);
            same &= transposed[i * COLUMNS + j] == sum;
        }
    dt_matmul_by_transposed(DEPTH, (dt_matrix){a, DEPTH}, (dt_matrix){b, DEPTH},
                            (dt_product){forward, ROWS, ROWS, ROWS});
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++)
            same &= forward[i * ROWS + j] == chain(a + i * DEPTH, 1, b + j * DEPTH, 1);
    return same;
}

/* Compiled as any other code here is. */
static __attribute__((noinline)) void multiply_and_add(int count, const dt_real *a,
                                                       const dt_real *b, dt_real *sum)
{
    for (int i = 0; i < count; i++)
        sum[i] += a[i] * b[i];
}

static __attribute__((noinline)) dt_real add_up(int count, const dt_real *values)
{
    dt_real sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static bool others_are_not(void)
{
    dt_real a[COLUMNS], b[COLUMNS], sum[COLUMNS], found[COLUMNS];
    bool same = true;
    draw(2, COLUMNS, a);
    draw(3, COLUMNS, b);
    draw(4, COLUMNS, sum);
    memcpy(found, sum, sizeof found);
    multiply_and_add(COLUMNS, a, b, found);
    for (int i = 0; i < COLUMNS; i++) {
        volatile dt_real product = a[i] * b[i];
        same &= found[i] == product + sum[i];
    }
    return same;
}

static bool sums_keep_their_order(void)
{
    dt_real values[COLUMNS];
    volatile dt_real sum = 0;
    draw(5, COLUMNS, values);
    for (int i = 0; i < COLUMNS; i++)
        sum = sum + values[i];
    return add_up(COLUMNS, values) == sum;
}

static bool small_numbers_stay(void)
{
    volatile float smallest = FLT_MIN, half = 0.5f, product = smallest * half;
    return product > 0 && product * 2 == FLT_MIN;
}

dt_status dt_exactness_check(dt_error *error)
{
    const char *fault = NULL;
    if (!products_are_fused())
        fault = "matrix products are no chains of fused multiply-adds";
    else if (!others_are_not())
        fault = "a product and a sum are rounded together (-ffp-contract=fast)";
    else if (!sums_keep_their_order())
        fault = "sums are put into another order (-ffast-math, -Ofast)";
    else if (!small_numbers_stay())
        fault = "numbers below 1.2e-38 become zero (-ffast-math, -Ofast)";
    if (!fault)
        return DT_OK;
    return dt_fail(error, DT_ERR_CONFIG,
                   "as this program was compiled, its results would not be the same bits on every "
                   "machine: %s; build it without such flags in CFLAGS (make clean; make)",
                   fault);
}

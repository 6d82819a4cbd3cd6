#include "nn/matmul.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "draw.h"

CU_SuiteInfo dt_suite_matmul(void);

enum { ROWS = 20, COLUMNS = 70, DEPTH = 20, WIDTH = 40, LDC = COLUMNS + 3, GUARD = 16 };

/* A is [DEPTH or ROWS][WIDTH + 1], B [..][ldb] and its padding, C [WIDTH][LDC] with guards. */
typedef struct fixture {
    int32_t index[WIDTH];
    float a[WIDTH][WIDTH + 1];
    float b[(WIDTH + 5) * (COLUMNS + 5) + DT_MATMUL_PAD];
    float start[WIDTH * LDC + 2 * GUARD], c[WIDTH * LDC + 2 * GUARD];
    float expected[WIDTH * LDC + 2 * GUARD];
} fixture;

static void fill(float *values, size_t count, dt_random_sequence *random)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)draw_real(random, -1, 1);
}

static fixture *begin(uint32_t sample)
{
    fixture *f = dt_calloc(1, sizeof *f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    dt_random_sequence random = draw_begin(sample);
    fill(&f->a[0][0], sizeof f->a / sizeof(float), &random);
    fill(f->b, sizeof f->b / sizeof(float), &random);
    fill(f->start, sizeof f->start / sizeof(float), &random);
    return f;
}

/* `count` of the first WIDTH numbers, ascending. */
static void draw_index(fixture *f, int count, dt_random_sequence *random)
{
    int taken = 0;
    for (int i = 0; taken < count; i++)
        if (draw_int(random, 1, WIDTH - i) <= count - taken)
            f->index[taken++] = i;
}

/* The chain of fused multiply-adds in the order of k. */
static float chain(float a, float b, float sum)
{
    return fmaf(a, b, sum);
}

static void oracle(int rows, int columns, int depth, const int32_t *index, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c)
{
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < depth; k++)
            for (int j = 0; j < columns; j++)
                c[i * LDC + j] =
                    chain(a[i * lda + index[k]], b[index[k] * ldb + j], c[i * LDC + j]);
}

static void oracle_transposed(int rows, int columns, int depth, const int32_t *index,
                              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                              float *c)
{
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < depth; k++)
            for (int j = 0; j < columns; j++)
                c[index[i] * LDC + j] =
                    chain(a[k * lda + index[i]], b[k * ldb + j], c[index[i] * LDC + j]);
}

typedef struct shape {
    int rows, columns, depth;
} shape;

/* Goes on with the sum in C by the products of `depth` samples. */
static void add_transposed(int rows, int columns, int depth, const int32_t *index, const float *a,
                           ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc)
{
    dt_piece piece = {.samples = depth};
    dt_summation sum = {.piece_count = 1, .pieces = &piece, .depth = 1, .sums = &c};
    dt_matmul_transposed(rows, columns, rows, index, a, lda, b, ldb, &sum, ldc);
}

/* What is not of the product stays: the guards around C, between its rows, and rows left out. */
static int same_bits(const fixture *f)
{
    return memcmp(f->c, f->expected, sizeof f->c) == 0;
}

/* B's rows are `ldb` apart; what stands beyond its columns and behind it is NaN. */
static void set_surplus(fixture *f, int rows, int columns, int ldb)
{
    size_t count = sizeof f->b / sizeof(float);
    for (size_t i = 0; i < count; i++)
        if ((int)(i % (size_t)ldb) >= columns || i >= (size_t)(rows * ldb))
            f->b[i] = NAN;
}

static int check_forward(fixture *f, shape s, int ldb)
{
    memcpy(f->c, f->start, sizeof f->c);
    memcpy(f->expected, f->start, sizeof f->c);
    dt_matmul(s.rows, s.columns, s.depth, f->index, f->a[0], WIDTH + 1, f->b, ldb, f->c + GUARD,
              LDC);
    oracle(s.rows, s.columns, s.depth, f->index, f->a[0], WIDTH + 1, f->b, ldb,
           f->expected + GUARD);
    return same_bits(f);
}

static int check_transposed(fixture *f, shape s, int ldb)
{
    memcpy(f->c, f->start, sizeof f->c);
    memcpy(f->expected, f->start, sizeof f->c);
    add_transposed(s.rows, s.columns, s.depth, f->index, f->a[0], WIDTH + 1, f->b, ldb,
                   f->c + GUARD, LDC);
    oracle_transposed(s.rows, s.columns, s.depth, f->index, f->a[0], WIDTH + 1, f->b, ldb,
                      f->expected + GUARD);
    return same_bits(f);
}

/* B is read along its rows; what C holds before does not matter. */
static int check_by_transposed(fixture *f, shape s, int ldb)
{
    memcpy(f->c, f->start, sizeof f->c);
    memcpy(f->expected, f->start, sizeof f->c);
    dt_matmul_by_transposed(s.rows, s.columns, s.depth, f->a[0], WIDTH + 1, f->b, ldb, f->c + GUARD,
                            LDC);
    for (int i = 0; i < s.rows; i++)
        for (int j = 0; j < s.columns; j++) {
            float sum = 0;
            for (int k = 0; k < s.depth; k++)
                sum = chain(f->a[i][k], f->b[j * ldb + k], sum);
            f->expected[GUARD + i * LDC + j] = sum;
        }
    return same_bits(f);
}

static void test_all_shapes(void)
{
    fixture *f = begin(20);
    dt_random_sequence random = draw_begin(21);
    for (int columns = 0; columns <= COLUMNS; columns++) {
        int ldb = columns + draw_int(&random, 0, 5);
        if (ldb == 0)
            ldb = 1;
        fill(f->b, sizeof f->b / sizeof(float), &random);
        set_surplus(f, WIDTH, columns, ldb);
        for (int rows = 0; rows <= ROWS; rows++)
            for (int depth = 0; depth <= DEPTH; depth++) {
                shape s = {rows, columns, depth};
                draw_index(f, depth, &random);
                int good = check_forward(f, s, ldb);
                draw_index(f, rows, &random);
                good &= check_transposed(f, s, ldb);
                CU_ASSERT_TRUE(good);
                if (!good)
                    printf("rows %d, columns %d, depth %d\n", rows, columns, depth);
            }
    }
    dt_free(f);
}

static void test_all_shapes_by_transposed(void)
{
    fixture *f = begin(27);
    dt_random_sequence random = draw_begin(28);
    for (int depth = 1; depth <= WIDTH; depth++) {
        int ldb = depth + draw_int(&random, 0, 5);
        fill(f->b, sizeof f->b / sizeof(float), &random);
        set_surplus(f, COLUMNS, depth, ldb);
        for (int rows = 0; rows <= ROWS; rows++)
            for (int columns = 0; columns <= COLUMNS; columns++) {
                shape s = {rows, columns, depth};
                int good = check_by_transposed(f, s, ldb);
                CU_ASSERT_TRUE(good);
                if (!good)
                    printf("rows %d, columns %d, depth %d\n", rows, columns, depth);
            }
    }
    dt_free(f);
}

/* The products of large layers go in panels: the bits are those of the naive loop all the same. */
static void test_large(void)
{
    enum { M = 31, N = 1100, K = 700 };
    dt_random_sequence random = draw_begin(29);
    float *a = dt_calloc(M * N, sizeof *a, NULL);
    float *b = dt_calloc(K * N + DT_MATMUL_PAD, sizeof *b, NULL);
    float *c = dt_calloc(M * N, sizeof *c, NULL);
    int32_t *all = dt_calloc(N, sizeof *all, NULL);
    CU_ASSERT_FATAL(a && b && c && all);
    fill(a, M * N, &random);
    fill(b, K * N, &random);
    for (int i = 0; i < N; i++)
        all[i] = i;
    int same = 1, again = 1;
    dt_matmul(M, N, K, all, a, K, b, N, c, N);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j += 3) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum = chain(a[i * K + k], b[k * N + j], sum);
            same &= c[i * N + j] == sum;
        }
    dt_matmul_by_transposed(M, K, N, a, N, b, N, c, K);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < K; j += 3) {
            float sum = 0;
            for (int k = 0; k < N; k++)
                sum = chain(a[i * N + k], b[j * N + k], sum);
            again &= c[i * K + j] == sum;
        }
    CU_ASSERT_TRUE(same);
    CU_ASSERT_TRUE(again);
    dt_free(a);
    dt_free(b);
    dt_free(c);
    dt_free(all);
}

/* Rows and columns of C are each of their own: whatever else is computed with them, and wherever
 * they stand, their bits are the same. */
static void test_place_does_not_matter(void)
{
    fixture *f = begin(22);
    dt_random_sequence random = draw_begin(23);
    float whole[ROWS][COLUMNS];
    draw_index(f, DEPTH, &random);
    memset(whole, 0, sizeof whole);
    dt_matmul(ROWS, COLUMNS, DEPTH, f->index, f->a[0], WIDTH + 1, f->b, COLUMNS, whole[0], COLUMNS);
    for (int round = 0; round < 2000; round++) {
        int row = draw_int(&random, 0, ROWS - 1), rows = draw_int(&random, 1, ROWS - row);
        int column = draw_int(&random, 0, COLUMNS - 1);
        int columns = draw_int(&random, 1, COLUMNS - column), same = 1;
        float part[ROWS][COLUMNS] = {{0}};
        dt_matmul(rows, columns, DEPTH, f->index, f->a[row], WIDTH + 1, f->b + column, COLUMNS,
                  part[0], COLUMNS);
        for (int i = 0; i < rows; i++)
            same &= memcmp(part[i], &whole[row + i][column], (size_t)columns * sizeof(float)) == 0;
        CU_ASSERT_TRUE(same);
    }
    dt_free(f);
}

/* Cutting the summation in two anywhere, the second call going on from what C holds, changes no
 * bit: this is what makes a sum over samples independent of the tiles. */
static void test_cut_of_the_sum(void)
{
    fixture *f = begin(24);
    int32_t all[WIDTH];
    float whole[ROWS][COLUMNS] = {{0}}, parts[ROWS][COLUMNS];
    for (int i = 0; i < WIDTH; i++)
        all[i] = i;
    dt_matmul(ROWS, COLUMNS, WIDTH, all, f->a[0], WIDTH + 1, f->b, COLUMNS, whole[0], COLUMNS);
    for (int cut = 0; cut <= WIDTH; cut++) {
        memset(parts, 0, sizeof parts);
        dt_matmul(ROWS, COLUMNS, cut, all, f->a[0], WIDTH + 1, f->b, COLUMNS, parts[0], COLUMNS);
        dt_matmul(ROWS, COLUMNS, WIDTH - cut, all + cut, f->a[0], WIDTH + 1, f->b, COLUMNS,
                  parts[0], COLUMNS);
        CU_ASSERT_EQUAL(memcmp(parts, whole, sizeof whole), 0);
    }
    memset(whole, 0, sizeof whole);
    add_transposed(ROWS, COLUMNS, WIDTH, all, f->a[0], WIDTH + 1, f->b, COLUMNS, whole[0], COLUMNS);
    for (int cut = 0; cut <= WIDTH; cut++) {
        memset(parts, 0, sizeof parts);
        add_transposed(ROWS, COLUMNS, cut, all, f->a[0], WIDTH + 1, f->b, COLUMNS, parts[0],
                       COLUMNS);
        add_transposed(ROWS, COLUMNS, WIDTH - cut, all, f->a[cut], WIDTH + 1, f->b + cut * COLUMNS,
                       COLUMNS, parts[0], COLUMNS);
        CU_ASSERT_EQUAL(memcmp(parts, whole, sizeof whole), 0);
    }
    dt_free(f);
}

/* With columns of A that are zero left out or not: the same values (the sign of a zero may differ,
 * and == does not see it). */
static void test_zero_columns(void)
{
    fixture *f = begin(25);
    dt_random_sequence random = draw_begin(26);
    int32_t all[WIDTH];
    for (int i = 0; i < WIDTH; i++)
        all[i] = i;
    for (int round = 0; round < 200; round++) {
        float full[WIDTH * LDC], left_out[WIDTH * LDC];
        int used = draw_int(&random, 0, WIDTH), same = 1;
        draw_index(f, used, &random);
        fill(f->a[0], sizeof f->a / sizeof(float), &random);
        for (int j = 0, next = 0; j < WIDTH; j++) {
            if (next < used && f->index[next] == j)
                next++;
            else
                for (int i = 0; i < WIDTH; i++)
                    f->a[i][j] = 0;
        }
        memcpy(full, f->start, sizeof full);
        memcpy(left_out, f->start, sizeof left_out);
        dt_matmul(ROWS, 33, WIDTH, all, f->a[0], WIDTH + 1, f->b, 33, full, LDC);
        dt_matmul(ROWS, 33, used, f->index, f->a[0], WIDTH + 1, f->b, 33, left_out, LDC);
        for (int i = 0; i < WIDTH * LDC; i++)
            same &= full[i] == left_out[i];
        add_transposed(WIDTH, 33, DEPTH, all, f->a[0], WIDTH + 1, f->b, 33, full, LDC);
        add_transposed(used, 33, DEPTH, f->index, f->a[0], WIDTH + 1, f->b, 33, left_out, LDC);
        for (int i = 0; i < WIDTH * LDC; i++)
            same &= full[i] == left_out[i];
        CU_ASSERT_TRUE(same);
    }
    dt_free(f);
}

/* A product that is known without arithmetic: B is picked apart by unit vectors, and a NaN in it
 * reaches its own column alone. */
static void test_unit_vectors(void)
{
    static const float unit[3][3] = {{0, 0, 2}, {1, 0, 0}, {0, -1, 0}};
    static const int32_t all[] = {0, 1, 2};
    float b[3][5] = {{1, 2, 3, 4, 5}, {6, 7, 8, NAN, 10}, {11, 12, 13, 14, 15}};
    float padded[15 + DT_MATMUL_PAD] = {0}, c[3][5] = {{0}}, t[3][5] = {{0}};
    memcpy(padded, b, sizeof b);
    dt_matmul(3, 5, 3, all, unit[0], 3, padded, 5, c[0], 5);
    add_transposed(3, 5, 3, all, unit[0], 3, padded, 5, t[0], 5);
    for (int j = 0; j < 5; j++) {
        if (j == 3) {
            CU_ASSERT(isnan(c[0][j]) && isnan(c[2][j]) && isnan(t[0][j]) && isnan(t[1][j]));
            continue;
        }
        CU_ASSERT_EQUAL(c[0][j], 2 * b[2][j]);
        CU_ASSERT_EQUAL(c[1][j], b[0][j]);
        CU_ASSERT_EQUAL(c[2][j], -b[1][j]);
        CU_ASSERT_EQUAL(t[0][j], b[1][j]);
        CU_ASSERT_EQUAL(t[1][j], -b[2][j]);
        CU_ASSERT_EQUAL(t[2][j], 2 * b[0][j]);
    }
}

CU_SuiteInfo dt_suite_matmul(void)
{
    static CU_TestInfo tests[] = {
        {"all shapes: the naive loop's bits, nothing else touched", test_all_shapes},
        {"the same of a transposed B", test_all_shapes_by_transposed},
        {"large matrices: the naive loop's bits", test_large},
        {"a row's and a column's place do not matter", test_place_does_not_matter},
        {"a sum cut in two has the same bits", test_cut_of_the_sum},
        {"zero columns may be left out", test_zero_columns},
        {"unit vectors pick rows, NaN stays in its column", test_unit_vectors},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "matmul", .pTests = tests};
}

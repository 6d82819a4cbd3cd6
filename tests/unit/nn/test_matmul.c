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

static void oracle_transposed(int columns, int depth, dt_columns of_a, dt_matrix a, dt_matrix b,
                              float *c)
{
    for (int i = 0; i < of_a.count; i++)
        for (int k = 0; k < depth; k++)
            for (int j = 0; j < columns; j++) {
                float *sum = c + of_a.index[i] * columns + j;
                *sum =
                    chain(a.values[k * a.stride + of_a.index[i]], b.values[k * b.stride + j], *sum);
            }
}

typedef struct shape {
    int rows, columns, depth;
} shape;

static dt_matrix a_from(const fixture *f, int row)
{
    return (dt_matrix){f->a[row], WIDTH + 1};
}

/* Goes on with the sum in C by the products of `depth` samples. */
static void add_transposed(int columns, int depth, dt_columns of_a, dt_matrix a, dt_matrix b,
                           float *c)
{
    dt_piece piece = {.samples = depth};
    dt_summation sum = {.piece_count = 1, .pieces = &piece, .depth = 1, .sums = &c};
    dt_matmul_transposed(of_a.count, columns, of_a, a, b, &sum);
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
    dt_matmul((dt_columns){s.depth, f->index}, a_from(f, 0), (dt_matrix){f->b, ldb},
              (dt_product){f->c + GUARD, LDC, s.rows, s.columns});
    oracle(s.rows, s.columns, s.depth, f->index, f->a[0], WIDTH + 1, f->b, ldb,
           f->expected + GUARD);
    return same_bits(f);
}

static int check_transposed(fixture *f, shape s, int ldb)
{
    memcpy(f->c, f->start, sizeof f->c);
    memcpy(f->expected, f->start, sizeof f->c);
    dt_columns of_a = {s.rows, f->index};
    dt_matrix b = {f->b, ldb};
    add_transposed(s.columns, s.depth, of_a, a_from(f, 0), b, f->c + GUARD);
    oracle_transposed(s.columns, s.depth, of_a, a_from(f, 0), b, f->expected + GUARD);
    return same_bits(f);
}

/* B is read along its rows; what C holds before does not matter. */
static int check_by_transposed(fixture *f, shape s, int ldb)
{
    memcpy(f->c, f->start, sizeof f->c);
    memcpy(f->expected, f->start, sizeof f->c);
    dt_matmul_by_transposed(s.depth, a_from(f, 0), (dt_matrix){f->b, ldb},
                            (dt_product){f->c + GUARD, LDC, s.rows, s.columns});
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
    dt_matmul((dt_columns){K, all}, (dt_matrix){a, K}, (dt_matrix){b, N}, (dt_product){c, N, M, N});
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j += 3) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum = chain(a[i * K + k], b[k * N + j], sum);
            same &= c[i * N + j] == sum;
        }
    dt_matmul_by_transposed(N, (dt_matrix){a, N}, (dt_matrix){b, N}, (dt_product){c, K, M, K});
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
    dt_matmul((dt_columns){DEPTH, f->index}, a_from(f, 0), (dt_matrix){f->b, COLUMNS},
              (dt_product){whole[0], COLUMNS, ROWS, COLUMNS});
    for (int round = 0; round < 2000; round++) {
        int row = draw_int(&random, 0, ROWS - 1), rows = draw_int(&random, 1, ROWS - row);
        int column = draw_int(&random, 0, COLUMNS - 1);
        int columns = draw_int(&random, 1, COLUMNS - column), same = 1;
        float part[ROWS][COLUMNS] = {{0}};
        dt_matmul((dt_columns){DEPTH, f->index}, a_from(f, row),
                  (dt_matrix){f->b + column, COLUMNS},
                  (dt_product){part[0], COLUMNS, rows, columns});
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
    dt_matrix a = a_from(f, 0), b = {f->b, COLUMNS};
    dt_product into_whole = {whole[0], COLUMNS, ROWS, COLUMNS};
    dt_product into_parts = {parts[0], COLUMNS, ROWS, COLUMNS};
    dt_matmul((dt_columns){WIDTH, all}, a, b, into_whole);
    for (int cut = 0; cut <= WIDTH; cut++) {
        memset(parts, 0, sizeof parts);
        dt_matmul((dt_columns){cut, all}, a, b, into_parts);
        dt_matmul((dt_columns){WIDTH - cut, all + cut}, a, b, into_parts);
        CU_ASSERT_EQUAL(memcmp(parts, whole, sizeof whole), 0);
    }
    memset(whole, 0, sizeof whole);
    dt_columns rows = {ROWS, all};
    add_transposed(COLUMNS, WIDTH, rows, a, b, whole[0]);
    for (int cut = 0; cut <= WIDTH; cut++) {
        memset(parts, 0, sizeof parts);
        add_transposed(COLUMNS, cut, rows, a, b, parts[0]);
        add_transposed(COLUMNS, WIDTH - cut, rows, a_from(f, cut),
                       (dt_matrix){f->b + cut * COLUMNS, COLUMNS}, parts[0]);
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
        dt_columns every = {WIDTH, all}, some = {used, f->index};
        dt_matrix a = a_from(f, 0), b = {f->b, 33};
        dt_matmul(every, a, b, (dt_product){full, LDC, ROWS, 33});
        dt_matmul(some, a, b, (dt_product){left_out, LDC, ROWS, 33});
        for (int i = 0; i < WIDTH * LDC; i++)
            same &= full[i] == left_out[i];
        add_transposed(33, DEPTH, every, a, b, full);
        add_transposed(33, DEPTH, some, a, b, left_out);
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
    dt_columns three = {3, all};
    dt_matrix units = {unit[0], 3}, values = {padded, 5};
    dt_matmul(three, units, values, (dt_product){c[0], 5, 3, 5});
    add_transposed(5, 3, three, units, values, t[0]);
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

#include "nn/summation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "draw.h"
#include "nn/matmul.h"

CU_SuiteInfo dt_suite_summation(void);

enum { ROWS = 23, COLUMNS = 70, LDC = COLUMNS + 3, MATRIX = ROWS * LDC, GUARD = 16 };
enum { PIECES = 60, CALLS = 4, SAMPLES = 40 };

/* The arrays of the stack: guards, the offset, the matrix, guards. */
enum { ARRAY = GUARD + GUARD + MATRIX + GUARD };

/* The shape of all calls of a round, and the stack of whole matrices that is the oracle. */
typedef struct fixture {
    int rows, columns, depth;
    ptrdiff_t lda, ldb;
    size_t offset;
    float a[SAMPLES * (ROWS + 2)], b[SAMPLES * (COLUMNS + 5) + DT_MATMUL_PAD];
    float arrays[DT_SUMS_MAX][ARRAY], before[DT_SUMS_MAX][ARRAY];
    float expected[DT_SUMS_MAX][ROWS][COLUMNS];
} fixture;

static float *matrix(float *array, const fixture *f)
{
    return array + GUARD + f->offset;
}

/* A new shape. Everything is NaN but the matrices of the first `depth` arrays. */
static void begin_round(fixture *f, int depth, dt_random_sequence *random)
{
    f->rows = draw_int(random, 0, ROWS);
    /* whole vectors as often as not */
    f->columns = draw_int(random, 0, 1) ? draw_int(random, 0, COLUMNS) : 8 * draw_int(random, 0, 8);
    f->lda = draw_int(random, 0, 3) ? f->rows + draw_int(random, 0, 2) : 0;
    f->ldb = f->columns + draw_int(random, 0, 5);
    f->offset = (size_t)draw_int(random, 0, GUARD);
    f->depth = depth;
    for (int level = 0; level < DT_SUMS_MAX; level++)
        for (int i = 0; i < ARRAY; i++)
            f->arrays[level][i] = NAN;
    for (int level = 0; level < depth; level++)
        for (int i = 0; i < f->rows; i++)
            for (int j = 0; j < f->columns; j++)
                f->expected[level][i][j] = matrix(f->arrays[level], f)[i * f->columns + j] =
                    (float)draw_real(random, -1, 1);
    memcpy(f->before, f->arrays, sizeof f->arrays);
}

/* Rows of A that are not active are zero; B's surplus is NaN. Returns how many are active. */
static int draw_factors(fixture *f, int32_t *index, dt_random_sequence *random)
{
    int active = 0, density = draw_int(random, 0, 4);
    memset(f->a, 0, sizeof f->a);
    for (int i = 0; i < f->rows; i++)
        if (draw_int(random, 0, 3) < density) {
            index[active++] = i;
            for (int k = 0; k < (f->lda ? SAMPLES : 1); k++)
                f->a[k * f->lda + i] = (float)draw_real(random, -1, 1);
        }
    size_t count = sizeof f->b / sizeof *f->b;
    for (size_t i = 0; i < count; i++)
        f->b[i] = f->ldb > 0 && (int)(i % (size_t)f->ldb) < f->columns
                      ? (float)draw_real(random, -1, 1)
                      : NAN;
    return active;
}

typedef struct program {
    int count, arrays, depth_after;
    dt_piece pieces[PIECES];
} program;

/* Pieces for a stack that has `depth` sums: any that never need more than `most` of them. `arrays`
 * is the largest number of sums while it runs. */
static program draw_program(int depth, int most, dt_random_sequence *random)
{
    program p = {.count = draw_int(random, 0, draw_int(random, 0, 3) ? 8 : PIECES),
                 .arrays = depth};
    int left = SAMPLES, merging = draw_int(random, 0, 3);
    for (int i = 0; i < p.count; i++) {
        dt_piece *piece = &p.pieces[i];
        int few = left < 9 ? left : 9;
        piece->fresh = depth == 0 || (depth < most && draw_int(random, 0, 3) > 0);
        piece->samples = draw_int(random, 0, 3) ? draw_int(random, 0, few) : 0;
        left -= piece->samples;
        depth += piece->fresh;
        p.arrays = depth > p.arrays ? depth : p.arrays;
        if (draw_int(random, 0, 3) < merging)
            piece->merges = draw_int(random, 0, draw_int(random, 0, 3) ? depth / 2 : depth - 1);
        depth -= piece->merges;
    }
    p.depth_after = depth;
    return p;
}

/* One fused multiply-add. */
static float chain(float a, float b, float sum)
{
    return fmaf(a, b, sum);
}

/* The words of nn/summation.h, with a stack of whole matrices. */
static void evaluate(fixture *f, const program *p)
{
    int top = f->depth - 1, sample = 0;
    for (int n = 0; n < p->count; n++) {
        const dt_piece *piece = &p->pieces[n];
        if (piece->fresh)
            memset(f->expected[++top], 0, sizeof f->expected[top]);
        for (int k = sample; k < sample + piece->samples; k++)
            for (int i = 0; i < f->rows; i++)
                for (int j = 0; j < f->columns; j++)
                    f->expected[top][i][j] =
                        chain(f->a[k * f->lda + i], f->b[k * f->ldb + j], f->expected[top][i][j]);
        sample += piece->samples;
        for (int m = 0; m < piece->merges; m++, top--)
            for (int i = 0; i < f->rows; i++)
                for (int j = 0; j < f->columns; j++)
                    f->expected[top - 1][i][j] += f->expected[top][i][j];
    }
    f->depth = p->depth_after;
}

/* The product of the samples from `first` on. */
static void multiply(const fixture *f, dt_columns of_a, int first, const dt_summation *summation)
{
    dt_matmul_transposed(f->rows, f->columns, of_a, (dt_matrix){f->a + first * f->lda, f->lda},
                         (dt_matrix){f->b + first * f->ldb, f->ldb}, summation);
}

/* Runs the program on the arrays and on the oracle. The list of arrays is as long as it must be,
 * in memory of its own. */
static void run(fixture *f, const program *p, dt_random_sequence *random)
{
    int32_t index[ROWS];
    int active = draw_factors(f, index, random);
    float **sums = dt_calloc((size_t)p->arrays, sizeof *sums, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sums);
    for (int i = 0; i < p->arrays; i++)
        sums[i] = f->arrays[i] + GUARD;
    dt_summation summation = {.piece_count = p->count,
                              .pieces = p->pieces,
                              .depth = f->depth,
                              .sums = sums,
                              .offset = f->offset};
    multiply(f, (dt_columns){active, index}, 0, &summation);
    evaluate(f, p);
    dt_free(sums);
}

static int inside(const fixture *f, int i)
{
    int place = i - GUARD - (int)f->offset;
    return place >= 0 && place < f->rows * f->columns;
}

/* The sums on the stack are the oracle's; of the arrays above it only the matrices may have been
 * written to, and of those at `touched` and above nothing. */
static int as_expected(fixture *f, int touched)
{
    for (int level = 0; level < f->depth; level++)
        for (int i = 0; i < f->rows; i++)
            for (int j = 0; j < f->columns; j++)
                if (matrix(f->arrays[level], f)[i * f->columns + j] != f->expected[level][i][j])
                    return 0;
    for (int level = 0; level < DT_SUMS_MAX; level++)
        for (int i = 0; i < ARRAY; i++)
            if ((level >= touched || !inside(f, i)) &&
                memcmp(&f->arrays[level][i], &f->before[level][i], sizeof(float)) != 0)
                return 0;
    return 1;
}

static fixture *begin(void)
{
    fixture *f = dt_calloc(1, sizeof *f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    return f;
}

/* `rounds` programs in up to CALLS calls, on stacks of up to `most` sums. */
static void check_programs(uint32_t sample, int rounds, int most)
{
    fixture *f = begin();
    dt_random_sequence random = draw_begin(sample);
    for (int round = 0; round < rounds; round++) {
        begin_round(f, draw_int(&random, 0, most), &random);
        int calls = draw_int(&random, 1, CALLS), arrays = 0, first = f->depth;
        for (int call = 0; call < calls; call++) {
            program p = draw_program(f->depth, most, &random);
            arrays = p.arrays > arrays ? p.arrays : arrays;
            run(f, &p, &random);
        }
        int good = as_expected(f, arrays);
        CU_ASSERT_TRUE(good);
        if (!good) {
            printf("round %d: %d x %d, lda %d, %d calls, depth %d -> %d\n", round, f->rows,
                   f->columns, (int)f->lda, calls, first, f->depth);
            break;
        }
    }
    dt_free(f);
}

static void test_programs(void)
{
    check_programs(40, 600, 6);
}

static void test_deep_programs(void)
{
    check_programs(41, 60, DT_SUMS_MAX);
}

/* A sum of whole vectors alone in a tile takes a short way: new or going on, empty or not. */
static void test_single_piece(void)
{
    fixture *f = begin();
    dt_random_sequence random = draw_begin(42);
    for (int round = 0; round < 400; round++) {
        int depth = draw_int(&random, 0, 3);
        program p = {.count = 1};
        begin_round(f, depth, &random);
        p.pieces[0].fresh = depth == 0 || draw_int(&random, 0, 1);
        p.pieces[0].samples = draw_int(&random, 0, SAMPLES);
        p.arrays = p.depth_after = depth + p.pieces[0].fresh;
        run(f, &p, &random);
        CU_ASSERT_TRUE(as_expected(f, p.arrays));
        for (int level = 0; level < p.arrays - 1; level++)
            CU_ASSERT_EQUAL(memcmp(f->arrays[level], f->before[level], sizeof f->before[level]), 0);
    }
    dt_free(f);
}

/* Where a program is cut into calls changes no bit: a piece may be cut too. */
static void test_cut_into_calls(void)
{
    fixture *f = begin();
    dt_random_sequence random = draw_begin(43);
    for (int round = 0; round < 200; round++) {
        static float whole[ARRAY];
        int32_t index[ROWS];
        float *sum = f->arrays[0] + GUARD;
        begin_round(f, 0, &random);
        int active = draw_factors(f, index, &random);
        int cut = draw_int(&random, 0, SAMPLES), end = draw_int(&random, cut, SAMPLES);
        dt_piece piece = {.samples = end, .fresh = true};
        dt_summation summation = {.piece_count = 1, .pieces = &piece, .sums = &sum};
        multiply(f, (dt_columns){active, index}, 0, &summation);
        memcpy(whole, f->arrays[0], sizeof whole);
        piece.samples = cut;
        multiply(f, (dt_columns){active, index}, 0, &summation);
        piece = (dt_piece){.samples = end - cut};
        summation.depth = 1;
        multiply(f, (dt_columns){active, index}, cut, &summation);
        CU_ASSERT_EQUAL(memcmp(whole, f->arrays[0], sizeof whole), 0);
    }
    dt_free(f);
}

/* The order of additions is the stack's: 2^24 + (1 + 1) is not (2^24 + 1) + 1 in float. */
static void test_order_by_hand(void)
{
    static const float a[] = {0x1p24f, 1, 1};
    static const int32_t first = 0;
    float b[3 + DT_MATMUL_PAD] = {1, 1, 1}, s[3] = {NAN, NAN, NAN};
    float *sums[] = {s, s + 1, s + 2};
    dt_piece left[] = {{1, true, 0}, {1, true, 1}, {1, true, 1}};
    dt_piece right[] = {{1, true, 0}, {1, true, 0}, {1, true, 2}};
    dt_summation summation = {.piece_count = 3, .pieces = left, .sums = sums};
    dt_matmul_transposed(1, 1, (dt_columns){1, &first}, (dt_matrix){a, 1}, (dt_matrix){b, 1},
                         &summation);
    CU_ASSERT_EQUAL(s[0], 0x1p24f);
    summation.pieces = right;
    dt_matmul_transposed(1, 1, (dt_columns){1, &first}, (dt_matrix){a, 1}, (dt_matrix){b, 1},
                         &summation);
    CU_ASSERT_EQUAL(s[0], 0x1p24f + 2);
}

CU_SuiteInfo dt_suite_summation(void)
{
    static CU_TestInfo tests[] = {
        {"any pieces and merges: the bits of a stack of matrices", test_programs},
        {"the same on stacks as deep as they may be", test_deep_programs},
        {"a single piece leaves the sums below alone", test_single_piece},
        {"a piece cut into calls has the same bits", test_cut_into_calls},
        {"the order of additions by hand", test_order_by_hand},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "summation", .pTests = tests};
}

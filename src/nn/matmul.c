#include "nn/matmul.h"

#include <string.h>

/* A block of C of up to BLOCK_ROWS x BLOCK_VECTORS vectors stays in registers while the summation
 * index runs: with 32 vector registers 28 accumulators, 3 or 4 vectors of B and an element of A;
 * with 16 registers 8, 2 and 1. */
#ifdef __AVX512F__
#define VECTOR_BYTES  64
#define BLOCK_ROWS    7
#define BLOCK_VECTORS 4
#else
#define VECTOR_BYTES  32
#define BLOCK_ROWS    4
#define BLOCK_VECTORS 2
#endif

#define LANES         ((int)(VECTOR_BYTES / sizeof(dt_real)))
#define BLOCK_COLUMNS (BLOCK_VECTORS * LANES)

_Static_assert(VECTOR_BYTES / sizeof(dt_real) <= DT_MATMUL_PAD, "B is read beyond its padding");

typedef dt_real vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(dt_real))));

#define INLINE static inline __attribute__((always_inline))

typedef struct block {
    int depth;
    const int32_t *index; /* forward only: the summation index */
    const dt_real *a[BLOCK_ROWS], *b;
    dt_real *c[BLOCK_ROWS];
    ptrdiff_t lda, ldb;
} block;

/* One step of the summation: C += (a column of A) (a row of B). */
INLINE void accumulate(int rows, int vectors, vector sum[BLOCK_ROWS][BLOCK_VECTORS],
                       const dt_real *const a[BLOCK_ROWS], ptrdiff_t offset, const dt_real *b)
{
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            sum[r][v] += a[r][offset] * *(const vector *)(b + v * LANES);
}

INLINE void block_product(const block *p, int rows, int vectors, int transposed)
{
    vector sum[BLOCK_ROWS][BLOCK_VECTORS];
    const dt_real *a[BLOCK_ROWS];
    for (int r = 0; r < rows; r++) {
        a[r] = p->a[r];
        for (int v = 0; v < vectors; v++)
            sum[r][v] = *(const vector *)(p->c[r] + v * LANES);
    }
    const dt_real *b = p->b;
    const int32_t *index = p->index;
    ptrdiff_t lda = p->lda, ldb = p->ldb;
    if (transposed)
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, k * lda, b + k * ldb);
    else
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, index[k], b + index[k] * ldb);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            *(vector *)(p->c[r] + v * LANES) = sum[r][v];
}

/* One function a block shape, so that every loop over rows and vectors is unrolled. */
typedef void block_function(const block *);

#define BLOCK(rows, vectors)                                                                       \
    static void forward_##rows##x##vectors(const block *p)                                         \
    {                                                                                              \
        block_product(p, rows, vectors, 0);                                                        \
    }                                                                                              \
    static void transposed_##rows##x##vectors(const block *p)                                      \
    {                                                                                              \
        block_product(p, rows, vectors, 1);                                                        \
    }
#if BLOCK_VECTORS == 4
#define BLOCKS(rows) BLOCK(rows, 1) BLOCK(rows, 2) BLOCK(rows, 3) BLOCK(rows, 4)
#define NAMES(kind, rows)                                                                          \
    {                                                                                              \
        kind##_##rows##x1, kind##_##rows##x2, kind##_##rows##x3, kind##_##rows##x4                 \
    }
#define TABLE(kind)                                                                                \
    NAMES(kind, 1), NAMES(kind, 2), NAMES(kind, 3), NAMES(kind, 4), NAMES(kind, 5),                \
        NAMES(kind, 6), NAMES(kind, 7)
BLOCKS(5)
BLOCKS(6)
BLOCKS(7)
#else
#define BLOCKS(rows) BLOCK(rows, 1) BLOCK(rows, 2)
#define NAMES(kind, rows)                                                                          \
    {                                                                                              \
        kind##_##rows##x1, kind##_##rows##x2                                                       \
    }
#define TABLE(kind) NAMES(kind, 1), NAMES(kind, 2), NAMES(kind, 3), NAMES(kind, 4)
#endif
BLOCKS(1)
BLOCKS(2)
BLOCKS(3)
BLOCKS(4)

static block_function *const forward_blocks[BLOCK_ROWS][BLOCK_VECTORS] = {TABLE(forward)};
static block_function *const transposed_blocks[BLOCK_ROWS][BLOCK_VECTORS] = {TABLE(transposed)};

/* Computes the block of `rows` x `columns` at p. Where C ends inside a vector, the block is worked
 * on in a copy that has whole vectors: B's surplus columns stay in the copy. */
static void run_block(block *p, block_function *const blocks[BLOCK_ROWS][BLOCK_VECTORS], int rows,
                      int columns)
{
    int vectors = (columns + LANES - 1) / LANES;
    block_function *compute = blocks[rows - 1][vectors - 1];
    if (columns % LANES == 0) {
        compute(p);
        return;
    }
    dt_real copy[BLOCK_ROWS][BLOCK_COLUMNS] __attribute__((aligned(VECTOR_BYTES)));
    dt_real *c[BLOCK_ROWS];
    for (int r = 0; r < rows; r++) {
        c[r] = p->c[r];
        memset(&copy[r][(vectors - 1) * LANES], 0, VECTOR_BYTES);
        memcpy(copy[r], c[r], (size_t)columns * sizeof(dt_real));
        p->c[r] = copy[r];
    }
    compute(p);
    for (int r = 0; r < rows; r++)
        memcpy(c[r], copy[r], (size_t)columns * sizeof(dt_real));
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void dt_matmul(int rows, int columns, int depth, const int32_t *index, const dt_real *a,
               ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb, dt_real *c, ptrdiff_t ldc)
{
    for (int j = 0; j < columns; j += BLOCK_COLUMNS)
        for (int i = 0; i < rows; i += BLOCK_ROWS) {
            block p = {.depth = depth, .index = index, .b = b + j, .ldb = ldb};
            int block_rows = least(rows - i, BLOCK_ROWS);
            for (int r = 0; r < block_rows; r++) {
                p.a[r] = a + (i + r) * lda;
                p.c[r] = c + (i + r) * ldc + j;
            }
            run_block(&p, forward_blocks, block_rows, least(columns - j, BLOCK_COLUMNS));
        }
}

void dt_matmul_transposed(int rows, int columns, int depth, const int32_t *index, const dt_real *a,
                          ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb, dt_real *c, ptrdiff_t ldc)
{
    for (int j = 0; j < columns; j += BLOCK_COLUMNS)
        for (int i = 0; i < rows; i += BLOCK_ROWS) {
            block p = {.depth = depth, .b = b + j, .lda = lda, .ldb = ldb};
            int block_rows = least(rows - i, BLOCK_ROWS);
            for (int r = 0; r < block_rows; r++) {
                p.a[r] = a + index[i + r];
                p.c[r] = c + index[i + r] * ldc + j;
            }
            run_block(&p, transposed_blocks, block_rows, least(columns - j, BLOCK_COLUMNS));
        }
}

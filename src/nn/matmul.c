#include "nn/matmul.h"

#include <stdbool.h>
#include <string.h>

#include "panel.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct block {
    int depth;
    const int32_t *index; /* forward only: the summation index */
    const dt_real *a[BLOCK_ROWS], *b;
    dt_real *c[BLOCK_ROWS];
    ptrdiff_t lda, ldb;
    bool fresh; /* C begins at zero, whatever it holds */
} block;

/* One step of the summation: C += (a column of A) (a row of B). */
INLINE void accumulate(int rows, int vectors, dt_vector sum[BLOCK_ROWS][BLOCK_VECTORS],
                       const dt_real *const a[BLOCK_ROWS], ptrdiff_t offset, const dt_real *b)
{
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            sum[r][v] = dt_multiply_add(a[r][offset], dt_vector_load(b + v * LANES), sum[r][v]);
}

/* How the summation index finds its column of A and its row of B. */
enum { FORWARD, FORWARD_PACKED, TRANSPOSED };

INLINE void block_product(const block *p, int rows, int vectors, int kind)
{
    dt_vector sum[BLOCK_ROWS][BLOCK_VECTORS];
    const dt_real *a[BLOCK_ROWS];
    for (int r = 0; r < rows; r++) {
        a[r] = p->a[r];
        for (int v = 0; v < vectors; v++)
            sum[r][v] = p->fresh ? (dt_vector){0} : dt_vector_load(p->c[r] + v * LANES);
    }
    const dt_real *b = p->b;
    const int32_t *index = p->index;
    ptrdiff_t lda = p->lda, ldb = p->ldb;
    if (kind == TRANSPOSED)
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, k * lda, b + k * ldb);
    else if (kind == FORWARD_PACKED)
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, index[k], b + k * BLOCK_COLUMNS);
    else
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, index[k], b + index[k] * ldb);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            dt_vector_store(p->c[r] + v * LANES, sum[r][v]);
}

/* One function a block shape, so that every loop over rows and vectors is unrolled. */
typedef void block_function(const block *);

#define BLOCK(rows, vectors)                                                                       \
    static void forward_##rows##x##vectors(const block *p)                                         \
    {                                                                                              \
        block_product(p, rows, vectors, FORWARD);                                                  \
    }                                                                                              \
    static void packed_##rows##x##vectors(const block *p)                                          \
    {                                                                                              \
        block_product(p, rows, vectors, FORWARD_PACKED);                                           \
    }                                                                                              \
    static void transposed_##rows##x##vectors(const block *p)                                      \
    {                                                                                              \
        block_product(p, rows, vectors, TRANSPOSED);                                               \
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
static block_function *const packed_blocks[BLOCK_ROWS][BLOCK_VECTORS] = {TABLE(packed)};
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

/* Where block `i` of `blocks` begins: rows are spread evenly, so that none is left alone. */
static int block_first(int rows, int blocks, int i)
{
    return (int)((int64_t)rows * i / blocks);
}

static int count_blocks(int rows)
{
    return (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

/* The blocks of `columns` columns of C, for which a, b (in p) and c stand. */
static void forward_panel(int rows, int columns, block *p, const dt_real *a, ptrdiff_t lda,
                          dt_real *c, ptrdiff_t ldc, block_function *const table[][BLOCK_VECTORS])
{
    int blocks = count_blocks(rows);
    for (int i = 0; i < blocks; i++) {
        int first = block_first(rows, blocks, i);
        int block_rows = block_first(rows, blocks, i + 1) - first;
        for (int r = 0; r < block_rows; r++) {
            p->a[r] = a + (first + r) * lda;
            p->c[r] = c + (first + r) * ldc;
        }
        run_block(p, table, block_rows, columns);
    }
}

enum { WIDE = 1024, FEW_ROWS = 4 * BLOCK_ROWS };

static bool worth_packing(int rows, ptrdiff_t ldb)
{
    return ldb >= WIDE && rows >= FEW_ROWS;
}

static void forward_packed(int rows, int columns, int depth, const int32_t *index, const dt_real *a,
                           ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb, dt_real *c,
                           ptrdiff_t ldc)
{
    dt_panel packed;
    for (int j = 0; j < columns; j += BLOCK_COLUMNS)
        for (int k = 0; k < depth; k += PANEL_DEPTH) {
            int width = least(columns - j, BLOCK_COLUMNS);
            block p = {.depth = least(depth - k, PANEL_DEPTH), .index = index + k, .b = packed[0]};
            dt_panel_pack(packed, p.depth, p.index, width, b + j, ldb);
            forward_panel(rows, width, &p, a, lda, c + j, ldc, packed_blocks);
        }
}

void dt_matmul(int rows, int columns, int depth, const int32_t *index, const dt_real *a,
               ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb, dt_real *c, ptrdiff_t ldc)
{
    if (worth_packing(rows, ldb)) {
        forward_packed(rows, columns, depth, index, a, lda, b, ldb, c, ldc);
        return;
    }
    for (int j = 0; j < columns; j += BLOCK_COLUMNS) {
        block p = {.depth = depth, .index = index, .b = b + j, .ldb = ldb};
        forward_panel(rows, least(columns - j, BLOCK_COLUMNS), &p, a, lda, c + j, ldc,
                      forward_blocks);
    }
}

void dt_matmul_by_transposed(int rows, int columns, int depth, const dt_real *a, ptrdiff_t lda,
                             const dt_real *b, ptrdiff_t ldb, dt_real *c, ptrdiff_t ldc)
{
    dt_panel packed;
    for (int j = 0; j < columns; j += BLOCK_COLUMNS) {
        int width = least(columns - j, BLOCK_COLUMNS);
        for (int k = 0; k < depth; k += PANEL_DEPTH) {
            block p = {.depth = least(depth - k, PANEL_DEPTH),
                       .b = packed[0],
                       .lda = 1,
                       .ldb = BLOCK_COLUMNS,
                       .fresh = k == 0};
            dt_panel_pack_transposed(packed, p.depth, width, b + j * ldb + k, ldb);
            forward_panel(rows, width, &p, a + k, lda, c + j, ldc, transposed_blocks);
        }
    }
}

/* A block of a sum while it is worked on. */
typedef dt_real block_copy[BLOCK_ROWS][BLOCK_COLUMNS] __attribute__((aligned(VECTOR_BYTES)));

/* Where a block of the sums is: rows `index`, `columns` columns from column j on. */
typedef struct block_place {
    const dt_summation *summation;
    const int32_t *index;
    int rows, columns;
    ptrdiff_t j, ldc;
} block_place;

static dt_real *row_of(const block_place *place, int level, int row)
{
    return place->summation->sums[level] + place->summation->offset +
           place->index[row] * place->ldc + place->j;
}

static void fetch_block(const block_place *place, int level, block_copy copy)
{
    for (int r = 0; r < place->rows; r++)
        memcpy(copy[r], row_of(place, level, r), (size_t)place->columns * sizeof(dt_real));
}

static void store_block(const block_place *place, int level, block_copy copy)
{
    for (int r = 0; r < place->rows; r++)
        memcpy(row_of(place, level, r), copy[r], (size_t)place->columns * sizeof(dt_real));
}

static void merge_blocks(int rows, int columns, block_copy lower, block_copy upper)
{
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < columns; j++)
            lower[r][j] += upper[r][j];
}

/* One piece that is a whole sum or goes on with one, in whole vectors: straight into the sum. */
static void sum_in_place(const block_place *place, block *p, block_function *compute)
{
    const dt_piece *piece = place->summation->pieces;
    int level = place->summation->depth - !piece->fresh;
    p->depth = piece->samples;
    p->fresh = piece->fresh;
    for (int r = 0; r < place->rows; r++)
        p->c[r] = row_of(place, level, r);
    compute(p);
}

/* Any pieces: the sums that they touch are copies until the end of the tile. */
static void sum_in_copies(const block_place *place, block *p, block_function *compute)
{
    const dt_summation *summation = place->summation;
    block_copy copies[DT_SUMS_MAX];
    int top = summation->depth - 1; /* the level on top of the stack */
    int lowest = summation->depth;  /* levels from here to the top are copies */
    int padded = (place->columns + LANES - 1) / LANES * LANES;
    for (int i = 0; i < summation->piece_count; i++) {
        const dt_piece *piece = &summation->pieces[i];
        top += piece->fresh;
        if (top < lowest)
            fetch_block(place, lowest = top, copies[top]);
        p->depth = piece->samples;
        p->fresh = piece->fresh;
        for (int r = 0; r < place->rows; r++)
            p->c[r] = copies[top][r];
        compute(p);
        p->b += piece->samples * p->ldb;
        for (int r = 0; r < place->rows; r++)
            p->a[r] += piece->samples * p->lda;
        for (int m = 0; m < piece->merges; m++, top--) {
            if (top - 1 < lowest)
                fetch_block(place, lowest = top - 1, copies[top - 1]);
            merge_blocks(place->rows, padded, copies[top - 1], copies[top]);
        }
    }
    for (int level = lowest; level <= top; level++)
        store_block(place, level, copies[level]);
}

/* The rows that `index` leaves out: to them every piece adds nothing, so that sums of before are
 * merged and new ones are zero. */
static void sum_nothing(const dt_summation *summation, int rows, int columns, int active,
                        const int32_t *index, ptrdiff_t ldc)
{
    int old = summation->depth, zero = 0, merged = 0;
    for (int i = 0; i < summation->piece_count; i++) {
        zero += summation->pieces[i].fresh;
        int of_zero = least(summation->pieces[i].merges, zero);
        zero -= of_zero;
        merged += summation->pieces[i].merges - of_zero;
    }
    if (zero == 0 && merged == 0)
        return;
    for (int i = 0, next = 0; i < rows; i++) {
        if (next < active && index[next] == i) {
            next++;
            continue;
        }
        size_t row = summation->offset + (size_t)(i * ldc);
        for (int level = old - 1; level >= old - merged; level--)
            for (int j = 0; j < columns; j++)
                summation->sums[level - 1][row + (size_t)j] +=
                    summation->sums[level][row + (size_t)j];
        for (int level = old - merged; level < old - merged + zero; level++)
            memset(summation->sums[level] + row, 0, (size_t)columns * sizeof(dt_real));
    }
}

/* Columns j .. of the sums, for which b and ldb stand. */
static void transposed_panel(int active, const int32_t *index, int columns, ptrdiff_t j,
                             const dt_real *a, ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb,
                             const dt_summation *summation, ptrdiff_t ldc)
{
    bool simple = summation->piece_count == 1 && summation->pieces[0].merges == 0;
    int blocks = count_blocks(active);
    for (int i = 0; i < blocks; i++) {
        int first = block_first(active, blocks, i);
        block_place place = {.summation = summation,
                             .index = index + first,
                             .rows = block_first(active, blocks, i + 1) - first,
                             .columns = columns,
                             .j = j,
                             .ldc = ldc};
        block p = {.b = b, .lda = lda, .ldb = ldb};
        for (int r = 0; r < place.rows; r++)
            p.a[r] = a + place.index[r];
        int vectors = (columns + LANES - 1) / LANES;
        block_function *compute = transposed_blocks[place.rows - 1][vectors - 1];
        if (simple && columns % LANES == 0)
            sum_in_place(&place, &p, compute);
        else
            sum_in_copies(&place, &p, compute);
    }
}

void dt_matmul_transposed(int rows, int columns, int active, const int32_t *index, const dt_real *a,
                          ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb,
                          const dt_summation *summation, ptrdiff_t ldc)
{
    int samples = 0;
    for (int i = 0; i < summation->piece_count; i++)
        samples += summation->pieces[i].samples;
    dt_panel packed;
    bool packs = worth_packing(active, ldb) && samples <= PANEL_DEPTH;
    for (int j = 0; j < columns; j += BLOCK_COLUMNS) {
        int width = least(columns - j, BLOCK_COLUMNS);
        if (packs)
            dt_panel_pack(packed, samples, NULL, width, b + j, ldb);
        transposed_panel(active, index, width, j, a, lda, packs ? packed[0] : b + j,
                         packs ? BLOCK_COLUMNS : ldb, summation, ldc);
    }
    if (!summation->sparse)
        sum_nothing(summation, rows, columns, active, index, ldc);
}

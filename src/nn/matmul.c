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
    int last;             /* columns of C in its last vector: B's surplus ones are not stored */
    bool fresh;           /* the sums begin at zero, ... */
    const dt_real *start; /* ... or every row of them with this one; else with what C holds ... */
    bool adds;            /* ... which is added at their end */
} block;

/* All loops over rows and vectors are unrolled, so that sums are registers. */
#define UNROLL _Pragma("GCC unroll 8")

/* One step of the summation: C += (a column of A) (a row of B). */
INLINE void accumulate(int rows, int vectors, dt_vector sum[BLOCK_ROWS][BLOCK_VECTORS],
                       const dt_real *const a[BLOCK_ROWS], ptrdiff_t offset, const dt_real *b)
{
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = dt_multiply_add(a[r][offset], dt_vector_load(b + v * DT_LANES), sum[r][v]);
    }
}

/* How the summation index finds its column of A and its row of B. */
enum { FORWARD, GATHERED, TRANSPOSED };

/* Vector v of `vectors` in a row of C, `last` columns in the last. */
INLINE dt_vector load_c(const dt_real *c, int v, int vectors, int last)
{
    return v + 1 < vectors ? dt_vector_load(c + v * DT_LANES)
                           : dt_vector_load_some(c + v * DT_LANES, last);
}

INLINE void store_c(dt_real *c, int v, int vectors, int last, dt_vector sum)
{
    if (v + 1 < vectors)
        dt_vector_store(c + v * DT_LANES, sum);
    else
        dt_vector_store_some(c + v * DT_LANES, last, sum);
}

INLINE void block_product(const block *p, int rows, int vectors, int kind)
{
    dt_vector sum[BLOCK_ROWS][BLOCK_VECTORS];
    const dt_real *a[BLOCK_ROWS], *b = p->b, *start = p->start;
    const int32_t *index = p->index;
    ptrdiff_t lda = p->lda, ldb = p->ldb;
    const int last = p->last;
    const bool fresh = p->fresh, adds = p->adds;
    UNROLL
    for (int r = 0; r < rows; r++) {
        a[r] = p->a[r];
        UNROLL
        for (int v = 0; v < vectors; v++) /* to write: it comes while the sum runs */
            __builtin_prefetch(p->c[r] + v * DT_LANES, 1);
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = fresh   ? (dt_vector){0}
                        : start ? load_c(start, v, vectors, last)
                                : load_c(p->c[r], v, vectors, last);
    }
    if (kind == TRANSPOSED)
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, k * lda, b + k * ldb);
    else if (kind == GATHERED)
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, index[k], b + k * ldb);
    else
        for (int k = 0; k < p->depth; k++)
            accumulate(rows, vectors, sum, a, index[k], b + index[k] * ldb);
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            store_c(p->c[r], v, vectors, last,
                    adds ? load_c(p->c[r], v, vectors, last) + sum[r][v] : sum[r][v]);
    }
}

/* One function a block shape, so that every loop over rows and vectors is unrolled. */
typedef void block_function(const block *);

#define BLOCK(rows, vectors)                                                                       \
    static void forward_##rows##x##vectors(const block *p)                                         \
    {                                                                                              \
        block_product(p, rows, vectors, FORWARD);                                                  \
    }                                                                                              \
    static void gathered_##rows##x##vectors(const block *p)                                        \
    {                                                                                              \
        block_product(p, rows, vectors, GATHERED);                                                 \
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
static block_function *const gathered_blocks[BLOCK_ROWS][BLOCK_VECTORS] = {TABLE(gathered)};
static block_function *const transposed_blocks[BLOCK_ROWS][BLOCK_VECTORS] = {TABLE(transposed)};

/* Computes the block of `rows` x `columns` at p. */
static void run_block(block *p, block_function *const blocks[BLOCK_ROWS][BLOCK_VECTORS], int rows,
                      int columns)
{
    int vectors = (columns + DT_LANES - 1) / DT_LANES;
    p->last = columns - (vectors - 1) * DT_LANES;
    blocks[rows - 1][vectors - 1](p);
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

/* The blocks of C's columns from j on, for which b stands in p. */
static void forward_panel(block *p, dt_matrix a, dt_product c, int j,
                          block_function *const table[][BLOCK_VECTORS])
{
    int blocks = count_blocks(c.rows), columns = least(c.columns - j, BLOCK_COLUMNS);
    for (int i = 0; i < blocks; i++) {
        int first = block_first(c.rows, blocks, i);
        int block_rows = block_first(c.rows, blocks, i + 1) - first;
        for (int r = 0; r < block_rows; r++) {
            p->a[r] = a.values + (first + r) * a.stride;
            p->c[r] = c.values + (first + r) * c.stride + j;
        }
        run_block(p, table, block_rows, columns);
    }
}

enum { WIDE = 1024, FEW_ROWS = 4 * BLOCK_ROWS };

static bool worth_packing(int rows, ptrdiff_t stride_of_b)
{
    return stride_of_b >= WIDE && rows >= FEW_ROWS;
}

static void forward_packed(dt_columns of_a, dt_matrix a, dt_matrix b, dt_product c)
{
    packed_panel packed;
    for (int j = 0; j < c.columns; j += BLOCK_COLUMNS)
        for (int k = 0; k < of_a.count; k += PANEL_DEPTH) {
            block p = {.depth = least(of_a.count - k, PANEL_DEPTH),
                       .index = of_a.index + k,
                       .b = packed[0],
                       .ldb = BLOCK_COLUMNS};
            panel_pack(packed, p.depth, p.index, least(c.columns - j, BLOCK_COLUMNS), b.values + j,
                       b.stride);
            forward_panel(&p, a, c, j, gathered_blocks);
        }
}

void dt_matmul(dt_columns of_a, dt_matrix a, dt_matrix b, dt_product c)
{
    if (worth_packing(c.rows, b.stride)) {
        forward_packed(of_a, a, b, c);
        return;
    }
    for (int j = 0; j < c.columns; j += BLOCK_COLUMNS) {
        block p = {.depth = of_a.count, .index = of_a.index, .b = b.values + j, .ldb = b.stride};
        forward_panel(&p, a, c, j, forward_blocks);
    }
}

void dt_matmul_by_transposed(int depth, dt_matrix a, dt_matrix b, dt_product c)
{
    packed_panel packed;
    for (int j = 0; j < c.columns; j += BLOCK_COLUMNS)
        for (int k = 0; k < depth; k += PANEL_DEPTH) {
            block p = {.depth = least(depth - k, PANEL_DEPTH),
                       .b = packed[0],
                       .lda = 1,
                       .ldb = BLOCK_COLUMNS,
                       .fresh = k == 0};
            panel_pack_transposed(packed, p.depth, least(c.columns - j, BLOCK_COLUMNS),
                                  b.values + j * b.stride + k, b.stride);
            forward_panel(&p, (dt_matrix){a.values + k, a.stride}, c, j, transposed_blocks);
        }
}

/* A block of a sum while it is worked on. */
typedef dt_real block_copy[BLOCK_ROWS][BLOCK_COLUMNS] __attribute__((aligned(DT_VECTOR_BYTES)));

/* Where a block of the sums is: rows `index`, `columns` columns from column j on. */
typedef struct block_place {
    const dt_summation *summation;
    const int32_t *index;
    int rows, columns;
    ptrdiff_t j, stride; /* of a row of the sums */
} block_place;

static dt_real *row_of(const block_place *place, int level, int row)
{
    return place->summation->sums[level] + place->summation->offset +
           place->index[row] * place->stride + place->j;
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
    int padded = (place->columns + DT_LANES - 1) / DT_LANES * DT_LANES;
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

/* The rows that are not `active`: to them every piece adds nothing, so that sums of before are
 * merged and new ones are zero. */
static void sum_nothing(const dt_summation *summation, int rows, int columns, dt_columns active)
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
        if (next < active.count && active.index[next] == i) {
            next++;
            continue;
        }
        size_t row = summation->offset + (size_t)i * (size_t)columns;
        for (int level = old - 1; level >= old - merged; level--)
            for (int j = 0; j < columns; j++)
                summation->sums[level - 1][row + (size_t)j] +=
                    summation->sums[level][row + (size_t)j];
        for (int level = old - merged; level < old - merged + zero; level++)
            memset(summation->sums[level] + row, 0, (size_t)columns * sizeof(dt_real));
    }
}

/* The columns of the sums that `panel` says, for which b stands. */
static void transposed_panel(const block_place *panel, dt_columns active, dt_matrix a, dt_matrix b)
{
    const dt_summation *summation = panel->summation;
    bool simple = summation->piece_count == 1 && summation->pieces[0].merges == 0;
    int blocks = count_blocks(active.count), columns = panel->columns;
    for (int i = 0; i < blocks; i++) {
        int first = block_first(active.count, blocks, i);
        block_place place = *panel;
        place.index = active.index + first;
        place.rows = block_first(active.count, blocks, i + 1) - first;
        block p = {.b = b.values, .lda = a.stride, .ldb = b.stride, .last = DT_LANES};
        for (int r = 0; r < place.rows; r++)
            p.a[r] = a.values + place.index[r];
        int vectors = (columns + DT_LANES - 1) / DT_LANES;
        block_function *compute = transposed_blocks[place.rows - 1][vectors - 1];
        if (simple && columns % DT_LANES == 0)
            sum_in_place(&place, &p, compute);
        else
            sum_in_copies(&place, &p, compute);
    }
}

void dt_matmul_transposed(int rows, int columns, dt_columns of_a, dt_matrix a, dt_matrix b,
                          const dt_summation *summation)
{
    int samples = 0;
    for (int i = 0; i < summation->piece_count; i++)
        samples += summation->pieces[i].samples;
    packed_panel packed;
    bool packs = worth_packing(of_a.count, b.stride) && samples <= PANEL_DEPTH;
    for (int j = 0; j < columns; j += BLOCK_COLUMNS) {
        block_place panel = {.summation = summation,
                             .columns = least(columns - j, BLOCK_COLUMNS),
                             .j = j,
                             .stride = columns};
        dt_matrix columns_of_b = {b.values + j, b.stride};
        if (packs) {
            panel_pack(packed, samples, NULL, panel.columns, columns_of_b.values, b.stride);
            columns_of_b = (dt_matrix){packed[0], BLOCK_COLUMNS};
        }
        transposed_panel(&panel, of_a, a, columns_of_b);
    }
    if (!summation->sparse)
        sum_nothing(summation, rows, columns, of_a);
}

/* Both products of a gathered matrix: `along` of it are the rows of C, and the summation runs over
 * `index`. */
static void gathered_product(block p, const int32_t *along, int count, dt_matrix b, int columns,
                             dt_real *c, const int32_t *at)
{
    const dt_real *values = p.a[0], *start = p.start;
    int blocks = count_blocks(count);
    p.ldb = b.stride;
    for (int j = 0; j < columns; j += BLOCK_COLUMNS) {
        p.b = b.values + j;
        p.start = start ? start + j : NULL;
        for (int i = 0, first = 0; i < blocks; i++) {
            int end = block_first(count, blocks, i + 1);
            for (int row = first; row < end; row++) {
                p.a[row - first] = values + along[row];
                p.c[row - first] = c + (at ? at[row] : (ptrdiff_t)row * columns) + j;
            }
            run_block(&p, gathered_blocks, end - first, least(columns - j, BLOCK_COLUMNS));
            first = end;
        }
    }
}

void dt_matmul_gathered(dt_gathered a, dt_matrix b, int columns, const dt_real *start, dt_real *c,
                        const int32_t *at)
{
    block p = {
        .a = {a.values}, .depth = a.columns, .index = a.column, .fresh = !start, .start = start};
    gathered_product(p, a.row, a.rows, b, columns, c, at);
}

void dt_matmul_gathered_transposed(dt_gathered a, dt_matrix b, int columns, bool adds, dt_real *c)
{
    block p = {.a = {a.values}, .depth = a.rows, .index = a.row, .fresh = true, .adds = adds};
    gathered_product(p, a.column, a.columns, b, columns, c, NULL);
}

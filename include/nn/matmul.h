/* The matrix products of layers: of a dense one, over the columns that are not zero; and of a
 * matrix whose rows and columns lie anywhere, as the patches of an image do.
 *
 * Promise: every element of C is one chain of fused multiply-adds in the order of the summation
 * index, starting from what C holds or from what is said below. So the bits do not depend on how
 * samples are cut into tiles, on where in a tile a sample stands, on the width of the vectors, or
 * on whether columns that are zero throughout are left out (adding 0 * b changes no finite sum;
 * only the sign of a zero may). That is what makes the same bits on any number of ranks cheap.
 *
 * Matrices are row-major with a leading dimension (elements from row to row). Rows of B are read in
 * whole vectors: DT_MATMUL_PAD elements behind the last row of B must be readable.
 * Measured beside libxsmm 1.17 and OpenBLAS 0.3.21 on a 784 x 128 layer and 64 samples: 112, 115
 * and 95 GFLOP/s forward, 105, 112 and 102 backward; neither can leave out columns. */
#ifndef DT_NN_MATMUL_H
#define DT_NN_MATMUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/real.h"
#include "nn/summation.h"

/* Elements behind a matrix B that may be read (and are not used). */
#define DT_MATMUL_PAD 16

/* A matrix to read: from row to row `stride` elements. With stride 0 all rows are the first. */
typedef struct dt_matrix {
    const dt_real *values;
    ptrdiff_t stride;
} dt_matrix;

/* The matrix to write: [rows][columns]. */
typedef struct dt_product {
    dt_real *values;
    ptrdiff_t stride;
    int rows, columns;
} dt_product;

/* The columns of a matrix that are not zero throughout, ascending. */
typedef struct dt_columns {
    int count;
    const int32_t *index; /* [count] */
} dt_columns;

/* C[i][j] += sum over the columns k of A[i][k] * B[k][j]. A: [rows of C], B: [all columns]. */
void dt_matmul(dt_columns of_a, dt_matrix a, dt_matrix b, dt_product c);

/* C[i][j] = sum over k < depth of A[i][k] * B[j][k], from 0 on. A: [rows of C], B: [columns of C].
 */
void dt_matmul_by_transposed(int depth, dt_matrix a, dt_matrix b, dt_product c);

/* Sums of products of A transposed and B, as `summation` says: to a piece with the rows k of A and
 * B belongs the matrix C[i][j], the sum over its k of A[k][i] * B[k][j]. A: [samples][rows], B:
 * [samples][columns]; the sums are [rows][columns] at summation->offset. The rows i that are no
 * columns of A get nothing. */
void dt_matmul_transposed(int rows, int columns, dt_columns of_a, dt_matrix a, dt_matrix b,
                          const dt_summation *summation);

/* A matrix to read whose rows and columns lie anywhere: [i][k] is values[row[i] + column[k]]. */
typedef struct dt_gathered {
    const dt_real *values;
    int rows, columns;
    const int32_t *row, *column; /* [rows], [columns] */
} dt_gathered;

/* C[i][j] = start[j] + sum over k of A[i][k] * B[k][j], from start[j] on; NULL: from 0 on.
 * B: [columns of A][columns]. Row i of C begins at c[at[i]]. */
void dt_matmul_gathered(dt_gathered a, dt_matrix b, int columns, const dt_real *start, dt_real *c,
                        const int32_t *at);

/* C[k][j] = or += sum over i of A[i][k] * B[i][j], the sum from 0 on: `adds` says which.
 * B: [rows of A][columns], C: [columns of A][columns]. */
void dt_matmul_gathered_transposed(dt_gathered a, dt_matrix b, int columns, bool adds, dt_real *c);

#endif

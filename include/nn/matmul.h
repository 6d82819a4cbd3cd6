/* The three matrix products of a dense layer, over the columns that are not zero.
 *
 * Promise: every element of C is one chain of fused multiply-adds in the order of the summation
 * index, starting from what C holds. So the bits do not depend on how samples are cut into tiles,
 * on where in a tile a sample stands, on the width of the vectors, or on whether columns that are
 * zero throughout are left out (adding 0 * b changes no finite sum; only the sign of a zero may).
 * That is what makes the same bits on any number of ranks cheap.
 *
 * Matrices are row-major with a leading dimension (elements from row to row). Rows of B are read in
 * whole vectors: DT_MATMUL_PAD elements behind the last row of B must be readable.
 * Measured beside libxsmm 1.17 and OpenBLAS 0.3.21 on a 784 x 128 layer and 64 samples: 112, 115
 * and 95 GFLOP/s forward, 105, 112 and 102 backward; neither can leave out columns. */
#ifndef DT_NN_MATMUL_H
#define DT_NN_MATMUL_H

#include <stddef.h>
#include <stdint.h>

#include "nn/real.h"
#include "nn/summation.h"

/* Elements behind a matrix B that may be read (and are not used). */
#define DT_MATMUL_PAD 16

/* C[i][j] += sum over k < depth of A[i][index[k]] * B[index[k]][j], for i < rows, j < columns.
 * A: [rows][lda], B: [..][ldb], C: [rows][ldc]. */
void dt_matmul(int rows, int columns, int depth, const int32_t *index, const dt_real *a,
               ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb, dt_real *c, ptrdiff_t ldc);

/* C[i][j] = sum over k < depth of A[i][k] * B[j][k], for i < rows, j < columns, from 0 on. A:
 * [rows][lda], B: [columns][ldb], C: [rows][ldc]. */
void dt_matmul_by_transposed(int rows, int columns, int depth, const dt_real *a, ptrdiff_t lda,
                             const dt_real *b, ptrdiff_t ldb, dt_real *c, ptrdiff_t ldc);

/* Sums of products of A transposed and B, as `summation` says: to a piece with the rows k of A and
 * B belongs the matrix C[i][j], the sum over its k of A[k][i] * B[k][j], i < rows, j < columns. A:
 * [samples][lda], B: [samples][ldb]; the sums are [rows][ldc] at summation->offset. index: the
 * `active` rows i in which A is not zero throughout, ascending; the others get nothing. lda = 0
 * makes A one row that holds for all samples. */
void dt_matmul_transposed(int rows, int columns, int active, const int32_t *index, const dt_real *a,
                          ptrdiff_t lda, const dt_real *b, ptrdiff_t ldb,
                          const dt_summation *summation, ptrdiff_t ldc);

#endif

/* Inside of the matrix products: blocks in registers, and panels of a matrix copied together. */
#ifndef DT_NN_PANEL_H
#define DT_NN_PANEL_H

#include <stddef.h>
#include <stdint.h>

#include "nn/matmul.h"
#include "nn/simd.h"

/* A block of C of up to BLOCK_ROWS x BLOCK_VECTORS vectors stays in registers while the summation
 * index runs: with 32 vector registers 28 accumulators, 3 or 4 vectors of B and an element of A;
 * with 16 registers 8, 2 and 1. */
#ifdef __AVX512F__
#define BLOCK_ROWS    7
#define BLOCK_VECTORS 4
#else
#define BLOCK_ROWS    4
#define BLOCK_VECTORS 2
#endif

#define BLOCK_COLUMNS (BLOCK_VECTORS * DT_LANES)

_Static_assert(DT_VECTOR_BYTES / sizeof(dt_real) <= DT_MATMUL_PAD, "B is read beyond its padding");

/* Rows of B that are far apart share few places in the L1 cache; a panel of them stays in cache
 * while all rows of A pass. */
enum { PANEL_DEPTH = 256 };
typedef dt_real packed_panel[PANEL_DEPTH][BLOCK_COLUMNS] __attribute__((aligned(DT_VECTOR_BYTES)));

/* Rows index[0 .. depth - 1] of B, or without an index the first `depth`, depth <= PANEL_DEPTH:
 * their first `columns`, columns <= BLOCK_COLUMNS. What a panel has beyond them is not set. */
void panel_pack(packed_panel panel, int depth, const int32_t *index, int columns, const dt_real *b,
                ptrdiff_t ldb);

/* panel[k][j] = b[j * ldb + k] for k < depth, j < columns; what it has beyond may be set too. */
void panel_pack_transposed(packed_panel panel, int depth, int columns, const dt_real *b,
                           ptrdiff_t ldb);

#endif

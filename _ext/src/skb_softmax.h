/* Softmax, cross-entropy and the logistic loss, row by row, for float and double.
 *
 * Every kernel takes a contiguous run of rows and neither allocates nor knows of threads: the callers in _softmax.pyx cut
 * the rows into chunks that depend on the shape alone, so any number of threads gives the same bits. The number of classes
 * is always `k`, the number of rows `n`.
 *
 * The templates below are written once for REAL and compiled twice, with the suffix _f for float and _d for double. */
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "skb_exp.h"
#include "skb_simd.h"

#define SKB_LANES 32  /* short rows are transposed, so that this many of them fill the lanes of the vector units */
#define SKB_SHORT 64  /* longest row treated so: 32 rows of 64 doubles are half of a 32 KiB first-level cache */
#define SKB_BLOCK 512 /* long rows are walked in blocks that stay in the first-level cache */
#define SKB_CHUNK 8192 /* elements between two points where another thread may take over */

SKB_INLINE ptrdiff_t skb_chunk_rows(ptrdiff_t k) {
    const ptrdiff_t rows = SKB_CHUNK / k;
    if (rows <= 1)
        return 1;
    return rows < SKB_LANES ? rows : rows / SKB_LANES * SKB_LANES;
}

/* A label outside [0, k) would write outside the row, so callers look for one first. Returns its position or -1. */
static SKB_CLONES ptrdiff_t skb_bad_label(const int64_t *labels, ptrdiff_t n, ptrdiff_t k) {
    for (ptrdiff_t start = 0; start < n; start += SKB_BLOCK) {
        const ptrdiff_t stop = n - start < SKB_BLOCK ? n : start + SKB_BLOCK;
        int bad = 0;
        for (ptrdiff_t i = start; i < stop; i++)
            bad |= (uint64_t)labels[i] >= (uint64_t)k;
        for (ptrdiff_t i = start; bad && i < stop; i++)
            if ((uint64_t)labels[i] >= (uint64_t)k)
                return i;
    }
    return -1;
}

/* Neumaier's sum: `lost` collects what rounding takes from `sum`. */
SKB_INLINE void skb_add(double *sum, double *lost, double x) {
    const double t = *sum + x;
    *lost += fabs(*sum) >= fabs(x) ? (*sum - t) + x : (x - t) + *sum;
    *sum = t;
}

/* Cross-entropy of a row: ln(s) + top - x_y, with the largest score top, own = e^(x_y - top), rest = sum of e^(x_k - top) over
 * k != y and s = rest + own. ln(s) = log1p(s - 1), and s - 1 is exactly rest where y is the largest class. */
SKB_INLINE double skb_row_loss(double rest, double own, double top, double at_label) {
    const double excess = at_label == top ? rest : (rest - 1) + own;
    return skb_log1p_d(excess) + (top - at_label);
}

#define SKB_PASTE_(a, b) a##b
#define SKB_PASTE(a, b) SKB_PASTE_(a, b)
#define FN(name) SKB_PASTE(name, SUFFIX)

#define REAL double
#define SUFFIX _d
#include "skb_rows_template.h"
#include "skb_softmax_template.h"
#include "skb_crossentropy_template.h"
#include "skb_direction_template.h"
#include "skb_logistic_template.h"
#undef REAL
#undef SUFFIX

#define REAL float
#define SUFFIX _f
#include "skb_rows_template.h"
#include "skb_softmax_template.h"
#include "skb_crossentropy_template.h"
#include "skb_direction_template.h"
#include "skb_logistic_template.h"
#undef REAL
#undef SUFFIX

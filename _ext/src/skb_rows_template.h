/* Moving rows: transposing short ones, walking long ones. Included by skb_softmax.h once per REAL. */

/* 32 rows of k numbers, read row by row and stored class by class: t[c * 32 + r] is class c of row r. Eight classes at a time,
 * because a loop of constant length is unrolled; the whole row for k = 2, 3, 4 (a constant there), because compilers know
 * how to interleave so few. */
#define SKB_GATHER(j) \
    for (int r = 0; r < SKB_LANES; r++) \
        for (int i = 0; i < (j); i++) t[(c + i) * SKB_LANES + r] = x[r * k + c + i]
#define SKB_SCATTER(j) \
    for (int r = 0; r < SKB_LANES; r++) \
        for (int i = 0; i < (j); i++) x[r * k + c + i] = t[(c + i) * SKB_LANES + r]
#define SKB_PANELS(MOVE) \
    for (ptrdiff_t c = 0; c < k; c += 8) \
        switch (k - c) { \
        case 1: MOVE(1); break; \
        case 2: MOVE(2); break; \
        case 3: MOVE(3); break; \
        case 4: MOVE(4); break; \
        case 5: MOVE(5); break; \
        case 6: MOVE(6); break; \
        case 7: MOVE(7); break; \
        default: MOVE(8); \
        }

SKB_INLINE void FN(skb_gather)(const REAL *x, REAL *t, ptrdiff_t k) {
    if (k == 2) { const ptrdiff_t c = 0; SKB_GATHER(2); }
    else if (k == 3) { const ptrdiff_t c = 0; SKB_GATHER(3); }
    else if (k == 4) { const ptrdiff_t c = 0; SKB_GATHER(4); }
    else SKB_PANELS(SKB_GATHER)
}

SKB_INLINE void FN(skb_scatter)(const REAL *t, REAL *x, ptrdiff_t k) {
    if (k == 2) { const ptrdiff_t c = 0; SKB_SCATTER(2); }
    else if (k == 3) { const ptrdiff_t c = 0; SKB_SCATTER(3); }
    else if (k == 4) { const ptrdiff_t c = 0; SKB_SCATTER(4); }
    else SKB_PANELS(SKB_SCATTER)
}

#undef SKB_GATHER
#undef SKB_SCATTER
#undef SKB_PANELS

/* Largest class of each of 32 transposed rows. A NaN may be passed over here: it comes back in the exponentials. */
SKB_INLINE void FN(skb_lane_max)(const REAL *t, REAL *top, ptrdiff_t k) {
    for (int r = 0; r < SKB_LANES; r++) top[r] = -INFINITY;
    for (ptrdiff_t c = 0; c < k; c++)
        for (int r = 0; r < SKB_LANES; r++) {
            const REAL v = t[c * SKB_LANES + r];
            top[r] = v > top[r] ? v : top[r];
        }
}

SKB_INLINE REAL FN(skb_row_max)(const REAL *x, ptrdiff_t k) {
    REAL top = x[0];
#pragma omp simd reduction(max : top)
    for (ptrdiff_t c = 0; c < k; c++) top = x[c] > top ? x[c] : top;
    return top;
}

/* e = exp(x - top); x and e may be the same place. */
SKB_INLINE void FN(skb_exp_block)(const REAL *x, REAL top, REAL *e, ptrdiff_t len) {
#pragma omp simd
    for (ptrdiff_t c = 0; c < len; c++) e[c] = FN(skb_exp)(x[c] - top);
}

/* Sum of at most 512 numbers by halving: nine roundings at most, in an order that no instruction set changes. */
SKB_INLINE REAL FN(skb_block_sum)(const REAL *x, ptrdiff_t len) {
    REAL t[SKB_BLOCK / 2];
    const ptrdiff_t half = SKB_BLOCK / 2;
    if (len == SKB_BLOCK) {
        for (ptrdiff_t i = 0; i < half; i++) t[i] = x[i] + x[i + half];
    } else {
        const ptrdiff_t low = len < half ? len : half;
        for (ptrdiff_t i = 0; i < low; i++) t[i] = x[i];
        for (ptrdiff_t i = low; i < half; i++) t[i] = 0;
        for (ptrdiff_t i = half; i < len; i++) t[i - half] += x[i];
    }
    for (ptrdiff_t h = half / 2; h > 0; h /= 2) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < h; i++) t[i] += t[i + h];
    }
    return t[0];
}

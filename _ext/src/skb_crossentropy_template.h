/* Cross-entropy of integer labels: loss, gradient and diagonal Hessian in one sweep; slope and curvature along a direction.
 * Included by skb_softmax.h once per REAL.
 *
 * With s the sum of e^(x_k - max) and `rest` that sum without the row's own class y,
 *     loss = ln(s) + max - x_y,    gradient_y = p_y - 1 = -rest / s,    hessian_y = p_y rest / s.
 * Summing `rest` directly keeps loss and gradient accurate where p_y is nearly one and p_y - 1 would cancel. */

/* 32 short rows. gradient and hessian may be NULL, so may loss; weight holds 32 numbers. */
SKB_INLINE void FN(skb_crossentropy_lanes)(const int64_t *y, const REAL *x, const REAL *weight, double *loss,
                                           REAL *gradient, REAL *hessian, ptrdiff_t k) {
    REAL t[SKB_SHORT * SKB_LANES], u[SKB_SHORT * SKB_LANES], label[SKB_LANES], top[SKB_LANES];
    REAL at_label[SKB_LANES], own[SKB_LANES], rest[SKB_LANES], scale[SKB_LANES];
    FN(skb_gather)(x, t, k);
    FN(skb_lane_max)(t, top, k);
    for (int r = 0; r < SKB_LANES; r++) {
        label[r] = (REAL)y[r]; /* compared in every lane: cheaper than 32 scattered reads and writes */
        at_label[r] = own[r] = rest[r] = 0;
    }
    for (ptrdiff_t c = 0; c < k; c++)
        for (int r = 0; r < SKB_LANES; r++) {
            const REAL v = t[c * SKB_LANES + r], e = FN(skb_exp)(v - top[r]);
            const int mine = label[r] == (REAL)c;
            t[c * SKB_LANES + r] = e;
            at_label[r] = mine ? v : at_label[r];
            own[r] = mine ? e : own[r];
            rest[r] += mine ? 0 : e;
        }
    if (loss)
        for (int r = 0; r < SKB_LANES; r++) loss[r] = skb_row_loss(rest[r], own[r], top[r], at_label[r]);
    if (!gradient && !hessian) return;
    for (int r = 0; r < SKB_LANES; r++) {
        scale[r] = 1 / (rest[r] + own[r]);
        own[r] *= scale[r];
        rest[r] *= scale[r];
    }
    if (gradient) {
        for (ptrdiff_t c = 0; c < k; c++)
            for (int r = 0; r < SKB_LANES; r++) {
                const REAL p = t[c * SKB_LANES + r] * scale[r];
                u[c * SKB_LANES + r] = (label[r] == (REAL)c ? -rest[r] : p) * weight[r];
            }
        FN(skb_scatter)(u, gradient, k);
    }
    if (hessian) {
        for (ptrdiff_t c = 0; c < k; c++)
            for (int r = 0; r < SKB_LANES; r++) {
                const REAL p = t[c * SKB_LANES + r] * scale[r];
                u[c * SKB_LANES + r] = p * (label[r] == (REAL)c ? rest[r] : 1 - p) * weight[r];
            }
        FN(skb_scatter)(u, hessian, k);
    }
}

/* Returns the sum of the weighted losses; weight, loss, gradient and hessian may be NULL. */
SKB_INLINE double FN(skb_crossentropy_short_rows)(const int64_t *y, const REAL *x, const double *weight, double *loss,
                                                  REAL *gradient, REAL *hessian, int want_loss, ptrdiff_t n, ptrdiff_t k) {
    double total = 0;
    for (ptrdiff_t row = 0; row < n; row += SKB_LANES) {
        const ptrdiff_t rows = n - row < SKB_LANES ? n - row : SKB_LANES;
        REAL w[SKB_LANES];
        double part[SKB_LANES];
        for (int r = 0; r < SKB_LANES; r++) w[r] = 1;
        if (weight)
            for (ptrdiff_t r = 0; r < rows; r++) w[r] = (REAL)weight[row + r];
        REAL *g = gradient ? gradient + row * k : NULL, *h = hessian ? hessian + row * k : NULL;
        if (rows == SKB_LANES) {
            FN(skb_crossentropy_lanes)(y + row, x + row * k, w, want_loss ? part : NULL, g, h, k);
        } else { /* the last rows travel in a full block */
            REAL raw[SKB_SHORT * SKB_LANES] = {0}, grad[SKB_SHORT * SKB_LANES], hess[SKB_SHORT * SKB_LANES];
            int64_t label[SKB_LANES] = {0};
            const size_t bytes = (size_t)(rows * k) * sizeof(REAL);
            memcpy(raw, x + row * k, bytes);
            memcpy(label, y + row, (size_t)rows * sizeof(int64_t));
            FN(skb_crossentropy_lanes)(label, raw, w, want_loss ? part : NULL, g ? grad : NULL, h ? hess : NULL, k);
            if (g) memcpy(g, grad, bytes);
            if (h) memcpy(h, hess, bytes);
        }
        if (!want_loss) continue;
        if (weight)
            for (ptrdiff_t r = 0; r < rows; r++) part[r] *= weight[row + r];
        if (loss) memcpy(loss + row, part, (size_t)rows * sizeof(double));
        for (ptrdiff_t r = 0; r < rows; r++) total += part[r];
    }
    return total;
}

/* One long row; the exponentials wait in the gradient or the Hessian where there is one, else in a block. */
SKB_INLINE double FN(skb_crossentropy_row)(ptrdiff_t y, const REAL *x, double weight, REAL *gradient, REAL *hessian,
                                           ptrdiff_t k) {
    REAL block[SKB_BLOCK], *kept = gradient ? gradient : hessian;
    const REAL top = FN(skb_row_max)(x, k), at_label = x[y];
    double rest = 0, lost = 0;
    REAL own = 0;
    for (ptrdiff_t c = 0; c < k; c += SKB_BLOCK) {
        const ptrdiff_t len = k - c < SKB_BLOCK ? k - c : SKB_BLOCK;
        REAL *e = kept ? kept + c : block;
        FN(skb_exp_block)(x + c, top, e, len);
        if (c <= y && y < c + len) {
            own = e[y - c];
            e[y - c] = 0;
        }
        skb_add(&rest, &lost, FN(skb_block_sum)(e, len));
    }
    rest += lost;
    if (kept) {
        const double s = rest + own;
        const REAL scale = (REAL)(1 / s), w = (REAL)weight;
        if (hessian) {
#pragma omp simd
            for (ptrdiff_t c = 0; c < k; c++) {
                const REAL p = kept[c] * scale;
                hessian[c] = p * (1 - p) * w;
            }
        }
        /* the Hessian above read the exponentials before this overwrites them */
        if (gradient)
            for (ptrdiff_t c = 0; c < k; c++) gradient[c] *= scale * w;
        if (gradient) gradient[y] = (REAL)(-(rest / s) * weight);
        if (hessian) hessian[y] = (REAL)((own / s) * (rest / s) * weight);
    }
    return skb_row_loss(rest, own, top, at_label) * weight;
}

static SKB_CLONES double FN(skb_crossentropy)(const int64_t *y, const REAL *x, const double *weight, double *loss,
                                              REAL *gradient, REAL *hessian, int want_loss, ptrdiff_t n, ptrdiff_t k) {
    switch (k) {
    case 2: return FN(skb_crossentropy_short_rows)(y, x, weight, loss, gradient, hessian, want_loss, n, 2);
    case 3: return FN(skb_crossentropy_short_rows)(y, x, weight, loss, gradient, hessian, want_loss, n, 3);
    case 4: return FN(skb_crossentropy_short_rows)(y, x, weight, loss, gradient, hessian, want_loss, n, 4);
    }
    if (k <= SKB_SHORT) return FN(skb_crossentropy_short_rows)(y, x, weight, loss, gradient, hessian, want_loss, n, k);
    double total = 0;
    for (ptrdiff_t r = 0; r < n; r++) {
        const double part = FN(skb_crossentropy_row)(y[r], x + r * k, weight ? weight[r] : 1.0, gradient ? gradient + r * k : NULL,
                                                     hessian ? hessian + r * k : NULL, k);
        if (loss) loss[r] = part;
        total += part;
    }
    return total;
}

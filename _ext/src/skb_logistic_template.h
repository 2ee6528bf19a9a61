/* Logistic loss of labels 0 and 1 and the logistic function. Included by skb_softmax.h once per REAL.
 *
 * With z = f for label 0 and -f for label 1, and e = exp(-|z|),
 *     loss = max(z, 0) + log1p(e),    gradient = sigma(z) or -sigma(z),    hessian = e / (1 + e)^2,
 * where sigma(z) is 1 / (1 + e) for z >= 0 and e / (1 + e) below: nothing overflows and nothing cancels. */

static SKB_CLONES void FN(skb_expit)(const REAL *f, REAL *out, ptrdiff_t n) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL e = FN(skb_exp)(f[i] < 0 ? f[i] : -f[i]);
        out[i] = (f[i] < 0 ? e : 1) / (1 + e);
    }
}

/* Returns the sum of the weighted losses; weight, loss, gradient and hessian may be NULL. */
static SKB_CLONES double FN(skb_logistic)(const int64_t *y, const REAL *f, const double *weight, double *loss, REAL *gradient,
                                          REAL *hessian, int want_loss, ptrdiff_t n) {
    REAL z[SKB_BLOCK], e[SKB_BLOCK], w[SKB_BLOCK];
    double part[SKB_BLOCK], total = 0;
    for (ptrdiff_t start = 0; start < n; start += SKB_BLOCK) {
        const ptrdiff_t len = n - start < SKB_BLOCK ? n - start : SKB_BLOCK;
        for (ptrdiff_t i = 0; i < len; i++) {
            z[i] = y[start + i] ? -f[start + i] : f[start + i];
            e[i] = FN(skb_exp)(z[i] < 0 ? z[i] : -z[i]);
            w[i] = 1;
        }
        if (weight)
            for (ptrdiff_t i = 0; i < len; i++) w[i] = (REAL)weight[start + i];
        if (gradient)
            for (ptrdiff_t i = 0; i < len; i++) {
                const REAL p = (z[i] < 0 ? e[i] : 1) / (1 + e[i]);
                gradient[start + i] = (y[start + i] ? -p : p) * w[i];
            }
        if (hessian)
            for (ptrdiff_t i = 0; i < len; i++) hessian[start + i] = e[i] / ((1 + e[i]) * (1 + e[i])) * w[i];
        if (!want_loss) continue;
        for (ptrdiff_t i = 0; i < len; i++) part[i] = (double)(z[i] > 0 ? z[i] : 0) + (double)FN(skb_log1p)(e[i]);
        if (weight)
            for (ptrdiff_t i = 0; i < len; i++) part[i] *= weight[start + i];
        if (loss) memcpy(loss + start, part, (size_t)len * sizeof(double));
        total += skb_block_sum_d(part, len);
    }
    return total;
}

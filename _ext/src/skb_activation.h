/* Activations of hidden units, over a run of numbers that is a multiple of 64. Included like skb_vector.h.
 *
 * tanh(x) = m / (m + 2) with m = exp(2x) - 1. The exponential is split as 2^k e^r, |r| <= ln(2)/2, and e^r - 1 is a
 * polynomial without constant term, so that small arguments keep their relative precision. Plain loops without
 * branches: the compiler turns them into vector code. Not a number stays not a number. */

#if REAL_IS_DOUBLE
#define LIMIT 40.0
#define ROUND 6755399441055744.0 /* 1.5 * 2^52: adding it rounds to an integer, which then sits in the low bits */
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define LOG2_E 1.44269504088896338700
#define BIAS 1023
#define MANTISSA 52
#else
#define LIMIT 20.0f
#define ROUND 12582912.0f /* 1.5 * 2^23 */
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define LOG2_E 1.44269504f
#define BIAS 127
#define MANTISSA 23
#endif

INLINE REAL NAME(tanh)(REAL x) {
    REAL y = 2 * x, t, k, r, q, power, m;
    UNSIGNED bits;
    y = y < -LIMIT ? -LIMIT : y;
    y = y > LIMIT ? LIMIT : y;
    t = y * LOG2_E + ROUND;
    k = t - ROUND;
    r = y - k * LN2_HIGH;
    r = r - k * LN2_LOW;
    /* (e^r - 1 - r) / r^2, interpolated at Chebyshev points; relative error of e^r 2e-17 or 1.2e-8 */
#if REAL_IS_DOUBLE
    q = 2.5105217004720745e-08;
    q = q * r + 2.7626371065696354e-07;
    q = q * r + 2.7557255400206422e-06;
    q = q * r + 2.480150431378554e-05;
    q = q * r + 1.9841269874820627e-04;
    q = q * r + 1.388888893251478e-03;
    q = q * r + 8.333333333326136e-03;
    q = q * r + 4.1666666666573066e-02;
    q = q * r + 0.1666666666666667;
    q = q * r + 0.5000000000000006;
#else
    q = 1.3933649996e-03f;
    q = q * r + 8.3691556677e-03f;
    q = q * r + 4.1666464925e-02f;
    q = q * r + 0.16666505196f;
    q = q * r + 0.5f;
#endif
    m = r + r * r * q;
    memcpy(&bits, &t, sizeof(bits));
    bits = (bits + BIAS) << MANTISSA;
    memcpy(&power, &bits, sizeof(bits));
    m = (power - 1) + power * m;
    return m / (m + 2);
}

/* a <- act(a) */
static void NAME(activate)(int activation, int64_t n, REAL *restrict a) {
    int64_t i;
    switch (activation) {
    case SKB_TANH:
        for (i = 0; i < n; i++) a[i] = NAME(tanh)(a[i]);
        break;
    case SKB_LOGISTIC:
        for (i = 0; i < n; i++) a[i] = (REAL)0.5 + (REAL)0.5 * NAME(tanh)((REAL)0.5 * a[i]);
        break;
    case SKB_RELU:
        for (i = 0; i < n; i++) a[i] = a[i] < 0 ? 0 : a[i];
        break;
    default:
        break;
    }
}

/* delta <- delta * act', the derivative being told by the value a */
static void NAME(chain)(int activation, int64_t n, const REAL *restrict a, REAL *restrict delta) {
    int64_t i;
    switch (activation) {
    case SKB_TANH:
        for (i = 0; i < n; i++) delta[i] *= 1 - a[i] * a[i];
        break;
    case SKB_LOGISTIC:
        for (i = 0; i < n; i++) delta[i] *= a[i] - a[i] * a[i];
        break;
    case SKB_RELU:
        for (i = 0; i < n; i++) delta[i] = a[i] > 0 ? delta[i] : 0;
        break;
    default:
        break;
    }
}

#undef LIMIT
#undef ROUND
#undef LN2_HIGH
#undef LN2_LOW
#undef LOG2_E
#undef BIAS
#undef MANTISSA

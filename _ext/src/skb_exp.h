/* exp and log1p written so that a compiler can vectorise a loop over them.
 *
 * Plain C without intrinsics and without a vector mathematics library: every function is a straight line of additions,
 * multiplications, bit operations and selections, and is inlined into the loop that calls it, where it takes the
 * instruction set of the caller (see skb_simd.h). Never compile this with -ffast-math: rounding by a large constant would be
 * optimised away.
 *
 *   skb_exp_d, skb_exp_f        e^x for x <= 88 (float) or 709 (double). Below about -87 or -708 the result is exactly 0, so that
 *                               no subnormal number is ever formed. -inf gives 0, NaN gives NaN.
 *   skb_exp_scaled_d, _f        e^x 2^-down for a whole number down not below the power of two in e^x, and |x| at most 2000
 *                               (float) or 10^6 (double); exactly 0 where the result would be subnormal.
 *   skb_log1p_d, skb_log1p_f    ln(1 + x) for 0 <= x < 2^23 (float) or 2^52 (double). NaN gives NaN.
 *
 * Each is within 1.4 units in the last place of the true value. */
#pragma once
#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER)
#define SKB_INLINE static __forceinline
#else
#define SKB_INLINE static inline __attribute__((always_inline))
#endif

SKB_INLINE uint64_t skb_bits_d(double x) { uint64_t u; memcpy(&u, &x, sizeof u); return u; }
SKB_INLINE double skb_real_d(uint64_t u) { double x; memcpy(&x, &u, sizeof x); return x; }
SKB_INLINE uint32_t skb_bits_f(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
SKB_INLINE float skb_real_f(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }

/* Adding 1.5 * 2^52 (2^23) to a number rounds it to a whole one and leaves that in the low bits of the sum. */
#define SKB_ROUND_D 6755399441055744.0
#define SKB_ROUND_F 12582912.0f

/* ln 2 in two parts; the first has 21 (12) bits fewer than the format, so its product with a whole number below 2^21 (2^12)
 * is exact even where the machine has no fused multiply-add. */
#define SKB_LN2_HI_D 0x1.62e42feep-1
#define SKB_LN2_LO_D 0x1.a39ef35793c76p-33
#define SKB_LN2_HI_F 0x1.62ep-1f
#define SKB_LN2_LO_F 0x1.0bfbe8p-15f
#define SKB_LOG2E_D 0x1.71547652b82fep+0
#define SKB_LOG2E_F 0x1.715476p+0f

/* e^r = 1 + (r + r^2 q(r)) for |r| <= ln(2)/2. The polynomial q interpolates (e^r - 1 - r) / r^2 at the Chebyshev nodes of
 * that interval, which is within 0.13 units in the last place of the best one; its terms are paired to shorten the chain. */
SKB_INLINE double skb_exp_core_d(double r) {
    const double r2 = r * r, r4 = r2 * r2;
    const double a = 0.5 + r * 0x1.5555555555556p-3, b = 0x1.5555555553d63p-5 + r * 0x1.11111111109b3p-7;
    const double c = 0x1.6c16c1788bd90p-10 + r * 0x1.a01a01a7c41d5p-13;
    const double d = 0x1.a019b90d2ae7ap-16 + r * 0x1.71de0dae63bb3p-19;
    const double e = 0x1.289185613a3d6p-22 + r * 0x1.af38a9b0ec855p-26;
    const double q = (a + r2 * b) + r4 * ((c + r2 * d) + r4 * e);
    return 1.0 + (r + r2 * q);
}

SKB_INLINE float skb_exp_core_f(float r) {
    const float r2 = r * r;
    const float a = 0.5f + r * 0x1.5554dcp-3f, b = 0x1.55551ap-5f + r * 0x1.120b6ep-7f;
    const float q = a + r2 * (b + r2 * 0x1.6d110ap-10f);
    return 1.0f + (r + r2 * q);
}

/* The whole number nearest to x / ln 2: the power of two in e^x. */
SKB_INLINE double skb_power_d(double x) { return (x * SKB_LOG2E_D + SKB_ROUND_D) - SKB_ROUND_D; }
SKB_INLINE float skb_power_f(float x) { return (x * SKB_LOG2E_F + SKB_ROUND_F) - SKB_ROUND_F; }

SKB_INLINE double skb_exp_scaled_d(double x, double down) {
    const double t = x * SKB_LOG2E_D + SKB_ROUND_D, k = t - SKB_ROUND_D, left = t - down;
    const double r = (x - k * SKB_LN2_HI_D) - k * SKB_LN2_LO_D;
    const double y = skb_exp_core_d(r) * skb_real_d((skb_bits_d(left) + 1023) << 52);
    return left < SKB_ROUND_D - 1021 ? 0.0 : y;
}

SKB_INLINE float skb_exp_scaled_f(float x, float down) {
    const float t = x * SKB_LOG2E_F + SKB_ROUND_F, k = t - SKB_ROUND_F, left = t - down;
    const float r = (x - k * SKB_LN2_HI_F) - k * SKB_LN2_LO_F;
    const float y = skb_exp_core_f(r) * skb_real_f((skb_bits_f(left) + 127) << 23);
    return left < SKB_ROUND_F - 125 ? 0.0f : y;
}

SKB_INLINE double skb_exp_d(double x) { return skb_exp_scaled_d(x, 0.0); }
SKB_INLINE float skb_exp_f(float x) { return skb_exp_scaled_f(x, 0.0f); }

/* 1 + x = u = 2^k f with f between sqrt(1/2) and sqrt(2), and with g = f - 1, s = g / (2 + g), z = s^2,
 *     ln f = 2 atanh(s) = g - (g^2 / 2 - s (g^2 / 2 + 2 z q(z))),    q(z) = 1/3 + z/5 + z^2/7 + ...
 * where the exact g carries the result and the rounding of s touches only its correction. What 1 + x loses in rounding is
 * put back into g, so that a tiny x keeps its relative accuracy. q interpolates at Chebyshev nodes as above. */
SKB_INLINE double skb_log1p_d(double x) {
    const uint64_t half = 0x3fe6a09e667f3bcdULL; /* the bits of sqrt(1/2) */
    const double u = 1.0 + x, lost = x - (u - 1.0);
    const uint64_t power = (skb_bits_d(u) - half) >> 52;
    const double k = skb_real_d(power | 0x4330000000000000ULL) - 4503599627370496.0;
    const double g = (skb_real_d(skb_bits_d(u) - (power << 52)) - 1.0) + lost * skb_real_d((1023 - power) << 52);
    const double s = g / (2.0 + g), z = s * s, z2 = z * z, h = 0.5 * g * g;
    const double a = 0x1.5555555555558p-2 + z * 0x1.99999999952abp-3;
    const double b = 0x1.2492492df7663p-3 + z * 0x1.c71c62ddb431bp-4;
    const double c = 0x1.7462b6e311a89p-4 + z * (0x1.39fe16ad885a7p-4 + z * 0x1.2b5bd9a316a24p-4);
    const double q = a + z2 * (b + z2 * c);
    return k * SKB_LN2_HI_D + (g - (h - (s * (h + 2.0 * z * q) + k * SKB_LN2_LO_D)));
}

SKB_INLINE float skb_log1p_f(float x) {
    const uint32_t half = 0x3f3504f3U;
    const float u = 1.0f + x, lost = x - (u - 1.0f);
    const uint32_t power = (skb_bits_f(u) - half) >> 23;
    const float k = skb_real_f(power | 0x4b000000U) - 8388608.0f;
    const float g = (skb_real_f(skb_bits_f(u) - (power << 23)) - 1.0f) + lost * skb_real_f((127 - power) << 23);
    const float s = g / (2.0f + g), z = s * s, h = 0.5f * g * g;
    const float q = 0x1.55555cp-2f + z * (0x1.997c28p-3f + z * 0x1.2ee76cp-3f);
    return k * SKB_LN2_HI_F + (g - (h - (s * (h + 2.0f * z * q) + k * SKB_LN2_LO_F)));
}

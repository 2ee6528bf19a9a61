/* Kernels of networks with one hidden layer, compiled for several instruction sets and chosen once per process.
 *
 * The tile of sums kept in registers differs between the sets (32 registers of 64 bytes, 16 of 32, 16 of 16), so each
 * set is a separate inclusion of the same source rather than a clone of one function. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SKB_BLOCK 64 /* rows of a block, as in skboost/_ext/packed.py */
#define SKB_GROUP 4  /* blocks whose sums are taken in the precision of the rows; also the batch of Adam */
#define SKB_SPAN 32  /* hidden units at a time in a prediction */

#if defined(__GNUC__)
#define SKB_ALWAYS_INLINE inline __attribute__((always_inline))
#define SKB_UNROLL _Pragma("GCC unroll 16")
#else
#define SKB_ALWAYS_INLINE inline
#define SKB_UNROLL
#endif
#if defined(_MSC_VER)
#define restrict __restrict
#endif

/* Ask for memory that will be read soon; at most 8 KB, which the caches take without crowding out anything. */
static inline void skb_prefetch(const void *start, int64_t n_bytes) {
#if defined(__GNUC__)
    for (int64_t i = 0; i < n_bytes && i < 8192; i += 64) __builtin_prefetch((const char *)start + i, 0, 2);
#else
    (void)start, (void)n_bytes;
#endif
}

enum { SKB_IDENTITY, SKB_LOGISTIC, SKB_RELU, SKB_TANH };

/* Shape of a network and of the table it reads. */
typedef struct {
    int64_t n_in;          /* columns that enter */
    int64_t n_units;       /* hidden units */
    int64_t n_out;         /* outputs */
    int64_t n_weights;     /* 1, or n_out where every output has its own weights */
    int64_t block_step;    /* numbers from one block of rows to the next */
    int activation;
    const int32_t *offset; /* (n_in,) where the columns start inside a block */
    const int32_t *plain;  /* 0, 64, 128, ...: the same for columns without gaps */
} skb_network;

#define SKB_DECLARE(REAL)                                                                                              \
    typedef struct {                                                                                                   \
        double (*evaluate)(const skb_network *, const REAL *rows, const REAL *target, const REAL *weight,              \
                           const REAL *parameters, const int64_t *ids, int64_t first, int64_t n_blocks, REAL *work,    \
                           double *gradient);                                                                          \
        void (*forward)(const skb_network *, const REAL *rows, const REAL *parameters, const double *bias,             \
                        int64_t first, int64_t n_blocks, int64_t n_rows, REAL *work, double *out, int accumulate);     \
        void (*gram)(const skb_network *, const REAL *rows, const REAL *target, const REAL *weight,                    \
                     const REAL *parameters, const double *shift, int64_t first, int64_t n_blocks, int64_t group,      \
                     REAL *work, double *gram, double *moment);                                                        \
        void (*adam)(int64_t n, REAL *theta, const double *gradient, const REAL *decay, REAL *first, REAL *second,     \
                     double factor, double rate, double correction);                                                   \
        SKB_ALGEBRA_##REAL                                                                                             \
    } skb_##REAL##_kernels;
#define SKB_ALGEBRA_double                                                                                             \
    double (*dot)(int64_t n, const double *x, const double *y);                                                        \
    void (*add)(int64_t n, double factor, const double *x, double *y);
#define SKB_ALGEBRA_float
SKB_DECLARE(double)
SKB_DECLARE(float)

/* what the whole file may use: everything the machine has with -march=native, else the oldest machine */
#if !defined(__GNUC__) || defined(SKB_NO_VECTORS)
#define BYTES 8
#define TILE 2
#elif defined(__AVX512F__)
#define BYTES 64
#define TILE 4
#elif defined(__AVX__)
#define BYTES 32
#define TILE 2
#elif defined(__aarch64__)
#define BYTES 16
#define TILE 4
#else
#define BYTES 16
#define TILE 2
#endif
#define ISA _base
#include "skb_network_isa.h"
#undef ISA
#undef BYTES
#undef TILE

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(SKB_NO_CLONES)
#define SKB_SEVERAL_SETS 1
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi2")
#define ISA _avx2
#define BYTES 32
#define TILE 2
#include "skb_network_isa.h"
#undef ISA
#undef BYTES
#undef TILE
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi2,prefer-vector-width=512")
#define ISA _avx512
#define BYTES 64
#define TILE 4
#include "skb_network_isa.h"
#undef ISA
#undef BYTES
#undef TILE
#pragma GCC pop_options
#else
#define SKB_SEVERAL_SETS 0
#endif

/* Best set that the machine has, not above most: 0 baseline, 1 AVX2, 2 AVX-512. */
static int skb_simd_level(int most) {
#if SKB_SEVERAL_SETS
    if (most >= 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return 2;
    if (most >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return 1;
#else
    (void)most;
#endif
    return 0;
}

static const skb_double_kernels *skb_double_kernels_of(int level) {
#if SKB_SEVERAL_SETS
    if (level == 2) return &skb_double_kernels_avx512;
    if (level == 1) return &skb_double_kernels_avx2;
#else
    (void)level;
#endif
    return &skb_double_kernels_base;
}

static const skb_float_kernels *skb_float_kernels_of(int level) {
#if SKB_SEVERAL_SETS
    if (level == 2) return &skb_float_kernels_avx512;
    if (level == 1) return &skb_float_kernels_avx2;
#else
    (void)level;
#endif
    return &skb_float_kernels_base;
}

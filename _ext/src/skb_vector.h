/* Vectors of REAL, LANES at a time, and sums across their lanes. Included once per precision and instruction set.
 *
 * Expects REAL, LANES, REAL_IS_DOUBLE and NAME(x). One lane is an ordinary number, for compilers that know no vector
 * types. A vector may start at any REAL: tables that numpy allocated are not aligned to whole vectors. */

#define INLINE static SKB_ALWAYS_INLINE

#if LANES > 1
typedef REAL NAME(vec) __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#else
typedef REAL NAME(vec);
#endif
#define VEC NAME(vec)
#define LOAD(pointer) (*(const VEC *)(pointer))
#define STORE(pointer, value) (*(VEC *)(pointer) = (value))

/* Partners for a sum of neighbours: first inside 128-bit lanes, where shuffles are cheap, then between lanes. */
#if LANES == 16
#define NEAR_EVEN 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30
#define NEAR_ODD 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31
#define FAR_EVEN 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define FAR_ODD 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#elif LANES == 8 && !REAL_IS_DOUBLE
#define NEAR_EVEN 0, 2, 8, 10, 4, 6, 12, 14
#define NEAR_ODD 1, 3, 9, 11, 5, 7, 13, 15
#define FAR_EVEN 0, 1, 2, 3, 8, 9, 10, 11
#define FAR_ODD 4, 5, 6, 7, 12, 13, 14, 15
#elif LANES == 8
#define NEAR_EVEN 0, 8, 2, 10, 4, 12, 6, 14
#define NEAR_ODD 1, 9, 3, 11, 5, 13, 7, 15
#define FAR_EVEN 0, 1, 4, 5, 8, 9, 12, 13
#define FAR_ODD 2, 3, 6, 7, 10, 11, 14, 15
#elif LANES == 4 && !REAL_IS_DOUBLE
#define NEAR_EVEN 0, 2, 4, 6
#define NEAR_ODD 1, 3, 5, 7
#elif LANES == 4
#define NEAR_EVEN 0, 4, 2, 6
#define NEAR_ODD 1, 5, 3, 7
#define FAR_EVEN 0, 1, 4, 5
#define FAR_ODD 2, 3, 6, 7
#elif LANES == 2
#define NEAR_EVEN 0, 2
#define NEAR_ODD 1, 3
#endif

#if LANES > 1
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef INTEGER NAME(index) __attribute__((vector_size(LANES * sizeof(REAL))));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (NAME(index)){__VA_ARGS__})
#endif
#endif

/* out[i] = sum of the lanes of sums[i], for n = 1, 2, 4, ... vectors; destroys sums. */
INLINE void NAME(fold)(const int n, VEC *sums, REAL *out) {
    int left = n;
#if LANES > 1
    for (int width = LANES; width > 1; width /= 2) {
        const int pairs = left > 1 ? left / 2 : 1;
        const int other = left > 1 ? 1 : 0; /* a lone vector is paired with itself */
        SKB_UNROLL
        for (int i = 0; i < pairs; i++) {
            VEC a = sums[2 * i], b = sums[2 * i + other];
#ifdef FAR_EVEN
            if (width * (REAL_IS_DOUBLE ? 2 : 4) <= LANES) /* neighbours are whole 128-bit lanes by now */
                sums[i] = SHUFFLE(a, b, FAR_EVEN) + SHUFFLE(a, b, FAR_ODD);
            else
#endif
                sums[i] = SHUFFLE(a, b, NEAR_EVEN) + SHUFFLE(a, b, NEAR_ODD);
        }
        left = pairs;
    }
    if (n < LANES) {
        VEC whole = sums[0];
        SKB_UNROLL
        for (int i = 0; i < n; i++) out[i] = whole[i];
        return;
    }
#endif
    SKB_UNROLL
    for (int i = 0; i < left; i++) STORE(out + i * LANES, sums[i]);
}

#undef NEAR_EVEN
#undef NEAR_ODD
#undef FAR_EVEN
#undef FAR_ODD

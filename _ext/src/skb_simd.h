/* One portable binary that still uses AVX2 or AVX-512 where the machine has it: gcc compiles a marked function
 * once per level and the dynamic loader picks one. Only glibc on x86-64 has the mechanism; elsewhere the mark is empty. */
#pragma once
#include <limits.h> /* defines __GLIBC__ */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(SKB_NO_CLONES)
#define SKB_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SKB_CLONES
#endif

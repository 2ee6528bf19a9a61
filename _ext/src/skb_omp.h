/* OpenMP where the compiler has it, one thread where it has not. */
#pragma once
#ifdef _OPENMP
#include <omp.h>
#define SKB_HAVE_OPENMP 1
#else
#define SKB_HAVE_OPENMP 0
static inline int omp_get_max_threads(void) { return 1; }
static inline int omp_get_thread_num(void) { return 0; }
#endif

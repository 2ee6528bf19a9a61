/* The network kernels in double and in float for one instruction set. Included once per set.
 *
 * Expects ISA, a suffix, BYTES, the size of a vector, and TILE. */

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define DOUBLE_NAME(x) PASTE(skb_double_, x, ISA)
#define FLOAT_NAME(x) PASTE(skb_float_, x, ISA)

#define NAME(x) DOUBLE_NAME(x)
#define REAL double
#define REAL_IS_DOUBLE 1
#define INTEGER int64_t
#define UNSIGNED uint64_t
#define KERNELS skb_double_kernels
#define SKB_SQRT sqrt
#define LANES (BYTES / 8)
#include "skb_network_block.h"

#define NAME(x) FLOAT_NAME(x)
#define REAL float
#define REAL_IS_DOUBLE 0
#define INTEGER int32_t
#define UNSIGNED uint32_t
#define KERNELS skb_float_kernels
#define SKB_SQRT sqrtf
#define LANES (BYTES >= 16 ? BYTES / 4 : 1)
#include "skb_network_block.h"

#undef DOUBLE_NAME
#undef FLOAT_NAME
#undef PASTE
#undef PASTE_

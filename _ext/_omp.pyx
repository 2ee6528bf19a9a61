"""How many threads a kernel may use."""
import os

from joblib import cpu_count

cdef extern from "skb_omp.h":
    const int SKB_HAVE_OPENMP
    int omp_get_max_threads() nogil

HAVE_OPENMP = bool(SKB_HAVE_OPENMP)

cdef int _N_CPUS = 0
cdef bint _FORKED = False


def _after_fork_in_child():
    global _FORKED
    _FORKED = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


cpdef int effective_n_threads(object n_threads=None) except -1:
    """Resolve ``n_threads``: None means all, -1 all, -2 all but one, a positive number itself.

    A forked child gets one thread, because the thread pool of its parent does not survive the fork and a parallel
    region would wait for it for ever. ``OMP_NUM_THREADS``, ``threadpoolctl`` and the limits of a container are obeyed.
    """
    global _N_CPUS
    cdef int most
    if n_threads is not None and n_threads == 0:
        raise ValueError("n_threads=0 is not a number of threads; pass None, a positive or a negative number.")
    if not HAVE_OPENMP or _FORKED:
        return 1
    most = omp_get_max_threads()
    if not os.environ.get("OMP_NUM_THREADS"):
        if _N_CPUS == 0:
            _N_CPUS = cpu_count()  # asked once: it costs tens of microseconds
        most = min(most, _N_CPUS)
    if n_threads is None:
        return most
    return max(1, most + 1 + n_threads) if n_threads < 0 else n_threads

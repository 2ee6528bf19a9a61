"""Build the Cython kernels of ``_ext`` into ``skboost._ext``.

Environment variables
---------------------
SKBOOST_OPENMP=auto|on|off   use OpenMP if the compiler has it (auto), insist on it, or leave it out
SKBOOST_NATIVE=1             compile for this machine only, instead of portable clones per instruction set
SKBOOST_DEBUG=1              keep bounds checks in the kernels
SKBOOST_NO_CLONES=1          compile one portable version of each kernel
"""

import os
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

try:
    from setuptools.errors import CompileError, LinkError
except ImportError:  # older names of the same two errors
    from distutils.errors import CompileError, LinkError

SOURCES = Path("_ext")
# Python's own CFLAGS carry -fwrapv, which stops gcc from vectorising index arithmetic: undoing it makes the
# network kernel about twice as fast. -ffast-math is never used: it switches off denormals for the whole process.
FLAGS = {
    "msvc": ["/O2", "/fp:precise"],
    "unix": [
        "-O3",
        "-g0",
        "-fno-wrapv",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fopenmp-simd",
        "-fvisibility=hidden",
    ],
}
OPENMP = {
    "msvc": [(["/openmp"], [])],
    "unix": [(["-fopenmp"], ["-fopenmp"])],
    "darwin": [(["-fopenmp"], ["-fopenmp"]), (["-Xpreprocessor", "-fopenmp"], ["-lomp"])],
}
OPENMP_PROBE = """
#include <omp.h>
int main(void) {
    int n = 0;
    #pragma omp parallel reduction(+:n)
    n += 1;
    return n == 0 || omp_get_max_threads() == 0;
}
"""


def compiles(compiler, code, cflags, ldflags=(), link=False):
    """Tell whether a small program compiles (and links) with the given flags."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(code)
        try:
            objects = compiler.compile(
                [str(source)], output_dir=folder, extra_postargs=list(cflags)
            )
            if link:
                compiler.link_executable(
                    objects, str(Path(folder, "probe")), extra_postargs=list(ldflags)
                )
        except (CompileError, LinkError, OSError):
            return False
    return True


class BuildExt(build_ext):
    """Probe the compiler, translate the Cython sources, then build as usual.

    Cython runs here and not at import, so that making a source release or reading the metadata needs no compiler.
    """

    def build_extensions(self):
        cflags, ldflags = self._flags()
        from Cython.Build import cythonize

        for extension in self.extensions:
            extension.extra_compile_args = cflags
            extension.extra_link_args = ldflags
        debug = os.environ.get("SKBOOST_DEBUG") == "1"
        translated = cythonize(
            self.extensions,
            build_dir=os.path.join(self.build_temp, "cython"),
            include_path=[str(Path(__file__).parent)],
            # the directives below may differ from those of the last build
            force=self.force or None,
            compiler_directives={
                "language_level": 3,
                "boundscheck": debug,
                "wraparound": False,
                "initializedcheck": debug,
                "nonecheck": debug,
                "cdivision": True,
                "embedsignature": True,
                "freethreading_compatible": True,
            },
        )
        # keep setuptools' own Extension objects (they carry attributes of the build), take the C files
        for extension, done in zip(self.extensions, translated, strict=True):
            extension.sources = done.sources
            extension.depends = sorted({*extension.depends, *done.depends})
        super().build_extensions()

    def _flags(self):
        kind = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        cflags, ldflags = list(FLAGS[kind]), []
        if kind == "unix":
            empty = "int main(void) { return 0; }"
            cflags = [flag for flag in cflags if compiles(self.compiler, empty, [flag, "-Werror"])]
        if os.environ.get("SKBOOST_NATIVE") == "1":
            cflags += ["-march=native", "-DSKB_NO_CLONES"]
        elif os.environ.get("SKBOOST_NO_CLONES") == "1":
            cflags += ["-DSKB_NO_CLONES"]
        wish = os.environ.get("SKBOOST_OPENMP", "auto")
        if wish not in ("auto", "on", "off"):
            raise ValueError(f"SKBOOST_OPENMP={wish!r} is unknown; use auto, on or off.")
        if wish == "off":
            return cflags, ldflags
        for more_cflags, more_ldflags in OPENMP["darwin" if sys.platform == "darwin" else kind]:
            if compiles(self.compiler, OPENMP_PROBE, more_cflags, more_ldflags, link=True):
                return cflags + more_cflags, ldflags + more_ldflags
        if wish == "on":
            raise RuntimeError("SKBOOST_OPENMP=on, but the compiler has no OpenMP.")
        self.warn("OpenMP was not found: skboost is built single-threaded.")
        return cflags, ldflags


setup(
    ext_modules=[
        Extension(
            f"skboost._ext.{source.stem}",
            [source.as_posix()],
            include_dirs=["_ext/src"],
            depends=sorted(map(str, SOURCES.glob("src/*.h"))),
        )
        for source in sorted(SOURCES.glob("*.pyx"))
    ],
    cmdclass={"build_ext": BuildExt},
)

"""Peak memory of a solve beyond its data.

All arrays of the framework, those that generated C works on included, are allocated by numpy, which reports them to
`tracemalloc`: its peak counts every array that was alive at once, also one that the operating system has not been asked for again.
Buffers inside BLAS, which do not grow with the economy, are not counted.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable


def peak_bytes(call: Callable[[], object]) -> int:
    """Largest memory that was allocated at once while a call ran, less what was allocated before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

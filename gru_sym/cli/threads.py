"""threads: how many of them BLAS may use in a command."""

import os

__all__ = ["one_thread"]

_NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread() -> None:
    """Let BLAS use one thread, unless the environment says how many.

    For commands that multiply matrices by a few vectors at a time: with two threads these wait for
    each other, and take several times as long. It has an effect before NumPy is loaded only.
    """
    if not any(name in os.environ for name in _NAMES):
        os.environ.update(dict.fromkeys(_NAMES, "1"))

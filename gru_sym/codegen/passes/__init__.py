"""The passes: small pure functions, whose result computes the same as what they were given.

``name``, ``split`` and ``stable_gates`` prepare a cell's Program, ``stable_slopes`` its two Scans.
The others move and join the definitions of one Scan, but for ``coefficients``, which moves them
from the backward to the forward Scan. :func:`~gru_sym.codegen.plan.plan` applies those that a
backend's row names, in order; the Numba backend itself has ``coefficients``, ``fuse`` and ``join``
follow. ``reuse`` changes nothing: it decides which array holds what. None knows a cell's name.
"""

"""Backprop through time derived by hand, in plain NumPy: a reference that nobody generates.

Each module holds one cell, as ``forward`` and ``backward`` over whole sequences, and writes its
derivation out. They import nothing but NumPy, and share nothing with what they are compared with.
"""

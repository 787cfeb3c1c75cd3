"""The backends: how a cell's two Scans become a module for NumPy, numba, PyTorch, and others."""

"""Derive: vjp, jvp, Jacobian (as a sum of paths), BPTT and hvp, each a Program from a Program."""

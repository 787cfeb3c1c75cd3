"""Gradients held against what shares nothing with them."""

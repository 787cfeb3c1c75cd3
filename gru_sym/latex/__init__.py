"""LaTeX of cells and derivations."""

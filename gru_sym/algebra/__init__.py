"""The algebra: shaped symbols, linear-map nodes, activations, and the Program."""
